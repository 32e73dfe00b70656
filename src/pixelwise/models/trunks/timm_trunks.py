"""timm's models as backbones that return lists of feature maps."""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pixelwise.core.errors import MissingExtraError, ModelError
from pixelwise.core.terminal import reason_of
from pixelwise.models.layers.layout import Layout, UnfitError, layout_of
from pixelwise.models.surgery.input_channels import for_bands
from pixelwise.models.weights.tensor_files import load_by_order, naming, packaged_weights, read_tensors


@dataclass(frozen=True)
class Level:
    """One feature map of a trunk: where it stands in the list, its channels, its stride in pixels."""

    index: int
    channels: int
    stride: int


class Backbone(nn.Module):
    """Normalised images (N, K, H, W) to feature maps, finest first; `levels` describes them, `layout` says
    which sizes it takes and where the cells lie.

    `mean` and `std` (K), in RGB order and units of 0 to 255, are what the weights were trained with. For
    another number of channels than 3 they are the averages of these.
    """

    def __init__(
        self,
        trunk: nn.Module,
        levels: tuple[Level, ...],
        mean: list[float],
        std: list[float],
        layout: Layout | None = None,
    ) -> None:
        super().__init__()
        self.trunk, self.levels, self.mean, self.std = trunk, levels, mean, std
        self.layout = layout or Layout()

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        features: list[torch.Tensor] = self.trunk(image)
        return features

    def freeze(self, stages: int) -> None:
        """Stop the learning of the stem and of the first `stages` stages.

        Nets of EfficientNet's family have about seven stages, those in `blocks`. The stages of others end
        with their feature maps of stride 4 and more: all layers before such a map are frozen. Raises
        ModelError if the backbone has no sequence of stages, such as HRNet.
        """
        if stages == 0:
            return
        blocks = getattr(self.trunk, "blocks", None)
        if isinstance(blocks, nn.Sequential | nn.ModuleList):
            stem = [part for name, part in self.trunk.named_children() if name != "blocks"]
            for part in [*stem, *list(blocks)[:stages]]:
                part.requires_grad_(False)
            return
        before = self._before(stages)
        for name, parameter in self.trunk.named_parameters():
            if name in before:
                parameter.requires_grad_(False)

    def _before(self, stages: int) -> set[str]:
        """The names of the parameters that the first `stages` stages are computed from."""
        ends = [level.index for level in self.levels if level.stride >= 4]
        trial = copy.deepcopy(self).eval().requires_grad_(True)
        side = self.layout.padded(64, self.levels[-1].stride)
        maps = trial(torch.zeros(1, len(self.mean), side, side))
        parameters = dict(trial.trunk.named_parameters())

        def used(end: int) -> dict[str, int]:
            """Their sizes by name."""
            found = torch.autograd.grad(
                maps[end].sum(), list(parameters.values()), retain_graph=True, allow_unused=True
            )
            pairs = zip(parameters.items(), found, strict=True)
            return {name: own.numel() for (name, own), gradient in pairs if gradient is not None}

        whole = sum(parameter.numel() for parameter in parameters.values())
        if len(ends) > 1 and 3 * sum(used(ends[0]).values()) > whole:
            raise ModelError(
                "stages of this backbone cannot be frozen: its first one already needs a third of the net",
                "set freeze_stages=0",
            )
        return set(used(ends[min(stages, len(ends)) - 1]))


def backbone(name: str, weights: str = "none", output_stride: int = 32, in_channels: int = 3) -> Backbone:
    """The trunk `name` of timm with atrous convolution to `output_stride` (8, 16 or 32).

    `weights`: "package" (an installed package that carries them), "timm" (downloaded by timm), "none"
    (random), or a file with the classifier's tensors by timm's names or in its order, of any number of
    classes or without a head. Those of the first layer are fitted to `in_channels` by for_bands. Raises
    ModelError if timm does not know the name, the weights do not fit, or the backbone is not suitable for
    segmentation.
    """
    try:
        import timm
    except ModuleNotFoundError:
        raise MissingExtraError("timm") from None
    if output_stride not in (8, 16, 32):
        raise ValueError(f"output_stride must be 8, 16 or 32, got {output_stride}")
    if not timm.is_model(name):
        near = timm.list_models(f"*{name.split('_')[0]}*")[:8]
        raise ModelError(f'timm knows no model "{name}"', f"near: {', '.join(near)}" if near else None)

    # The lite weights come from TensorFlow, where BatchNorm's epsilon is 1e-3.
    options = {"bn_eps": 1e-3} if "efficientnet_lite" in name else {}
    trunk, layout, more = _created(name, weights, output_stride, options)
    config: Any = trunk.pretrained_cfg
    mean, std = list(config["mean"]), list(config["std"])
    if weights not in ("timm", "none"):
        file = packaged_weights(name) if weights == "package" else Path(weights)
        tensors = read_tensors(file)
        with naming(file):
            _copy_by_name(_classifier(name, tensors, options), trunk)
        if "efficientnet_lite" in name:
            mean, std = [127 / 255] * 3, [128 / 255] * 3
    if in_channels != 3:
        trunk = _for_bands(trunk, name, in_channels, {**options, **more})
        mean, std = ([sum(values) / 3] * in_channels for values in (mean, std))
    return Backbone(trunk, _levels(trunk), [255 * m for m in mean], [255 * s for s in std], layout)


def _classifier(name: str, tensors: Mapping[str, torch.Tensor], options: Mapping[str, Any]) -> nn.Module:
    """timm's classifier with these tensors: of its usual number of classes, of another, or without the head,
    which no segmentation net needs. Raises ModelError, about the usual one, if they fit none.
    """
    import timm

    classifier: nn.Module = timm.create_model(name, **options)
    try:
        load_by_order(classifier, tensors)
        return classifier
    except ModelError as problem:
        fault = problem
    config: Any = classifier.pretrained_cfg
    named = tensors.get(f"{config.get('classifier')}.weight")
    last = [tensor for tensor in tensors.values() if tensor.ndim][-1:]
    heads = last if named is None or not named.ndim else [named]
    for classes in (*map(len, heads), 0):
        classifier = timm.create_model(name, num_classes=classes, **options)
        try:
            load_by_order(classifier, tensors)
            return classifier
        except ModelError:
            continue
    raise fault


def _for_bands(trunk: nn.Module, name: str, bands: int, options: Mapping[str, Any]) -> nn.Module:
    """The same trunk for another number of channels."""
    import timm

    made: nn.Module = timm.create_model(name, features_only=True, in_chans=bands, **options)
    made = _ChannelsFirst(made) if isinstance(trunk, _ChannelsFirst) else made
    places, fitted = made.state_dict(), trunk.state_dict()
    for name_, tensor in fitted.items():
        if tensor.shape != places[name_].shape:
            fitted[name_] = for_bands(tensor, bands)
    made.load_state_dict(fitted)
    return made.train(trunk.training)


_ANY_SIZE: tuple[Mapping[str, Any], ...] = ({}, {"strict_img_size": False}, {"dynamic_img_size": True})
"""What timm's families take so that pictures may have any size."""


def _created(
    name: str, weights: str, output_stride: int, options: Mapping[str, Any]
) -> tuple[nn.Module, Layout, Mapping[str, Any]]:
    """timm's net as a list of maps, N C H W, their layout, and the options that it took besides."""
    import timm
    from timm.layers import Format

    fault: str | None = None
    for more in ({"output_stride": output_stride}, *(_ANY_SIZE if output_stride == 32 else ())):
        try:
            trunk = timm.create_model(
                name, pretrained=weights == "timm", features_only=True, **options, **more
            )
        except TypeError:  # an option that the family does not know
            continue
        except Exception as problem:  # timm and its hub raise many kinds
            raise ModelError(
                f'timm does not give "{name}" as feature maps of output stride {output_stride} with weights '
                f'"{weights}": {reason_of(problem)}',
                "use a convolutional timm model; weights of timm's hub need the network",
            ) from problem
        if getattr(trunk, "output_fmt", None) == Format.NHWC:
            trunk = _ChannelsFirst(trunk)
        channels, strides = trunk.feature_info.channels(), trunk.feature_info.reduction()
        try:
            layout = layout_of(trunk.eval(), channels, strides)
        except UnfitError as problem:
            fault = fault or str(problem)
        else:
            return trunk.train(), layout, more
    raise ModelError(
        f'the backbone "{name}" cannot carry a segmentation net: '
        f"{fault or f'timm does not build it with output stride {output_stride}'}",
        "use another timm model: resnet, regnet, convnext, hrnet, swin and many more work",
    )


class _ChannelsFirst(nn.Module):
    """A trunk that gives maps as N H W C, as N C H W."""

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.net = trunk
        self.feature_info, self.pretrained_cfg = trunk.feature_info, trunk.pretrained_cfg

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        return [map_.permute(0, 3, 1, 2) for map_ in self.net(image)]


def _levels(trunk: nn.Module) -> tuple[Level, ...]:
    info: Any = trunk.feature_info
    return tuple(
        Level(index, channels, stride)
        for index, (channels, stride) in enumerate(zip(info.channels(), info.reduction(), strict=True))
    )


def _copy_by_name(classifier: nn.Module, trunk: nn.Module) -> None:
    """Copy the classifier's tensors into a trunk, where their names differ: timm's wrappers write the dots of
    a flattened sequence as underscores, or put a word in front.
    """
    state = classifier.state_dict()
    source = {_plain(name): tensor for name, tensor in state.items()}
    if len(source) < len(state):
        raise ModelError("the backbone's tensors cannot be told apart by their names")
    wanted = {name: _plain(_WRAPPER.sub("", name)) for name in trunk.state_dict()}
    if missing := [name for name, plain in wanted.items() if plain not in source]:
        raise ModelError(f"the classifier has no tensors for {', '.join(missing[:5])} of the backbone")
    trunk.load_state_dict({name: source[plain] for name, plain in wanted.items()})


_WRAPPER = re.compile(r"^(net\.)?((model|body)\.)?")


def _plain(name: str) -> str:
    return name.replace(".", "_")
