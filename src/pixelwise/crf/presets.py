"""Parameter sets of the two-kernel CRF: built-in ones by name, each with its source, and preset files.

A preset file is a JSON object with the fields of Preset and "format": 1. `pixelwise crf-search` writes it,
with a record of the search under "search" for human readers.
"""

import dataclasses
import json
import reprlib
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from pixelwise.core.errors import PresetError
from pixelwise.core.terminal import reason_of
from pixelwise.crf.potentials import Bilateral, Gaussian, Kernel, Normalization

NOMINAL_SIDE = 500
"""A preset's widths in pixels are for pictures of this long side, such as VOC's; for larger ones they grow.
"""

FORMAT = 1
_LARGEST_FILE = 1_000_000  # bytes
_LONGEST_TEXT = 1000
_MOST_ITERATIONS = 1000
_MOST_NAMED = 5  # most unknown fields that a message lists
_HEAVIEST = 1e6
_NARROWEST, _WIDEST = 0.01, 1e6
"""The smallest width. With smaller ones the features are so large that floats cannot distinguish neighbours.
"""


@dataclass(frozen=True)
class Preset:
    """w1, theta_alpha (pixels) and theta_beta (grey levels of 0 to 255) of the bilateral kernel, w2 and
    theta_gamma (pixels) of the Gaussian one.

    Raises ValueError with every fault for invalid values.
    """

    name: str
    source: str
    w1: float
    theta_alpha: float
    theta_beta: float
    w2: float = 3.0
    theta_gamma: float = 3.0
    iterations: int = 10
    normalization: Normalization = "symmetric"

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, np.generic):
                object.__setattr__(self, name, value.item())
        faults = _faults(vars(self))
        if faults:
            raise ValueError("; ".join(faults))

    def kernels(self, image: npt.ArrayLike) -> tuple[Kernel, ...]:
        """The pairwise terms for this image."""
        return (
            Gaussian(self.theta_gamma, self.w2, self.normalization),
            Bilateral(image, self.theta_alpha, self.theta_beta, self.w1, self.normalization),
        )

    def scaled(self, factor: float) -> "Preset":
        """The preset for pictures that are `factor` times as large: the two widths in pixels grow by this
        factor, up to the largest width of a preset."""
        return dataclasses.replace(
            self,
            theta_alpha=min(self.theta_alpha * factor, _WIDEST),
            theta_gamma=min(self.theta_gamma * factor, _WIDEST),
        )

    def for_size(self, size: tuple[int, ...]) -> "Preset":
        """The preset for pictures of that (height, width), which differs if they exceed NOMINAL_SIDE."""
        return self.scaled(max(1.0, max(size) / NOMINAL_SIDE))

    def to_json(self, search: Mapping[str, Any] | None = None) -> str:
        """The text of a preset file for `load_preset`, with a record of how the values were found."""
        record = {"format": FORMAT, **vars(self), **({} if search is None else {"search": dict(search)})}
        return json.dumps(record, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str = "the preset") -> "Preset":
        """Read what `to_json` wrote; anything else raises a PresetError that starts with `source`."""
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as problem:
            raise PresetError(f"{source} is not JSON: {problem}", _FORM) from None
        if not isinstance(record, dict):
            raise PresetError(f"{source}: expected a JSON object, got {type(record).__name__}", _FORM)
        version = record.pop("format", None)
        if isinstance(version, int) and version > FORMAT:
            raise PresetError(
                f"{source} has preset format {_shown(version)}; this pixelwise reads formats up to {FORMAT}",
                "pip install --upgrade pixelwise",
            )
        record.pop("search", None)
        sound = version == FORMAT and not isinstance(version, bool)
        faults = [] if sound else [f'"format" must be {FORMAT}, got {_shown(version)}']
        fields = {field.name: field for field in dataclasses.fields(cls)}
        strange = [key for key in record if key not in fields]
        faults += [f"unknown field {_shown(key)}" for key in strange[:_MOST_NAMED]]
        if len(strange) > _MOST_NAMED:
            faults.append(f"{len(strange) - _MOST_NAMED} more unknown fields")
        faults += [
            f'"{name}" is missing'
            for name, field in fields.items()
            if name not in record and field.default is dataclasses.MISSING
        ]
        faults += _faults({key: value for key, value in record.items() if key in fields})
        if faults:
            raise PresetError(f"{source}: {'; '.join(faults)}", _FORM)
        return cls(**record)


_FORM = "a preset is a JSON object with format: {} and {}".format(
    FORMAT, ", ".join(field.name for field in dataclasses.fields(Preset))
)


def _faults(values: Mapping[str, Any]) -> list[str]:
    """The faults of the given values of Preset's fields."""
    faults = []
    for name, value in values.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if name in ("name", "source"):
            wanted, good = f"a text of up to {_LONGEST_TEXT} characters", _is_text(value)
        elif name in ("theta_alpha", "theta_beta", "theta_gamma"):
            wanted, good = (
                f"a width from {_NARROWEST} to {_WIDEST:g}",
                number and _NARROWEST <= value <= _WIDEST,
            )
        elif name in ("w1", "w2"):
            wanted, good = f"a weight from 0 to {_HEAVIEST:g}", number and 0 <= value <= _HEAVIEST
        elif name == "iterations":
            wanted = f"a whole number from 0 to {_MOST_ITERATIONS}"
            good = number and isinstance(value, int) and 0 <= value <= _MOST_ITERATIONS
        else:
            choices = get_args(Normalization)
            wanted, good = f"one of {', '.join(choices)}", value in choices
        if not good:
            faults.append(f"{name} must be {wanted}, got {_shown(value)}")
    return faults


def _is_text(value: object) -> bool:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        return False
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in value)  # half of a pair: no UTF-8


def _shown(value: object) -> str:
    """A value from a file, shortened to one line for a message."""
    if isinstance(value, int) and abs(value) >= 10**40:  # Python refuses to write out thousands of digits
        return f"a number of {value.bit_length()} bits"
    return reprlib.repr(value)


DENSECRF = Preset(
    "densecrf", "the example of Krähenbühl's code, as most users of pydensecrf run it", 10, 80, 13
)
DEEPLAB = Preset(
    "deeplab",
    "DeepLab v1's released scripts, single scale (section 5 for the ranges)",
    5,
    50,
    10,
    normalization="after",
)
DEEPLAB_MSC = Preset("deeplab-msc", "the same, multi-scale features", 3, 95, 3, normalization="after")
DEEPLAB_COCO = Preset("deeplab-coco", "the same, trained on VOC and COCO", 5, 67, 3, normalization="after")

PRESETS = {preset.name: preset for preset in (DENSECRF, DEEPLAB, DEEPLAB_MSC, DEEPLAB_COCO)}


def load_preset(name_or_file: Preset | str | Path) -> Preset:
    """A preset by its name in PRESETS, or from a JSON file; a Preset itself is returned. Nothing in the file
    is executed.

    Raises PresetError with the list of presets, or with the fault of the file; ValueError for anything but a
    name or path.
    """
    if isinstance(name_or_file, Preset):
        return name_or_file
    if not isinstance(name_or_file, str | Path):
        raise ValueError(
            f"expected a CRF preset, its name ({', '.join(PRESETS)}) or its file, got {name_or_file!r}"
        )
    given = str(name_or_file)
    if given in PRESETS:
        return PRESETS[given]
    path = Path(name_or_file)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise PresetError(f"cannot read the CRF preset {given}: it is not a file", _FORM)
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except FileNotFoundError:
        raise PresetError(
            f"no CRF preset {given}, neither a name nor a file",
            f"there are {', '.join(PRESETS)}; or give a file that pixelwise crf-search wrote",
        ) from None
    except (OSError, ValueError) as problem:  # ValueError: a null byte in the path
        reason = reason_of(problem)
        raise PresetError(f"cannot read the CRF preset {given}: {reason}") from None
    if len(content) > _LARGEST_FILE:
        raise PresetError(f"{given} has more than {_LARGEST_FILE} bytes, which no CRF preset has", _FORM)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PresetError(f"{given} is not a text file, so not a CRF preset", _FORM) from None
    return Preset.from_json(text, given)
