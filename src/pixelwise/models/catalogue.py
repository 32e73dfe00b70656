"""The papers' nets by name, as their authors released them."""

from collections.abc import Callable
from dataclasses import dataclass

from pixelwise.models.deeplab import deeplab
from pixelwise.models.fcn import fcn
from pixelwise.models.segmentation_net import SegmentationNet

NOT_RUN = "not run"


@dataclass(frozen=True)
class Entry:
    """A net: `build` makes it, with random weights, for so many classes.

    `paper` is the mean IoU in per cent of 21 VOC classes that its authors report, `ours` what a command of
    this package printed.
    """

    build: Callable[[int], SegmentationNet]
    paper: str
    ours: str = NOT_RUN


CATALOGUE = {
    "fcn32s-alexnet": Entry(lambda classes: fcn("alexnet", 32, classes), "39.8, released 48.0"),
    "fcn32s-googlenet": Entry(lambda classes: fcn("googlenet", 32, classes), "42.5"),
    "fcn32s-vgg16": Entry(lambda classes: fcn("vgg16", 32, classes), "59.4, released 63.6"),
    "fcn16s-vgg16": Entry(lambda classes: fcn("vgg16", 16, classes), "62.4, released 65.0"),
    "fcn8s-vgg16": Entry(lambda classes: fcn("vgg16", 8, classes), "62.7, released 65.5"),
    "fcn8s-at-once-vgg16": Entry(lambda classes: fcn("vgg16", 8, classes, at_once=True), "released 65.4"),
    "deeplab-base": Entry(lambda classes: deeplab("base", classes=classes), "59.80, CRF 63.74"),
    "deeplab-4x4": Entry(lambda classes: deeplab("4x4", classes=classes), "CRF 67.14"),
    "deeplab-7x7": Entry(lambda classes: deeplab("7x7", classes=classes), "64.38, CRF 67.64"),
    "deeplab-large-fov": Entry(lambda classes: deeplab("large_fov", classes=classes), "62.25, CRF 67.64"),
    "deeplab-msc-base": Entry(lambda classes: deeplab("base", True, classes), "61.30, CRF 65.21"),
    "deeplab-msc-large-fov": Entry(lambda classes: deeplab("large_fov", True, classes), "64.21, CRF 68.70"),
}
CONVENTION = (
    "mean IoU in %: FCN on VOC2011 seg11valid (Long et al. 2015, tables 1 and 2, and the release), "
    "DeepLab on VOC2012 val without and with its CRF (Chen et al. 2015, table 1)"
)


def build(name: str, classes: int = 21) -> SegmentationNet:
    """A new net by its name, with random weights. Raises ValueError that lists the names there are."""
    if name not in CATALOGUE:
        raise ValueError(f'there is no net "{name}"; there are {", ".join(CATALOGUE)}')
    return CATALOGUE[name].build(classes)
