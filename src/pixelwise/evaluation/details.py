"""Optional metrics of a split besides the confusion matrix, counted in the same pass over the images."""

from collections.abc import Collection
from typing import Any

from pixelwise.core.types import Labels
from pixelwise.evaluation.metrics.boundary import Boundary
from pixelwise.evaluation.metrics.calibration import Calibration
from pixelwise.evaluation.metrics.log_loss import LogLoss
from pixelwise.evaluation.metrics.regions import RegionSizes
from pixelwise.evaluation.metrics.trimap import (
    BORDER_CONVENTION,
    TRIMAP_CONVENTION,
    Bands,
    class_border_distance,
    void_distance,
)
from pixelwise.inference.segmentation import Segmentation

BANDS = ("trimap", "class_borders")
ALL = (*BANDS, "boundary", "calibration", "sizes", "log_loss")
OF_LABELS = (*BANDS, "boundary", "sizes")
"""Those that need no probabilities."""


class Details:
    """Each part is None unless its name, one of ALL, was requested."""

    def __init__(self, classes: int, names: Collection[str] = ()) -> None:
        if isinstance(names, str):
            raise ValueError(f'expected a list of details, such as ["{names}"], got "{names}"')
        if unknown := sorted(set(names) - set(ALL)):
            raise ValueError(f"expected details among {', '.join(ALL)}, got {', '.join(unknown)}")
        self.trimap = Bands(classes) if "trimap" in names else None
        self.class_borders = Bands(classes) if "class_borders" in names else None
        self.boundary = Boundary(classes) if "boundary" in names else None
        self.calibration = Calibration() if "calibration" in names else None
        self.sizes = RegionSizes(classes) if "sizes" in names else None
        self.log_loss = LogLoss() if "log_loss" in names else None

    @property
    def names(self) -> tuple[str, ...]:
        """The requested parts."""
        return tuple(name for name in ALL if getattr(self, name) is not None)

    def add(self, read: Labels, truth: Labels, labels: Labels, result: Segmentation | None) -> None:
        """Count one image: `read` (H, W) in the data set's classes, `truth` and `labels`, the prediction, in
        the model's. `result` is None for a prediction without probabilities, of which OF_LABELS can be
        counted.
        """
        if self.trimap is not None:
            self.trimap.add(void_distance(read), truth, labels)
        if self.class_borders is not None:
            self.class_borders.add(class_border_distance(read), truth, labels)
        if self.boundary is not None:
            self.boundary.add(truth, labels)
        if self.calibration is not None and result is not None:
            self.calibration.add(truth, labels, result.confidence())
        if self.sizes is not None:
            self.sizes.add(truth, labels)
        if self.log_loss is not None and result is not None:
            self.log_loss.add(truth, result.probabilities_at(result.size))

    def merge(self, other: "Details") -> None:
        """Add what another process has counted, which must have the same `names`."""
        for name in self.names:
            getattr(self, name).merge(getattr(other, name))

    def to_dict(self) -> dict[str, Any]:
        """The results by name, each with its convention."""
        content: dict[str, Any] = {}
        if self.trimap is not None:
            content["trimap"] = {"convention": TRIMAP_CONVENTION, "curve": self.trimap.curve()}
        if self.class_borders is not None:
            borders = {"convention": BORDER_CONVENTION, "curve": self.class_borders.curve()}
            content["class_borders"] = borders
        if self.boundary is not None:
            content["boundary"] = self.boundary.to_dict()
        if self.calibration is not None:
            content["calibration"] = self.calibration.to_dict()
        if self.sizes is not None:
            content["sizes"] = self.sizes.to_dict()
        if self.log_loss is not None:
            content["log_loss"] = self.log_loss.to_dict()
        return content
