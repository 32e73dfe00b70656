"""FCN-32s, FCN-16s and FCN-8s. Source: Long et al. 2015, section 4, and the authors' release."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import nn

from pixelwise.models.layers.alignment import Crop, Fuse, NonlinearUpsampling, Surround, upsampling_onto
from pixelwise.models.layers.grid import Grid
from pixelwise.models.nets.segmentation_net import CAFFE_MEAN, LOG_DEPTH_MEAN, NYUD_MEAN, SegmentationNet
from pixelwise.models.trunks.alexnet import alexnet_trunk
from pixelwise.models.trunks.googlenet import googlenet_trunk
from pixelwise.models.trunks.trunk import Trunk, he_conv, through
from pixelwise.models.trunks.vgg16 import VGG19_DEPTHS, vgg16_trunk

RELEASE_PADDING = 100
LAST_UPSCORE = {32: "upscore", 16: "upscore16", 8: "upscore8"}
SKIP_SCALES = (0.01, 0.0001)
"""By which the finer and the finest skip are multiplied before scoring in nets trained at once."""


@dataclass(frozen=True)
class Classifier:
    """What FCN takes from a classifier: its trunk with the first layer's padding, the kernel of fc6 (0: the
    classifier has no fc6 and fc7), the dropout before scoring, the pooling of stride 16 and that of 8.
    """

    trunk: Callable[..., Trunk]
    last: str
    half_kernel: int
    fc_kernel: int
    dropout: float
    skips: tuple[str, str]


CLASSIFIERS = {
    "alexnet": Classifier(alexnet_trunk, "pool5", 5, 6, 0.5, ("pool2", "pool1")),
    "vgg16": Classifier(vgg16_trunk, "pool5", 1, 7, 0.5, ("pool4", "pool3")),
    "vgg19": Classifier(partial(vgg16_trunk, depths=VGG19_DEPTHS), "pool5", 1, 7, 0.5, ("pool4", "pool3")),
    "googlenet": Classifier(googlenet_trunk, "inception_5b", 3, 0, 0.4, ("pool3", "pool2")),
}

HHA_MEAN = (132.431, 94.076, 118.477)
MEANS = {
    3: CAFFE_MEAN,
    4: NYUD_MEAN + LOG_DEPTH_MEAN,
    6: NYUD_MEAN + HHA_MEAN,
}
"""By channels, as the release subtracts them: RGB; RGB, log depth; RGB, HHA, each as files have them."""


class FCN(SegmentationNet):
    """Images (N, channels, H, W) of any size, RGB from 0 to 255 first, to scores (N, classes, H, W) float32.

    Scores of stride 32 (score_fr) are upsampled twofold and the scores of a pooling added (in VGG16
    score_pool4 and fuse_pool4), then so with a finer one; the last upsampling is fixed unless it is a
    nonlinear stack. Score layers are zero at the start, or Gaussian of deviation `score_std`.
    """

    backbone: Trunk

    def __init__(
        self,
        trunk: Trunk,
        skips: tuple[str, ...],
        classes: int,
        fc_kernel: int = 7,
        filters: int = 4096,
        dropout: float = 0.5,
        released: bool = True,
        at_once: bool = False,
        upsampling: str = "fixed",
        mean: tuple[float, ...] = CAFFE_MEAN,
        maximum: bool = False,
        score_std: float = 0.0,
    ) -> None:
        super().__init__(mean, (1.0,) * len(mean))
        self.backbone = trunk
        self.skips = skips
        last = trunk.taps[-1]
        grid, channels = trunk.grids[last], trunk.channels[last]
        self.before_score = []
        for name, layer in _made_convolutional(channels, fc_kernel, filters, dropout, released):
            self.add_module(name, layer)
            self.before_score.append(name)
            grid = through(layer, grid)
        self.score_fr = _score(filters if fc_kernel else channels, classes, score_std)

        self.score_offset = float(grid.offset)
        # Behind every sum the cells at the border are repeated once, unless the image was padded enough.
        self.surround = None if released else Surround()
        around = 0 if released else 1
        grid = grid.shifted(-around)
        names = [("upscore2", f"upscore_{skips[0]}")[index] for index in range(len(skips))]
        self.score_stride = int(grid.stride) >> len(skips)
        self.upscores = [*names, LAST_UPSCORE[self.score_stride]]
        self.scales = SKIP_SCALES[: len(skips)] if at_once else (1.0,) * len(skips)
        for skip, upscore in zip(skips, names, strict=True):
            between, grid = upsampling_onto(
                trunk.grids[skip], grid, classes, upsampling != "fixed", upsampling == "full"
            )
            fuse = Fuse(grid, trunk.grids[skip], maximum)
            self.score_offset = float(fuse.grid.offset)
            grid = fuse.grid.shifted(-around)
            self.add_module(upscore, between)
            self.add_module(f"score_{skip}", _score(trunk.channels[skip], classes, score_std))
            self.add_module(f"fuse_{skip}", fuse)
        if upsampling == "nonlinear":
            stack = NonlinearUpsampling(grid, classes)
            final, grid = cast(nn.Module, stack), stack.grid
        else:
            final, grid = upsampling_onto(Grid(), grid, classes)
        self.add_module(self.upscores[-1], final)
        self.score = Crop(grid)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features = self.backbone(self.normalise(image))
        x = features[self.backbone.taps[-1]]
        for name in self.before_score:
            x = self.get_submodule(name)(x)
        scores = self._surrounded(self.score_fr(x))
        for skip, upscore, scale in zip(self.skips, self.upscores, self.scales, strict=False):
            feature = features[skip] if scale == 1 else features[skip] * scale
            scored = self.get_submodule(f"score_{skip}")(feature)
            fused = self.get_submodule(f"fuse_{skip}")(self.get_submodule(upscore)(scores), scored)
            scores = self._surrounded(fused)
        full: torch.Tensor = self.score(self.get_submodule(self.upscores[-1])(scores), image)
        return full

    def _surrounded(self, scores: torch.Tensor) -> torch.Tensor:
        return scores if self.surround is None else self.surround(scores)


class SkipOnly(SegmentationNet):
    """The scores of one skip layer alone, upsampled: "learning only from the pool4 layer" of section 4.2."""

    backbone: Trunk

    def __init__(self, trunk: Trunk, classes: int, released: bool) -> None:
        super().__init__(CAFFE_MEAN, (1.0,) * 3)
        self.backbone = trunk
        self.skip = trunk.taps[-1]
        grid = trunk.grids[self.skip]
        self.score_stride, self.score_offset = int(grid.stride), float(grid.offset)
        self.add_module(f"score_{self.skip}", _score(trunk.channels[self.skip], classes))
        self.surround = None if released else Surround()
        self.upscore, grid = upsampling_onto(Grid(), grid if released else grid.shifted(-1), classes)
        self.score = Crop(grid)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        feature = self.backbone(self.normalise(image))[self.skip]
        scores = self.get_submodule(f"score_{self.skip}")(feature)
        if self.surround is not None:
            scores = self.surround(scores)
        full: torch.Tensor = self.score(self.upscore(scores), image)
        return full


class LateFusion(SegmentationNet):
    """Two nets for two kinds of image of the same place, three channels each, one after the other; their
    scores are averaged.

    The paper speaks of the sum; the layer of the release (score_fused of its NYUDv2 nets) takes each score
    half, which this follows: the labels are the same, and scores keep the size of one net's. Upsampling being
    linear, the mean of the two nets' scores is the upsampled mean of their coarse ones, as in the release.
    """

    def __init__(self, colour: FCN, other: FCN) -> None:
        super().__init__((0.0,) * 6, (1.0,) * 6)  # the streams subtract their own means
        self.colour, self.other = colour, other
        self.score_stride, self.score_offset = colour.score_stride, colour.score_offset

    def freeze(self, stages: int) -> None:
        """Stop the learning of the first `stages` stages of both trunks; 0: of none."""
        self.colour.freeze(stages)
        self.other.freeze(stages)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = 0.5 * (self.colour(image[:, :3]) + self.other(image[:, 3:]))
        return scores


def fcn(
    backbone: str = "vgg16",
    stride: int = 8,
    classes: int = 21,
    padding: str = "release",
    at_once: bool = False,
    upsampling: str = "fixed",
    heads: Mapping[str, int] | None = None,
    in_channels: int = 3,
    origin: str = "caffe",
    fixed: bool = False,
    dropout: float | None = None,
    filters: int = 4096,
    fusion: str = "sum",
    score_std: float = 0.0,
    dense_pool5: bool = False,
    **trunk_options: object,
) -> FCN | SkipOnly | LateFusion:
    """FCN with random weights and zero scores.

    backbone: "alexnet", "vgg16", "vgg19" or "googlenet". stride: 32, 16 or 8; VGG's skips are pool4 and
    pool3, those of the others, which the paper has at stride 32 only, their poolings of stride 16 and 8.
    padding: "release" puts 100 pixels around the image and none before fc6, as the authors' files do; "same"
    pads every layer by half its filter, about 0.6 times the work.
    at_once: skips are scaled down, for training without stages.
    upsampling: "fixed" between the skips, as in the release; "learned", a filter for each class; or "full",
    as in the paper, learned filters from every class to every other, which begin as the bilinear ones.
    "nonlinear": the last upsampling too, as a stack of doublings with ReLUs.
    heads: classes by name of several outputs, as {"semantic": 33, "geometric": 3}; replaces `classes`. Their
    scores stand side by side in this order; `by_head` parts them.
    in_channels: 3, 4 (early fusion: log depth as fourth channel), 6 (late fusion of RGB and HHA), or any
    other number of bands.
    origin: "caffe", the classifiers of the paper, or "torchvision", which differ in AlexNet (no groups, no
    response normalisation, other widths) and GoogLeNet (no response normalisation, one 2x2 pooling).
    fixed: only the score layers learn, FCN-32s-fixed of table 2.
    fusion: how skips and coarser scores are joined, "sum", "max", or "skip": the skip alone (stride 16 or 8).
    score_std: of score layers at the start, 0 as in the paper. dense_pool5: VGG's last pooling has stride 1,
    fc6 14x14 taps to see as much, and scores have stride 16 (with stride=32, without skips). These three are
    what the paper tried and left (sections 4.2 and 4.3).
    dropout: by default the classifier's. filters: of fc6 and fc7. What is left goes to the trunk, as `widths`
    to VGG16's.
    """
    for name, value, allowed in (
        ("backbone", backbone, tuple(CLASSIFIERS)),
        ("stride", stride, tuple(LAST_UPSCORE)),
        ("padding", padding, ("release", "same")),
        ("upsampling", upsampling, ("fixed", "learned", "full", "nonlinear")),
        ("fusion", fusion, ("sum", "max", "skip") if stride < 32 and in_channels == 3 else ("sum",)),
        (
            "dense_pool5",
            dense_pool5,
            (False, True) if backbone.startswith("vgg") and stride == 32 else (False,),
        ),
        ("origin", origin, ("caffe", "torchvision")),
    ):
        if value not in allowed:
            raise ValueError(f"{name} is one of {', '.join(map(str, allowed))}, not {value}")
    if in_channels < 1:
        raise ValueError(f"in_channels is at least 1, not {in_channels}")
    classifier = CLASSIFIERS[backbone]
    skips = classifier.skips[: {32: 0, 16: 1, 8: 2}[stride]]
    if not backbone.startswith("vgg"):
        trunk_options["origin"] = origin
    if dense_pool5:
        trunk_options["last_pool_stride"] = 1
    released = padding == "release"
    first_padding = RELEASE_PADDING if released else classifier.half_kernel
    if fusion == "skip":
        trunk = classifier.trunk(skips[-1:], 3, first_padding, **trunk_options)
        return SkipOnly(trunk, sum(heads.values()) if heads else classes, released)

    def stream(channels: int, mean: tuple[float, ...]) -> FCN:
        taps = (*reversed(skips), classifier.last)
        net = FCN(
            classifier.trunk(taps, channels, first_padding, **trunk_options),
            skips,
            sum(heads.values()) if heads else classes,
            2 * classifier.fc_kernel if dense_pool5 else classifier.fc_kernel,
            filters,
            classifier.dropout if dropout is None else dropout,
            released,
            at_once,
            upsampling,
            mean,
            fusion == "max",
            score_std,
        )
        if fixed:
            for name, parameter in net.named_parameters():
                parameter.requires_grad_(name.startswith("score_"))
        return net

    if in_channels == 6:
        return LateFusion(stream(3, NYUD_MEAN), stream(3, HHA_MEAN))
    return stream(in_channels, MEANS.get(in_channels, (0.0,) * in_channels))


def _made_convolutional(
    channels: int, kernel: int, filters: int, dropout: float, released: bool
) -> list[tuple[str, nn.Module]]:
    """The layers between trunk and score."""
    if kernel == 0:
        return [("drop", nn.Dropout(dropout))]
    layers: list[tuple[str, nn.Module]] = [
        ("fc6", he_conv(channels, filters, kernel)),
        ("relu6", nn.ReLU(inplace=True)),
        ("drop6", nn.Dropout(dropout)),
        ("fc7", he_conv(filters, filters, 1)),
        ("relu7", nn.ReLU(inplace=True)),
        ("drop7", nn.Dropout(dropout)),
    ]
    if released:
        return layers
    before, after = (kernel - 1) // 2, kernel // 2
    if before == after:
        return [("fc6", he_conv(channels, filters, kernel, padding=before)), *layers[1:]]
    return [("pad6", nn.ZeroPad2d((before, after, before, after))), *layers]


def _score(channels: int, classes: int, std: float = 0.0) -> nn.Conv2d:
    score = nn.Conv2d(channels, classes, 1)
    nn.init.normal_(score.weight, std=std)
    nn.init.zeros_(score.bias)  # type: ignore[arg-type]
    return score
