"""The papers' nets by name, as their authors released them. Importing this needs no torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pixelwise.models.nets.segmentation_net import SegmentationNet

NOT_RUN = "not run"
NO_FIGURE = "none"


def fcn_net(weights: str | None = None, **arguments: Any) -> "SegmentationNet":
    """`fcn`, with the weights of an ImageNet classifier if `weights` names them."""
    from pixelwise.models.nets.fcn import fcn

    return _started(fcn(**arguments), weights)


def deeplab_net(weights: str | None = None, **arguments: Any) -> "SegmentationNet":
    """`deeplab`, with the weights of an ImageNet classifier if `weights` names them."""
    from pixelwise.models.nets.deeplab import deeplab

    return _started(deeplab(**arguments), weights)


def _started(net: "SegmentationNet", weights: str | None) -> "SegmentationNet":
    if weights is not None:
        from pixelwise.models.weights.imagenet import load_imagenet

        load_imagenet(net, weights)
    return net


@dataclass(frozen=True)
class Entry:
    """A net with its constructor, inputs, weights and published figures.

    `arguments` are passed to `constructor` to make this net. `paper` is the mean IoU in per cent of 21 VOC
    classes that its authors report, `ours` the figure that a command of this package printed.
    `images_per_second`: the speed of the authors' training, for DeepLab.
    """

    arguments: Mapping[str, Any]
    paper: str = NO_FIGURE
    ours: str = NOT_RUN
    constructor: "Callable[..., SegmentationNet]" = fcn_net
    settings: tuple[str, ...] = ("dropout", "padding", "upsampling", "origin")
    """The fields of a recipe that the constructor takes under the same names."""
    channels: tuple[int, ...] = (3, 4, 6)
    """The possible numbers of input channels."""
    bands: bool = True
    """Whether the constructor also takes any other number of `in_channels`, for inputs=bands."""
    weights: tuple[str, ...] = ("torchvision", "a file")
    """The sources of initial weights for its backbone, besides random ones."""
    backbone: str | None = "vgg16"
    """The backbone, if `arguments` do not name it. None: a special one, or the caller's choice."""
    images_per_second: float | None = None

    @property
    def trunk(self) -> str | None:
        """The name of its backbone, if it is always the same."""
        trunk: str | None = self.arguments.get("backbone", self.backbone)
        return trunk


def deeplab_entry(arguments: Mapping[str, Any], paper: str, **known: Any) -> Entry:
    """An entry of the DeepLab family."""
    family: dict[str, Any] = {"settings": ("dropout", "pools"), "channels": (3, 4)}
    return Entry(arguments, paper, constructor=deeplab_net, **{**family, **known})


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
    "fcn32s-vgg19": Entry({"backbone": "vgg19", "stride": 32}),
    "fcn32s-dense-pool5-vgg16": Entry({"stride": 32, "dense_pool5": True}),
    "fcn32s-random-scores-vgg16": Entry({"stride": 32, "score_std": 0.01}),
    "fcn16s-pool4-only-vgg16": Entry({"stride": 16, "fusion": "skip"}),
    "fcn16s-max-vgg16": Entry({"stride": 16, "fusion": "max"}),
    "deeplab-base": deeplab_entry({"variant": "base"}, "59.80, CRF 63.74", images_per_second=2.90),
    "deeplab-4x4": deeplab_entry({"variant": "4x4"}, "CRF 67.14", images_per_second=2.90),
    "deeplab-7x7": deeplab_entry({"variant": "7x7"}, "64.38, CRF 67.64", images_per_second=1.44),
    "deeplab-large-fov": deeplab_entry({"variant": "large_fov"}, "62.25, CRF 67.64", images_per_second=4.84),
    "deeplab-large-fov-alexnet": deeplab_entry(
        {"variant": "large_fov", "backbone": "alexnet"},
        NO_FIGURE,
        backbone="alexnet",
        settings=("dropout", "pools", "origin"),
    ),
    "deeplab-msc-base": deeplab_entry({"variant": "base", "multi_scale": True}, "61.30, CRF 65.21"),
    "deeplab-msc-large-fov": deeplab_entry({"variant": "large_fov", "multi_scale": True}, "64.21, CRF 68.70"),
}
CONVENTION = (
    "mean IoU in %: FCN on VOC2011 seg11valid after learning from SBD (Long et al. 2015, table 2, and the "
    "release), * on VOC2011 val after learning from the 1,112 pictures of VOC2011 train (table 1), "
    "DeepLab on VOC2012 val without and with its CRF (Chen et al. 2015, tables 1 and 2)"
)
