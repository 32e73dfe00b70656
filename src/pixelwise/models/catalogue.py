"""The papers' nets by name, as their authors released them. Importing this needs no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pixelwise.models.segmentation_net import SegmentationNet

NOT_RUN = "not run"
NO_FIGURE = "none"


@dataclass(frozen=True)
class Entry:
    """A net: `arguments` are those of `deeplab` for names that begin so, else of `fcn`.

    `paper` is the mean IoU in per cent of 21 VOC classes that its authors report, `ours` what a command of
    this package printed. `images_per_second`: of DeepLab, how fast its authors' training was.
    """

    arguments: Mapping[str, Any]
    paper: str
    ours: str = NOT_RUN
    images_per_second: float | None = None


CATALOGUE = {
    "fcn32s-alexnet": Entry({"backbone": "alexnet", "stride": 32}, "39.8*, released 48.0"),
    "fcn16s-alexnet": Entry({"backbone": "alexnet", "stride": 16}, NO_FIGURE),
    "fcn8s-alexnet": Entry({"backbone": "alexnet", "stride": 8}, NO_FIGURE),
    "fcn8s-at-once-alexnet": Entry({"backbone": "alexnet", "stride": 8, "at_once": True}, NO_FIGURE),
    "fcn32s-googlenet": Entry({"backbone": "googlenet", "stride": 32}, "42.5*"),
    "fcn16s-googlenet": Entry({"backbone": "googlenet", "stride": 16}, NO_FIGURE),
    "fcn8s-googlenet": Entry({"backbone": "googlenet", "stride": 8}, NO_FIGURE),
    "fcn8s-at-once-googlenet": Entry({"backbone": "googlenet", "stride": 8, "at_once": True}, NO_FIGURE),
    "fcn32s-vgg16": Entry({"stride": 32}, "56.0*, 59.4, released 63.6"),
    "fcn32s-fixed-vgg16": Entry({"stride": 32, "fixed": True}, "45.4"),
    "fcn16s-vgg16": Entry({"stride": 16}, "62.4, released 65.0"),
    "fcn8s-vgg16": Entry({"stride": 8}, "62.7, released 65.5"),
    "fcn8s-at-once-vgg16": Entry({"stride": 8, "at_once": True}, "released 65.4"),
    "fcn32s-vgg19": Entry({"backbone": "vgg19", "stride": 32}, NO_FIGURE),
    "fcn32s-dense-pool5-vgg16": Entry({"stride": 32, "dense_pool5": True}, NO_FIGURE),
    "fcn32s-random-scores-vgg16": Entry({"stride": 32, "score_std": 0.01}, NO_FIGURE),
    "fcn16s-pool4-only-vgg16": Entry({"stride": 16, "fusion": "skip"}, NO_FIGURE),
    "fcn16s-max-vgg16": Entry({"stride": 16, "fusion": "max"}, NO_FIGURE),
    "deeplab-base": Entry({"variant": "base"}, "59.80, CRF 63.74", images_per_second=2.90),
    "deeplab-4x4": Entry({"variant": "4x4"}, "CRF 67.14", images_per_second=2.90),
    "deeplab-7x7": Entry({"variant": "7x7"}, "64.38, CRF 67.64", images_per_second=1.44),
    "deeplab-large-fov": Entry({"variant": "large_fov"}, "62.25, CRF 67.64", images_per_second=4.84),
    "deeplab-msc-base": Entry({"variant": "base", "multi_scale": True}, "61.30, CRF 65.21"),
    "deeplab-msc-large-fov": Entry({"variant": "large_fov", "multi_scale": True}, "64.21, CRF 68.70"),
}
CONVENTION = (
    "mean IoU in %: FCN on VOC2011 seg11valid after learning from SBD (Long et al. 2015, table 2, and the "
    "release), * on VOC2011 val after learning from the 1,112 pictures of VOC2011 train (table 1), "
    "DeepLab on VOC2012 val without and with its CRF (Chen et al. 2015, tables 1 and 2)"
)


def build(name: str, classes: int = 21, **options: Any) -> "SegmentationNet":
    """A new net by its name, "_" as good as "-" in it, with random weights.

    `options` are further arguments of `fcn` or `deeplab`. Raises ValueError that lists the names there are.
    """
    from pixelwise.models.deeplab import deeplab
    from pixelwise.models.fcn import fcn

    entry = CATALOGUE.get(name.replace("_", "-"))
    if entry is None:
        raise ValueError(f'there is no net "{name}"; there are {", ".join(CATALOGUE)}')
    constructor = deeplab if name.startswith("deeplab") else fcn
    net: SegmentationNet = constructor(**{**entry.arguments, "classes": classes, **options})
    return net
