"""A recipe: everything that decides how a net is trained, as typed plain data."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass

from pixelwise.core.errors import TrainingError
from pixelwise.training.setup.paper_settings import PRESETS
from pixelwise.training.setup.recipe_rules import faults_of, wrong_values
from pixelwise.training.setup.typed_fields import brief, described, wrong_fields


@dataclass(frozen=True)
class Recipe:
    """The fields below, all but `name` changeable by `--set field=value`."""

    name: str
    data: str
    """Data set as KIND:PATH."""
    classes: str | None = None
    """Which classes of the main head, as "background,person,animal=cat+dog"; None takes all there are."""
    heads: tuple[str, ...] = ()
    """Which labels, where data has several, as semantic,geometric: losses are summed, the first head is the
    main one. Without names: the data set's main one.
    """
    inputs: tuple[str, ...] = ("image",)
    """What the net sees: image, or with a paper's net, of data with such channels, image,depth (early
    fusion), hha or, with FCN, image,hha (late fusion).
    """
    train_split: str = "train"
    val_split: str = "val"
    val_data: str | None = None
    """Where the val split lies, as KIND:PATH, if elsewhere."""
    also: str | None = None
    """Data to learn from besides, as KIND:PATH, its split train_split; see also_classes."""
    also_classes: str | None = None
    """Which classes of `data` those of `also` are, as "building=building+door+window,car". A pixel of `also`
    is judged among these classes only, for others may stand there unlabelled. None: by equal names.
    """

    net: str = "skip_fcn"
    """"skip_fcn", which the fields from `backbone` to `batch_norm` describe, or a net of the papers by its
    name (`pixelwise models` lists them), for which `backbone_weights`, `dropout` and `upsampling` count too.
    """
    padding: str = "same"
    """Of the papers' FCNs: "same" (half of each kernel) or "release" (100 pixels around the image)."""
    origin: str = "caffe"
    """Whose AlexNet and GoogLeNet: the papers' ("caffe") or "torchvision", whose weights fit no others."""
    pools: str = "release"
    """Of DeepLab: the last two poolings as in the "release" (3x3), or "exact", as in section 3.1."""
    init_from: str | None = None
    """A run folder, or a .safetensors file of import-caffe, whose net this one starts from; layers that it
    does not have begin as new ones.
    """
    backbone: str = "efficientnet_lite2"
    """A name of timm's."""
    backbone_weights: str = "package"
    """"package", "timm", "none" or a file. Papers' nets: "none", "torchvision", a file with its names, or
    one of import-caffe (AlexNet and GoogLeNet with origin=caffe).
    """
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
    """"fixed" or "learned" bilinear kernels between the skips, or, in a paper's FCN, "full": learned kernels
    between all classes, as in the paper. The last upsampling is always fixed, except with "nonlinear": as
    "full", and the last is a stack of learned doublings with ReLUs.
    """

    crf_layer: str | None = None
    """A CRF preset by its name: the dense CRF is then the net's last layer, starts with these parameters and
    learns with the net. The preset's widths are not learnt. See crf_layer.py.
    """
    batch_norm: str = "frozen"
    """"frozen" (ImageNet's statistics, folded), "train", or "sync": as "train", over all processes."""
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
    repeat_rare: float = 0.0
    """Pictures of classes that less than this share of the training pictures shows are repeated in an epoch,
    sqrt(repeat_rare / share) times on average; 0: none is. Source: LVIS, Gupta et al. 2019.
    """
    paste_rare: float = 0.0
    """The share of samples into which an object of a rare class (see repeat_rare) is pasted from another
    picture, with its labels. For data with one head.
    """
    batch_size: int = 8
    """Pictures that a process learns from at once."""
    accumulate: int = 1
    """So many batches make a step; its loss and gradients are those of one large batch."""
    steps: int = 5000

    preset: str | None = None
    """How a paper's authors trained, by name: sets the fields below, and more (paper_settings.py); what is
    set besides counts.
    """
    loss: str = "mean"
    """"mean" over the labelled pixels of a step, or "sum", as in FCN's release."""
    losses: str = "cross_entropy"
    """What is minimised: cross_entropy, focal, dice, lovasz, ohem, or a sum such as
    "cross_entropy+0.5*lovasz" (training/losses/, which also says how to register one).
    """
    loss_sampling: float = 1.0
    """The share of the final layer's cells that count, at random, while batches grow by its inverse; whole
    pictures (crop 0) come in so many more batches.
    """
    balance_classes: float = 0.0
    """Weigh each pixel's loss by its class's share of the training set to minus this power: 0 weighs none,
    1 makes all classes count as much, 0.5 lies between and suits rare classes judged by mean IoU.
    """
    balance_by: str = "weights"
    """How classes are balanced: "weights", or "sampling": pixels count or not, at random, in proportion to
    these weights.
    """
    image_labels: str | None = None
    """Learn from labels of whole pictures: of a label file only the classes that it shows count. "em_fixed"
    or "em_adaptive" estimates the labels of pixels in each step (image_labels.py). Class 0 is the background.
    For data with one head.
    """
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
    """SGD's momentum. Rates are part of what accumulates, as in Caffe: see optimizer.py."""
    weight_decay: float = 1e-2
    double_bias_rate: bool = False
    """Biases learn twice as fast, as in FCN."""
    decay_biases: bool = False
    clip: float = 0.0
    """The largest norm of a step's gradients, longer ones are shortened to it; 0: any."""
    warmup_steps: int = 100
    schedule: str = "poly"
    """How the learning rates fall: "poly" to 0, (1 - step/steps)^power; "step", by decay_factor every
    decay_every steps; "fixed", not at all.
    """
    power: float = 0.9
    """The exponent of the schedule "poly"."""
    decay_every: int = 2000
    """Steps between two falls of the schedule "step"."""
    decay_factor: float = 0.1
    """The factor of each fall of the schedule "step"."""
    ema: float = 0.998
    """Decay per step of the running mean of weights that is judged and exported; 0 takes the weights
    themselves.
    """

    long_side: int = 400
    """Images are judged, and later segmented, on a copy of at most this many pixels a side."""
    enlarge: bool = False
    """Smaller images are enlarged to long_side for that, which shows small things to a coarse net."""
    evaluate_every: int = 500
    """Steps between evaluations on the val split."""
    patience: int = 0
    """The run ends early after so many evaluations without a better mean IoU; 0: it does not."""
    checkpoint_minutes: float = 5.0
    workers: int = 1
    """Processes that prepare samples; 0: the training process itself."""
    seed: int = 0
    deterministic: bool = False
    """On a GPU: only operations that give the same bits every time. On processors all do."""
    accelerator: str = "auto"
    """"auto", "cpu", "gpu" or another that lightning-fabric knows."""
    precision: str = "32-true"
    """As lightning-fabric names it: "32-true", "bf16-mixed" or "16-mixed"; or "auto": bf16-mixed where that
    pays, see auto_precision.py.
    """

    def faults(self) -> list[str]:
        """What cannot work, a sentence each."""
        return faults_of(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, object]) -> "Recipe":
        """The recipe of these fields. Raises TrainingError for unknown or missing fields, values of another
        type, and numbers out of their range.
        """
        fields = dataclasses.fields(cls)
        if unknown := sorted(content.keys() - {field.name for field in fields}):
            raise TrainingError(
                f"the recipe has fields this version does not know: {', '.join(map(brief, unknown))}",
                "it is of another version of pixelwise; use that one",
            )
        needed = [field.name for field in fields if field.default is dataclasses.MISSING]
        if missing := [name for name in needed if name not in content]:
            raise TrainingError(
                f"the recipe lacks {', '.join(missing)}", "it may be damaged; start a new run"
            )
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}
        if wrong := wrong_fields(values, cls) or wrong_values(values):
            raise TrainingError(
                f"the recipe holds values that it cannot have: {'; '.join(wrong)}",
                "it may be damaged; start a new run",
            )
        return cls(**typing.cast(dict[str, typing.Any], values))

    def override(self, settings: list[str]) -> "Recipe":
        """A copy with "field=value" settings applied. Raises TrainingError that names every fault at once."""
        hints = typing.get_type_hints(type(self))
        del hints["name"]  # a run goes on under it
        changes: dict[str, object] = {}
        faults: list[str] = []
        for setting in settings:
            name, equals, text = setting.partition("=")
            if not equals:
                faults.append(f'"{brief(setting)}" is not of the form field=value')
            elif name not in hints:
                faults.append(f'there is no field "{brief(name)}"{_meant(name, list(hints))}')
            else:
                try:
                    changes[name] = _parse(text, hints[name])
                except ValueError:
                    faults.append(f"{name}={brief(text)} does not read as {described(hints[name])}")
        changes = {**PRESETS.get(str(changes.get("preset")), {}), **changes}
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


_ALSO_CALLED = {
    **dict.fromkeys(("epochs", "epoch", "iterations", "max_iter", "iters"), "steps"),
    **dict.fromkeys(("lr", "rate"), "learning_rate"),
    **dict.fromkeys(("batch", "bs"), "batch_size"),
    **dict.fromkeys(("size", "img_size", "image_size", "resolution"), "crop"),
    **dict.fromkeys(("model", "arch", "architecture"), "net"),
    **dict.fromkeys(("encoder", "trunk"), "backbone"),
    **dict.fromkeys(("pretrained", "weights", "encoder_weights"), "backbone_weights"),
    **dict.fromkeys(("amp", "fp16", "bf16"), "precision"),
    **dict.fromkeys(("flip", "hflip"), "mirror"),
    **dict.fromkeys(("device", "gpu", "gpus"), "accelerator"),
    "freeze": "freeze_stages",
    "early_stopping": "patience",
    "class_weights": "balance_classes",
    "resume": "init_from",
}
"""What other programs call the fields."""


def _meant(name: str, fields: list[str]) -> str:
    """A question for the field that a wrong name may stand for; empty if none is near."""
    plain = name.lower().replace("-", "_")
    near = [_ALSO_CALLED[plain]] if plain in _ALSO_CALLED else difflib.get_close_matches(plain, fields, 1)
    if not near:
        return ""
    note = " (pictures / batch_size of them make an epoch)" if plain.startswith("epoch") else ""
    return f", did you mean {near[0]}?{note}"
