"""A recipe: everything that decides how a net is trained, as typed plain data."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass

from pixelwise.errors import TrainingError
from pixelwise.models.catalogue import CATALOGUE


@dataclass(frozen=True)
class Recipe:
    """The fields below, all of them changeable by `--set field=value`."""

    name: str
    data: str
    """Data set as KIND:PATH."""
    classes: str | None = None
    """Which classes, as "background,person,animal=cat+dog"; None takes those of the data set."""
    train_split: str = "train"
    val_split: str = "val"

    net: str = "skip_fcn"
    """"skip_fcn", which the fields from `backbone` to `batch_norm` describe, or a net of the papers by its
    name (`pixelwise models` lists them), for which `backbone_weights`, `dropout` and `upsampling` count too.
    """
    padding: str = "same"
    """Of the papers' FCNs: "same" (half of each kernel) or "release" (100 pixels around the image)."""
    origin: str = "caffe"
    """Whose AlexNet and GoogLeNet: the papers' ("caffe") or "torchvision", whose weights fit no others."""
    init_from: str | None = None
    """A run folder whose net this one starts from; layers that it does not have begin as new ones."""
    backbone: str = "efficientnet_lite2"
    """A name of timm's."""
    backbone_weights: str = "package"
    """"package", "timm", "none" or a file. Papers' nets: "none", "torchvision" or a file with its names."""
    output_stride: int = 32
    skips: tuple[int, ...] = (16, 8, 4)
    context: int = 128
    """Channels of the context block, 0 for none."""
    rates: tuple[int, ...] = (2, 4)
    """Atrous rates of the context block."""
    hidden: int = 64
    """Channels of the hidden layer of each skip, 0 for none."""
    dropout: float = 0.1
    upsampling: str = "fixed"
    """"fixed" or "learned" bilinear kernels between the skips; the last upsampling is always fixed."""

    batch_norm: str = "frozen"
    """"frozen" (ImageNet's statistics, folded) or "train"."""
    freeze_stages: int = 2
    """The stem and so many stages do not learn; 0: all learn. A VGG's stages end with a pooling, it has no
    stem.
    """

    train_side: int = 500
    """Larger pictures are learnt as if reduced to this many pixels on their longer side; see long_side."""
    crop: int = 321
    """Side of the square that is learnt from, pixels; 0: whole pictures, one a batch."""
    scale: tuple[float, float] = (0.6, 1.6)
    mirror: bool = True
    jitter: int | None = None
    """Crops lie up to this many pixels off the middle of a picture, as FCN's 32; none: anywhere in it."""
    colour: float = 0.3
    batch_size: int = 8
    steps: int = 5000

    loss_sampling: float = 1.0
    """The share of the final layer's cells that count, at random, while batches grow by its inverse."""
    balance_classes: bool = False
    """Weigh each pixel's loss inversely to its class's share of the training set."""
    optimizer: str = "adamw"
    """"adamw" or "sgd"."""
    learning_rate: float = 3e-4
    """Of the trunk."""
    head_learning_rate: float = 2e-3
    head_layers: tuple[str, ...] = ()
    """How the names of layers begin that learn at head_learning_rate, as "fc8" in DeepLab's paper; none: all
    outside the trunk.
    """
    momentum: float = 0.9
    """SGD's momentum."""
    weight_decay: float = 1e-2
    double_bias_rate: bool = False
    """Biases learn twice as fast, as in FCN."""
    decay_biases: bool = False
    warmup_steps: int = 100
    power: float = 0.9
    """Of the polynomial decay to 0."""
    ema: float = 0.998
    """Decay per step of the running mean of weights that is judged and exported; 0 takes the weights
    themselves.
    """

    long_side: int = 400
    """Images are judged, and later segmented, on a copy of at most this many pixels a side."""
    evaluate_every: int = 500
    """Steps between evaluations on the val split."""
    checkpoint_minutes: float = 5.0
    workers: int = 1
    """Processes that prepare samples; 0: the training process itself."""
    seed: int = 0
    accelerator: str = "auto"
    precision: str = "32-true"
    """Both as lightning-fabric names them."""

    def faults(self) -> list[str]:
        """What cannot work, a sentence each."""
        rules = [
            (
                self.net == "skip_fcn" or self.net.replace("_", "-") in CATALOGUE,
                f'net must be one of skip_fcn, {", ".join(CATALOGUE)}, got "{self.net}"',
            ),
            (
                self.origin in ("caffe", "torchvision"),
                f'origin must be "caffe" or "torchvision", got "{self.origin}"',
            ),
            (
                self.padding in ("same", "release"),
                f'padding must be "same" or "release", got "{self.padding}"',
            ),
            (
                self.net == "skip_fcn" or self.backbone_weights not in ("package", "timm"),
                f'{self.net} takes backbone_weights "none", "torchvision" or a file, '
                f'got "{self.backbone_weights}"',
            ),
            (
                self.crop >= 1 or (self.crop == 0 and self.batch_size == 1),
                f"crop must be at least 1 pixel, or 0 for whole pictures if batch_size is 1, got {self.crop}",
            ),
            (
                0 < self.scale[0] <= self.scale[1],
                f"scale must be LOW,HIGH with 0 < LOW <= HIGH, got {self.scale}",
            ),
            (self.batch_size >= 1, f"batch_size must be at least 1, got {self.batch_size}"),
            (self.steps >= 1, f"steps must be at least 1, got {self.steps}"),
            (
                self.optimizer in ("adamw", "sgd"),
                f'optimizer must be "adamw" or "sgd", got "{self.optimizer}"',
            ),
            (
                self.batch_norm in ("frozen", "train"),
                f'batch_norm must be "frozen" or "train", got "{self.batch_norm}"',
            ),
            (
                self.upsampling in ("fixed", "learned"),
                f'upsampling: "fixed" or "learned", got "{self.upsampling}"',
            ),
            (
                self.output_stride in (8, 16, 32),
                f"output_stride must be 8, 16 or 32, got {self.output_stride}",
            ),
            (
                all(stride in (2, 4, 8, 16) and stride <= self.output_stride for stride in self.skips),
                f"skips must be among 16, 8, 4, 2 and not above output_stride {self.output_stride}, "
                f"got {self.skips}",
            ),
            (self.train_side >= 1, f"train_side must be at least 1 pixel, got {self.train_side}"),
            (
                min(self.context, self.hidden, self.freeze_stages, self.warmup_steps, self.seed) >= 0,
                "context, hidden, freeze_stages, warmup_steps and seed may not be negative",
            ),
            (
                min(self.power, self.momentum, self.weight_decay, self.checkpoint_minutes) >= 0,
                "power, momentum, weight_decay and checkpoint_minutes may not be negative",
            ),
            (all(rate >= 1 for rate in self.rates), f"rates must be at least 1, got {self.rates}"),
            (0 < self.loss_sampling <= 1, f"loss_sampling must lie in (0, 1], got {self.loss_sampling}"),
            (0 <= self.ema < 1, f"ema must lie in [0, 1), got {self.ema}"),
            (self.jitter is None or self.jitter >= 0, f"jitter may not be negative, got {self.jitter}"),
            (0 <= self.colour <= 1, f"colour must lie in [0, 1], got {self.colour}"),
            (0 <= self.dropout < 1, f"dropout must lie in [0, 1), got {self.dropout}"),
            (self.learning_rate >= 0, f"learning_rate may not be negative, got {self.learning_rate}"),
            (
                self.head_learning_rate >= 0,
                f"head_learning_rate may not be negative, got {self.head_learning_rate}",
            ),
            (self.long_side >= 1, f"long_side must be at least 1 pixel, got {self.long_side}"),
            (self.evaluate_every >= 1, f"evaluate_every must be at least 1 step, got {self.evaluate_every}"),
            (self.workers >= 0, f"workers may not be negative, got {self.workers}"),
        ]
        return [sentence for holds, sentence in rules if not holds]

    @classmethod
    def from_dict(cls, content: Mapping[str, object]) -> "Recipe":
        """The recipe of these fields. Raises TrainingError for unknown or missing fields."""
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(content.keys() - known):
            raise TrainingError(f"the recipe has fields this version does not know: {', '.join(unknown)}")
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}
        try:
            return cls(**typing.cast(dict[str, typing.Any], values))
        except TypeError as error:
            raise TrainingError(f"the recipe is incomplete: {error}") from None

    def override(self, settings: list[str]) -> "Recipe":
        """A copy with "field=value" settings applied. Raises TrainingError that names every fault at once."""
        hints = typing.get_type_hints(type(self))
        changes: dict[str, object] = {}
        faults: list[str] = []
        for setting in settings:
            name, equals, text = setting.partition("=")
            if not equals:
                faults.append(f'"{setting}" is not of the form field=value')
            elif name not in hints:
                faults.append(f'there is no field "{name}"')
            else:
                try:
                    changes[name] = _parse(text, hints[name])
                except ValueError:
                    faults.append(f"{name}={text} does not read as {_describe(hints[name])}")
        changed = dataclasses.replace(self, **typing.cast(dict[str, typing.Any], changes))
        faults += changed.faults() if not faults else []
        if faults:
            raise TrainingError(
                f"the recipe {self.name} cannot be run so: {'; '.join(faults)}", f"fields: {', '.join(hints)}"
            )
        return changed


def _parse(text: str, kind: typing.Any) -> object:
    if isinstance(kind, types.UnionType):
        return None if text in ("", "none", "None") else _parse(text, typing.get_args(kind)[0])
    if typing.get_origin(kind) is tuple:
        items = [item for item in text.strip("()[] ").split(",") if item.strip()]
        arguments = typing.get_args(kind)
        if arguments[-1] is not Ellipsis and len(items) != len(arguments):
            raise ValueError
        return tuple(_parse(item.strip(), arguments[0]) for item in items)
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError
        return text.lower() == "true"
    return kind(text)


def _describe(kind: typing.Any) -> str:
    if typing.get_origin(kind) is tuple:
        arguments = typing.get_args(kind)
        count = "numbers" if arguments[-1] is Ellipsis else f"{len(arguments)} numbers"
        return f"{count} separated by commas"
    return {int: "a whole number", float: "a number", bool: "true or false"}.get(kind, "text")
