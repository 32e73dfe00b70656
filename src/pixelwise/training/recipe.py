"""A recipe: the settings of a training run, read from settings and files, and checked."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass

from pixelwise.core.errors import TrainingError
from pixelwise.core.precision import plain
from pixelwise.training.setup.paper_settings import PRESETS
from pixelwise.training.setup.recipe_fields import RecipeFields
from pixelwise.training.setup.recipe_rules import faults_of, wrong_values
from pixelwise.training.setup.typed_fields import brief, described, wrong_fields


@dataclass(frozen=True)
class Recipe(RecipeFields):
    """The settings of a training run. `--set field=value` changes any field but `name`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "precision", plain(self.precision))

    def faults(self) -> list[str]:
        """One sentence for each setting that cannot work."""
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
        if isinstance(named := values.get("precision"), str):
            values["precision"] = plain(named)
        if wrong := wrong_fields(values, cls) or wrong_values(values):
            raise TrainingError(
                f"the recipe has invalid values: {'; '.join(wrong)}",
                "it may be damaged; start a new run",
            )
        return cls(**typing.cast(dict[str, typing.Any], values))

    def override(self, settings: list[str]) -> "Recipe":
        """A copy with "field=value" settings applied. Raises TrainingError that names every fault at once."""
        hints = typing.get_type_hints(type(self))
        del hints["name"]  # a resumed run keeps it
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
                    faults.append(f"{name} must be {described(hints[name])}, got {brief(text)}")
        changes = {**PRESETS.get(str(changes.get("preset")), {}), **changes}
        changed = dataclasses.replace(self, **typing.cast(dict[str, typing.Any], changes))
        faults += changed.faults() if not faults else []
        if faults:
            raise TrainingError(
                f"the recipe {self.name} cannot run with these settings: {'; '.join(faults)}",
                f"fields: {', '.join(hints)}",
            )
        return changed


def _parse(text: str, kind: typing.Any) -> object:
    if isinstance(kind, types.UnionType):
        return None if text in ("", "none", "None") else _parse(text, typing.get_args(kind)[0])
    if typing.get_origin(kind) is tuple:
        arguments = typing.get_args(kind)
        empty = arguments[-1] is Ellipsis and text.strip().lower() == "none"
        items = [] if empty else [item for item in text.strip("()[] ").split(",") if item.strip()]
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
    **dict.fromkeys(("color", "color_jitter", "colour_jitter"), "colour"),
    **dict.fromkeys(("in_chans", "in_channels", "channels"), "inputs"),
    **dict.fromkeys(("flip", "hflip"), "mirror"),
    **dict.fromkeys(("device", "gpu", "gpus"), "accelerator"),
    "freeze": "freeze_stages",
    "early_stopping": "patience",
    "class_weights": "balance_classes",
    "resume": "init_from",
}
"""Names of the fields in other programs."""


def _meant(name: str, fields: list[str]) -> str:
    """A question that proposes the field closest to a wrong name; empty if none is close."""
    plain = name.lower().replace("-", "_")
    near = [_ALSO_CALLED[plain]] if plain in _ALSO_CALLED else difflib.get_close_matches(plain, fields, 1)
    if not near:
        return ""
    note = " (pictures / batch_size of them make an epoch)" if plain.startswith("epoch") else ""
    return f", did you mean {near[0]}?{note}"
