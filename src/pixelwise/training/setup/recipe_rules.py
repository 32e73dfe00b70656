"""Check a recipe for combinations of settings that cannot work, before a run starts."""

import re
from collections.abc import Mapping
from typing import Any

from pixelwise.core.precision import fault_of
from pixelwise.core.types import BANDS, IMAGE
from pixelwise.crf.presets import PRESETS as CRF_PRESETS
from pixelwise.models.registry import find, list_models, sources, takes_weights
from pixelwise.training.losses.registry import parse
from pixelwise.training.setup.paper_settings import PRESETS
from pixelwise.training.setup.recipe_fields import RecipeFields
from pixelwise.training.setup.recipe_ranges import MOST_PIXELS, beyond
from pixelwise.training.setup.typed_fields import brief

_CONTROL = re.compile("[\x00-\x1f\x7f]")
_CHOICES: Mapping[str, tuple[Any, ...]] = {
    "output_stride": (8, 16, 32),
    "skips": (2, 4, 8, 16),
    "origin": ("caffe", "torchvision"),
    "padding": ("same", "release"),
    "pools": ("release", "exact"),
    "loss": ("mean", "sum"),
    "optimizer": ("adamw", "sgd"),
    "schedule": ("poly", "step", "fixed"),
    "batch_norm": ("frozen", "train", "sync"),
    "upsampling": ("fixed", "learned", "full", "nonlinear"),
    "balance_by": ("weights", "sampling"),
    "image_labels": (None, "em_fixed", "em_adaptive"),
}


def faults_of(recipe: RecipeFields) -> list[str]:
    """One sentence for each setting that cannot work."""
    return wrong_values(vars(recipe)) or [sentence for holds, sentence in _rules(recipe) if not holds]


def wrong_values(values: Mapping[str, Any]) -> list[str]:
    """One sentence for each field whose value is invalid, whatever the others are."""
    found = [
        f"{field} must be {' or '.join(map(_quoted, allowed))}, got {_quoted(value)}"
        for field, allowed in _CHOICES.items()
        for value in _several(values.get(field, ()))
        if value not in allowed
    ]
    found += [
        f"{field} holds a control character, got {_quoted(text)}"
        for field, value in values.items()
        for text in _several(value)
        if isinstance(text, str) and _CONTROL.search(text)
    ]
    if isinstance(text := values.get("losses"), str):
        found += _fault_of_losses(text)
    if isinstance(name := values.get("precision"), str) and (fault := fault_of(name)):
        found.append(fault)
    return found + list(beyond(values))


def _fault_of_losses(text: str) -> list[str]:
    try:
        parse(text)
    except ValueError as fault:
        return [f"losses: {fault}, got {_quoted(text)}"]
    return []


def _several(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _rules(recipe: RecipeFields) -> list[tuple[bool, str]]:
    """Conditions that must hold, each with a message for its failure."""
    net = find(recipe.net)
    low, high = recipe.scale
    pixels = recipe.batch_size / recipe.loss_sampling * recipe.crop**2
    return [
        (
            net is not None,
            f"net must be one of {', '.join(list_models())}, got {_quoted(recipe.net)}",
        ),
        (
            recipe.preset is None or recipe.preset in PRESETS,
            f"preset must be one of {', '.join(PRESETS)}, got {_quoted(recipe.preset)}",
        ),
        (
            recipe.crf_layer is None or recipe.crf_layer in CRF_PRESETS,
            f"crf_layer must be one of {', '.join(CRF_PRESETS)}, got {_quoted(recipe.crf_layer)}",
        ),
        (
            recipe.crf_layer is None or len(recipe.heads) < 2,
            f"crf_layer refines the classes of one head, got heads={_listed(recipe.heads)}",
        ),
        (
            net is None or takes_weights(net, recipe.backbone_weights),
            f"{recipe.net} takes backbone_weights {net and sources(net)}, "
            f"got {_quoted(recipe.backbone_weights)}",
        ),
        (
            recipe.crop >= 1 or (recipe.crop == 0 and recipe.batch_size == 1),
            f"crop must be at least 1 pixel, or 0 for whole pictures if batch_size is 1, got {recipe.crop}",
        ),
        (
            pixels <= MOST_PIXELS,
            f"the crops of a batch may have at most {MOST_PIXELS:,} pixels together, got {pixels:,.0f} from "
            f"batch_size={recipe.batch_size}, crop={recipe.crop}, loss_sampling={recipe.loss_sampling}",
        ),
        (low <= high, f"scale must be LOW,HIGH with LOW <= HIGH, got {recipe.scale}"),
        (
            all(stride <= recipe.output_stride for stride in recipe.skips),
            f"skips must not be above output_stride {recipe.output_stride}, got {recipe.skips}",
        ),
        (
            not recipe.paste_rare or recipe.repeat_rare > 0,
            "paste_rare pastes the classes that repeat_rare defines as rare: set it too, for example to 0.25",
        ),
        (
            not recipe.paste_rare
            or (len(recipe.heads) < 2 and recipe.inputs == (IMAGE,) and recipe.crop > 0 and not recipe.also),
            "paste_rare works with one head, pictures alone as input, crops (crop above 0), and without also",
        ),
        (
            recipe.inputs in ((IMAGE,), (BANDS,)) or net is None or len(net.channels) > 1,
            f"inputs {','.join(recipe.inputs)} need a paper's net, got {recipe.net}",
        ),
        (
            BANDS not in recipe.inputs or net is None or net.bands,
            f"inputs={BANDS} needs a net that takes any number of channels, got {recipe.net}",
        ),
        (
            BANDS not in recipe.inputs
            or (recipe.inputs == (BANDS,) and not recipe.crf_layer and not recipe.also),
            f"inputs={BANDS} excludes other inputs, crf_layer and also, got {','.join(recipe.inputs)}",
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
            f"inputs must name each input of the net once, got {_listed(recipe.inputs)}",
        ),
        (
            len(recipe.inputs) < 2 or recipe.inputs[0] == IMAGE,
            f"inputs must name {IMAGE} first, if they are several, got {_listed(recipe.inputs)}",
        ),
        (
            recipe.image_labels is None
            or (len(recipe.heads) < 2 and not recipe.also and not recipe.paste_rare),
            "image_labels works with one head, without also and paste_rare",
        ),
        (
            recipe.image_labels is None or not (recipe.balance_classes or recipe.loss_sampling < 1),
            "with image_labels no pixel's class is known, so leave out balance_classes and loss_sampling",
        ),
        (
            recipe.loss == "mean" or not recipe.balance_classes or recipe.balance_by == "sampling",
            "balance_classes weighs a mean over pixels, so it needs loss=mean",
        ),
    ]


def _listed(names: tuple[str, ...]) -> str:
    return brief(",".join(names))


def _quoted(value: object) -> str:
    return f'"{brief(value)}"' if isinstance(value, str) else brief(value)
