"""Convolutional trunks by timm's names, as lists of feature maps."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from pixelwise.errors import MissingExtraError, ModelError
from pixelwise.models.weights import load_by_order, packaged_weights, read_tensors


@dataclass(frozen=True)
class Level:
    """One feature map of a trunk: where it stands in the list, its channels, its stride in pixels."""

    index: int
    channels: int
    stride: int


class Backbone(nn.Module):
    """Normalised images (N, 3, H, W) to feature maps, finest first; `levels` describes them.

    `mean` and `std` (3), in RGB order and units of 0 to 255, are what the weights were trained with.
    """

    def __init__(
        self, trunk: nn.Module, levels: tuple[Level, ...], mean: list[float], std: list[float]
    ) -> None:
        super().__init__()
        self.trunk, self.levels, self.mean, self.std = trunk, levels, mean, std

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        features: list[torch.Tensor] = self.trunk(image)
        return features

    def freeze(self, stages: int) -> None:
        """Stop the learning of the stem and of the first `stages` stages."""
        if stages == 0:
            return
        if not hasattr(self.trunk, "blocks"):
            raise ModelError(
                "freezing stages works for timm nets of EfficientNet's family", "set freeze_stages=0"
            )
        stem = [part for name, part in self.trunk.named_children() if name != "blocks"]
        for part in [*stem, *list(self.trunk.get_submodule("blocks").children())[:stages]]:
            part.requires_grad_(False)


def backbone(name: str, weights: str = "none", output_stride: int = 32) -> Backbone:
    """The trunk `name` of timm with atrous convolution to `output_stride` (8, 16 or 32).

    `weights`: "package" (an installed package that carries them), "timm" (downloaded by timm), "none"
    (random), or a file with the classifier's tensors by timm's names or in its order. Raises ModelError if
    timm does not know the name or the weights do not fit.
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
    try:
        trunk = timm.create_model(
            name, pretrained=weights == "timm", features_only=True, output_stride=output_stride, **options
        )
    except Exception as problem:  # timm and its hub raise many kinds
        raise ModelError(
            f'timm does not give "{name}" as feature maps of output stride {output_stride} with weights '
            f'"{weights}": {problem}',
            "take a convolutional net of timm's; weights of timm's hub need the network",
        ) from problem
    config = trunk.pretrained_cfg
    mean, std = list(config["mean"]), list(config["std"])
    if weights not in ("timm", "none"):
        file = packaged_weights(name) if weights == "package" else Path(weights)
        classifier = timm.create_model(name, **options)
        load_by_order(classifier, read_tensors(file))
        _copy_by_name(classifier, trunk)
        if "efficientnet_lite" in name:
            mean, std = [127 / 255] * 3, [128 / 255] * 3
    info = trunk.feature_info
    levels = tuple(
        Level(index, channels, stride)
        for index, (channels, stride) in enumerate(zip(info.channels(), info.reduction(), strict=True))
    )
    return Backbone(trunk, levels, [255 * m for m in mean], [255 * s for s in std])


def _copy_by_name(classifier: nn.Module, trunk: nn.Module) -> None:
    source, target = classifier.state_dict(), trunk.state_dict()
    missing = [name for name in target if name not in source]
    if missing:
        raise ModelError(f"the classifier has no tensors for {', '.join(missing[:5])} of the trunk")
    trunk.load_state_dict({name: source[name] for name in target})
