"""What makes a recipe impossible, before any work is done."""

from typing import TYPE_CHECKING

from pixelwise.crf.presets import PRESETS as CRF_PRESETS
from pixelwise.models.registry import find, list_models, sources, takes_weights
from pixelwise.training.presets import PRESETS
from pixelwise.types import IMAGE

if TYPE_CHECKING:
    from pixelwise.training.recipe import Recipe

_CHOICES = {
    "origin": ("caffe", "torchvision"),
    "padding": ("same", "release"),
    "pools": ("release", "exact"),
    "loss": ("mean", "sum"),
    "optimizer": ("adamw", "sgd"),
    "schedule": ("poly", "step", "fixed"),
    "batch_norm": ("frozen", "train", "sync"),
    "upsampling": ("fixed", "learned", "full", "nonlinear"),
    "balance_by": ("weights", "sampling"),
    "precision": ("auto", "32-true", "bf16-mixed", "16-mixed"),
}
_AT_LEAST_ONE = (
    "batch_size",
    "accumulate",
    "steps",
    "train_side",
    "long_side",
    "evaluate_every",
    "decay_every",
)
_NOT_NEGATIVE = (
    *("context", "hidden", "freeze_stages", "warmup_steps", "seed", "workers", "patience"),
    *("power", "momentum", "weight_decay", "clip", "learning_rate", "head_learning_rate"),
    "checkpoint_minutes",
)
_SHARES = ("ema", "dropout")


def faults_of(recipe: "Recipe") -> list[str]:
    """What cannot work, a sentence each."""
    values = vars(recipe)
    found = [
        f'{field} must be {" or ".join(_quoted(allowed))}, got "{values[field]}"'
        for field, allowed in _CHOICES.items()
        if values[field] not in allowed
    ]
    found += [f"{f} must be at least 1, got {values[f]}" for f in _AT_LEAST_ONE if not values[f] >= 1]
    found += [f"{f} may not be negative, got {values[f]}" for f in _NOT_NEGATIVE if not values[f] >= 0]
    found += [f"{f} must lie in [0, 1), got {values[f]}" for f in _SHARES if not 0 <= values[f] < 1]
    return found + [sentence for holds, sentence in _rules(recipe) if not holds]


def _rules(recipe: "Recipe") -> list[tuple[bool, str]]:
    """What must hold, and what to say if it does not."""
    net = find(recipe.net)
    low, high = recipe.scale
    return [
        (
            net is not None,
            f'net must be one of {", ".join(list_models())}, got "{recipe.net}"',
        ),
        (
            recipe.preset is None or recipe.preset in PRESETS,
            f'preset must be one of {", ".join(PRESETS)}, got "{recipe.preset}"',
        ),
        (
            recipe.crf_layer is None or recipe.crf_layer in CRF_PRESETS,
            f'crf_layer must be one of {", ".join(CRF_PRESETS)}, got "{recipe.crf_layer}"',
        ),
        (
            recipe.crf_layer is None or len(recipe.heads) < 2,
            f"crf_layer refines the classes of one head, got heads={','.join(recipe.heads)}",
        ),
        (
            net is None or takes_weights(net, recipe.backbone_weights),
            f'{recipe.net} takes backbone_weights {net and sources(net)}, got "{recipe.backbone_weights}"',
        ),
        (
            recipe.crop >= 1 or (recipe.crop == 0 and recipe.batch_size == 1),
            f"crop must be at least 1 pixel, or 0 for whole pictures if batch_size is 1, got {recipe.crop}",
        ),
        (0 < low <= high, f"scale must be LOW,HIGH with 0 < LOW <= HIGH, got {recipe.scale}"),
        (
            recipe.output_stride in (8, 16, 32),
            f"output_stride must be 8, 16 or 32, got {recipe.output_stride}",
        ),
        (
            all(stride in (2, 4, 8, 16) and stride <= recipe.output_stride for stride in recipe.skips),
            f"skips must be among 16, 8, 4, 2 and not above output_stride {recipe.output_stride}, "
            f"got {recipe.skips}",
        ),
        (all(rate >= 1 for rate in recipe.rates), f"rates must be at least 1, got {recipe.rates}"),
        (
            0 < recipe.loss_sampling <= 1,
            f"loss_sampling must lie in (0, 1], got {recipe.loss_sampling}",
        ),
        (recipe.jitter is None or recipe.jitter >= 0, f"jitter may not be negative, got {recipe.jitter}"),
        (0 < recipe.decay_factor <= 1, f"decay_factor must lie in (0, 1], got {recipe.decay_factor}"),
        (0 <= recipe.colour <= 1, f"colour must lie in [0, 1], got {recipe.colour}"),
        (
            recipe.inputs == (IMAGE,) or net is None or len(net.channels) > 1,
            f"inputs {','.join(recipe.inputs)} need a paper's net, got {recipe.net}",
        ),
        (
            recipe.upsampling in ("fixed", "learned") or net is None or "padding" in net.settings,
            f"upsampling={recipe.upsampling} needs a paper's FCN as net, got {recipe.net}",
        ),
        (
            recipe.pools == "release" or net is None or "pools" in net.settings,
            f"pools=exact needs a DeepLab as net, got {recipe.net}",
        ),
        (
            bool(recipe.inputs) and len(set(recipe.inputs)) == len(recipe.inputs),
            f"inputs must name what the net sees, each once, got {recipe.inputs}",
        ),
        (
            len(recipe.inputs) < 2 or recipe.inputs[0] == IMAGE,
            f"inputs must name {IMAGE} first, if they are several, got {','.join(recipe.inputs)}",
        ),
        (
            recipe.loss == "mean" or not recipe.balance_classes or recipe.balance_by == "sampling",
            "balance_classes weighs a mean over pixels, so it goes with loss=mean",
        ),
        (
            0 <= recipe.balance_classes <= 1,
            f"balance_classes is a power from 0 to 1, got {recipe.balance_classes}",
        ),
    ]


def _quoted(names: tuple[str, ...]) -> list[str]:
    return [f'"{name}"' for name in names]
