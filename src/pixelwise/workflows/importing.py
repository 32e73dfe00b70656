"""Convert the weights that the papers' authors released for Caffe to a model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pixelwise.core.classes import Classes
from pixelwise.core.errors import ModelError, extras_named
from pixelwise.core.files import regular_file, sha256_of
from pixelwise.core.terminal import reason_of
from pixelwise.data.sources.folder import own_classes
from pixelwise.data.sources.voc import VOC_CLASSES
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.models.paper_nets import CATALOGUE
from pixelwise.models.registry import create

if TYPE_CHECKING:
    from pixelwise.models.nets.segmentation_net import SegmentationNet
    from pixelwise.models.weights.caffe_import import Report
    from pixelwise.models.weights.caffemodel import CaffeNet

_INPUT = "uint8 RGB, N H W 3; the net subtracts the mean; Caffe's BGR channels were turned to RGB"


@dataclass(frozen=True)
class CaffeImport:
    """A net called `name` with the weights of a .caffemodel. report: what happened to each weight."""

    model: Path
    digest: str
    name: str
    classes: Classes
    net: "SegmentationNet"
    source: "CaffeNet"
    report: "Report"

    def write(self, output: str | Path, partial: bool = False) -> None:
        """Write the net as a .safetensors file, which `load`, `export` and recipes take.

        partial: also if the file does not have all weights of the net; the others keep their new values.
        Raises ModelError otherwise, and ValueError for another ending.
        """
        from pixelwise.inference.model_files.net_file import write_net

        if Path(output).suffix != ".safetensors":
            raise ValueError(f"expected a name that ends in .safetensors, got {output}")
        if not (self.report.complete or partial):
            raise ModelError(
                f"{self.model} does not hold a whole {self.name}",
                "see above; try another --as, or --partial, which keeps new weights where MODEL has none",
            )
        preprocessing = {
            "input": _INPUT,
            "mean": self.net.mean.flatten().tolist(),
            "std": self.net.std.flatten().tolist(),
        }
        training = {
            "imported_from": self.model.name,
            "sha256": self.digest,
            "caffe_net": self.source.name,
            "complete": self.report.complete,
        }
        info = ModelInfo(self.name, self.classes, 500, preprocessing, training)
        write_net(self.net, self.name, info, Path(output), self.report.missing)


@extras_named()
def import_caffe(
    model: str | Path,
    output: str | Path,
    net: str | None = None,
    classes: str | Path | None = None,
    mean: str | Sequence[float] | None = None,
    sha256: str | None = None,
    partial: bool = False,
) -> CaffeImport:
    """Convert a .caffemodel to a .safetensors file; Caffe is not needed.

    net: which of the papers' nets, default the one that the file fills completely. classes: a text file of
    names, one per line; default VOC's for 21 classes, else numbers. mean: what the net subtracts per channel,
    blue, green, red, or the path of a .binaryproto; default VOC's. sha256: refuse a file with another digest.
    partial: write the file even if some weights are missing. Layers are matched by name, every shape is
    checked, and the first layer is turned from BGR to RGB. Raises ModelError for a file that cannot be read
    or does not fit.
    """
    matched = match_caffe(model, net, classes, mean, sha256)
    matched.write(output, partial)
    return matched


def match_caffe(
    model: str | Path,
    net: str | None = None,
    classes: str | Path | None = None,
    mean: str | Sequence[float] | None = None,
    sha256: str | None = None,
) -> CaffeImport:
    """All of `import_caffe` that comes before writing: read the file, and copy its weights to a net."""
    import torch

    from pixelwise.models.weights.caffe_import import classes_of, copy_caffe
    from pixelwise.models.weights.caffemodel import read_caffemodel

    path = Path(model)
    digest = _digest(path)
    if sha256 is not None and sha256.lower() != digest:
        raise ModelError(
            f"{path} has sha256 {digest}, expected {sha256}", "download it again, from its authors"
        )
    source = read_caffemodel(path)
    names = _classes(None if classes is None else Path(classes), classes_of(source) or 21)
    name = net or _fitting(source, len(names), str(path))
    built = create(name, len(names)).eval()
    report = copy_caffe(source, built)
    if mean is not None:
        built.mean.copy_(torch.tensor(_mean(mean, built.mean.numel())[::-1]).view_as(built.mean))
    if not report.matches:
        layers = ", ".join(layer.name for layer in source.layers[:5])
        raise ModelError(
            f"{path} holds no weights of {name}; its layers are {layers}, ...",
            f"try another --as: {', '.join(CATALOGUE)}",
        )
    return CaffeImport(path, digest, name, names, built, source, report)


def _digest(path: Path) -> str:
    try:
        return sha256_of(regular_file(path))
    except OSError as problem:
        raise ModelError(f"cannot read {path}: {reason_of(problem)}") from problem


def _classes(path: Path | None, count: int) -> Classes:
    if path is None:
        return Classes.named(
            VOC_CLASSES if count == len(VOC_CLASSES) else [f"class {i}" for i in range(count)]
        )
    found = own_classes(path).classes
    if len(found) != count:
        raise ModelError(
            f"{path} names {len(found)} classes, but the net scores {count}", "name them all, one per line"
        )
    return found


def _mean(given: str | Sequence[float], channels: int) -> list[float]:
    """The mean per channel, BGR, of numbers, of their text or of a file."""
    from pixelwise.models.weights.caffemodel import read_mean

    try:
        values = [float(part) for part in (given.split(",") if isinstance(given, str) else given)]
    except ValueError:
        values = read_mean(Path(str(given))).mean((1, 2)).tolist()
    if len(values) != channels:
        raise ModelError(
            f"--mean has {len(values)} numbers, but the net takes {channels} channels",
            "give one number per channel, in Caffe's order: blue, green, red",
        )
    if not all(map(math.isfinite, values)):
        raise ModelError(f"--mean must be finite numbers, got {given}", "leave it out for VOC's mean")
    return values


def _fitting(source: "CaffeNet", classes: int, path: str) -> str:
    """The net of the catalogue that the file fills."""
    import torch

    from pixelwise.models.weights.caffe_import import copy_caffe

    starts = []
    for name in CATALOGUE:
        with torch.device("meta"):
            net = create(name, classes)
        report = copy_caffe(source, net)
        if report.complete and not report.left:
            return name
        if set(report.missing) == {"score_fr.weight", "score_fr.bias"}:
            starts.append(f"it seems to be a classifier: --as {name} --partial makes it a start for training")
    hint = next(iter(starts), f"say which with --as: {', '.join(CATALOGUE)}")
    raise ModelError(f"{path} matches none of the nets completely", hint)
