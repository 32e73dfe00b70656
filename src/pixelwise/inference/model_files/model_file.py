"""The metadata of a model file, and the search for model files.

A model is one ONNX file: input "image", uint8 (N, H, W, 3) RGB of any size; output "scores", float32 (N, C,
H, W). Normalisation happens inside the graph. One metadata property, "pixelwise", holds the rest as JSON.
A model that sees more than the photo has one input for each thing it sees, float32 (N, H, W, K), by name.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pixelwise.core.classes import RGB, Classes
from pixelwise.core.errors import ModelError
from pixelwise.core.files import regular_file
from pixelwise.core.fingerprints import unpacked
from pixelwise.core.pictures.bands import BandForm
from pixelwise.core.pictures.reading import fitting
from pixelwise.core.terminal import printable, reason_of
from pixelwise.core.types import BANDS, IMAGE, is_whole
from pixelwise.crf.learnt import LearntCRF

FORMAT = 2
PLAIN_FORMAT = 1
"""Of models that see photos alone and end in no CRF, which older versions read too."""
MOST_BYTES = 1_000_000_000
"""The largest model file: FCN's largest net has 0.54 GB in float32."""
PROPERTY = "pixelwise"
INPUT, OUTPUT = "image", "scores"
MOST_PIXELS = 100_000
MOST_LETTERS = 1000
_MOST_INPUTS = 8
_WRITTEN = 'write model files with "pixelwise export", or make one of any ONNX net with "pixelwise wrap"'


@dataclass(frozen=True)
class ModelInfo:
    """Name, classes and record of a model.

    An image whose longer side exceeds `long_side` pixels is scored on a copy reduced to it; with `enlarge` a
    smaller one on a copy enlarged to it. `preprocessing` says what the graph does to the pixels; `training`
    is the record of how the model came about. Both are JSON objects for the reader. `inputs`: what the net
    sees, in this order, as image and depth. `crf`: refines the scores on the copy that was scored. `bands`:
    how many bands, of which type, a net with the input "bands" takes. `learnt_from`: fingerprints
    (core/fingerprints.py) of the pictures it learnt from, empty if they are not known.
    """

    name: str
    classes: Classes
    long_side: int
    preprocessing: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    enlarge: bool = False
    inputs: tuple[str, ...] = (IMAGE,)
    crf: LearntCRF | None = None
    bands: BandForm | None = None
    learnt_from: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a model needs a name")
        if len(self.name) > MOST_LETTERS:
            raise ValueError(f"a name has at most {MOST_LETTERS} letters, got {len(self.name)}")
        if not is_whole(self.long_side) or not 1 <= self.long_side <= MOST_PIXELS:
            raise ValueError(f"long_side is from 1 to {MOST_PIXELS} pixels, got {_shown(self.long_side)}")
        object.__setattr__(self, "long_side", int(self.long_side))  # JSON takes no numbers of numpy
        if not 1 <= len(set(self.inputs)) == len(self.inputs) <= _MOST_INPUTS or not all(self.inputs):
            raise ValueError(f"inputs are 1 to {_MOST_INPUTS} different names, got {_shown(self.inputs)}")
        if self.crf is not None and len(self.crf.compatibility) != len(self.classes):
            raise ValueError(
                f"the CRF is of {len(self.crf.compatibility)} classes, the model of {len(self.classes)}"
            )
        if (self.bands is not None) != (BANDS in self.inputs):
            raise ValueError(f"bands go with the input {BANDS}, got {self.bands} with {_shown(self.inputs)}")
        if self.crf is not None and self.inputs[0] != IMAGE:
            raise ValueError("a CRF needs the image as the first input")
        unpacked(self.learnt_from)

    def scored_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of the copy on which a picture of `size` is scored."""
        return fitting(size, self.long_side, self.enlarge)

    def to_metadata(self) -> dict[str, str]:
        """The metadata properties to store in the ONNX file."""
        classes = [
            {"name": name, "color": list(color)}
            for name, color in zip(self.classes.names, self.classes.palette, strict=True)
        ]
        plain = self.inputs == (IMAGE,) and self.crf is None
        record: dict[str, Any] = {
            "format": PLAIN_FORMAT if plain else FORMAT,
            "name": self.name,
            "classes": classes,
            "background": self.classes.background,
            "long_side": self.long_side,
            "enlarge": self.enlarge,
            "preprocessing": _as_json(self.preprocessing),
            "training": _as_json(self.training),
        }
        if not plain:
            record["inputs"] = list(self.inputs)
            record["bands"] = None if self.bands is None else vars(self.bands)
            record["crf"] = None if self.crf is None else self.crf.to_record()
        if self.learnt_from:
            record["learnt_from"] = self.learnt_from
        return {PROPERTY: json.dumps(record, allow_nan=False)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], source: str = "the model file") -> "ModelInfo":
        """Read what `to_metadata` wrote; anything else raises a ModelError that names `source`."""
        if PROPERTY not in metadata:
            raise ModelError(
                f"{source} is an ONNX file without the metadata property {PROPERTY!r} (classes, long_side)",
                _WRITTEN,
            )
        try:
            record = json.loads(metadata[PROPERTY], parse_constant=_refuse_constant)
        except RecursionError:
            raise ModelError(f"{source}: metadata {PROPERTY!r} is nested too deeply", _WRITTEN) from None
        except ValueError as problem:
            raise ModelError(f"{source}: metadata {PROPERTY!r} is not JSON: {problem}", _WRITTEN) from problem
        if not isinstance(record, dict):
            raise ModelError(f"{source}: metadata {PROPERTY!r} is not a JSON object", _WRITTEN)
        version = record.get("format")
        if isinstance(version, int) and version > FORMAT:
            raise ModelError(
                f"{source} has model format {_shown(version)}; this pixelwise reads formats up to {FORMAT}",
                "pip install --upgrade pixelwise",
            )
        try:
            return cls._from_record(record)
        except (ValueError, TypeError, KeyError, OverflowError) as problem:
            detail = f"{problem.args[0]!r} is missing" if isinstance(problem, KeyError) else str(problem)
            raise ModelError(f"{source}: invalid metadata {PROPERTY!r}: {detail}", _WRITTEN) from problem

    @classmethod
    def _from_record(cls, record: dict[str, Any]) -> "ModelInfo":
        if record["format"] not in (PLAIN_FORMAT, FORMAT) or isinstance(record["format"], bool):
            raise ValueError(f"format must be {PLAIN_FORMAT} or {FORMAT}, got {_shown(record['format'])}")
        entries = _typed(record, "classes", list)
        names = tuple(_typed(entry, "name", str) for entry in entries)
        palette = tuple(_color(_typed(entry, "color", list)) for entry in entries)
        background = None if record["background"] is None else _typed(record, "background", int)
        return cls(
            name=_typed(record, "name", str),
            classes=Classes(names, palette, background),
            long_side=_typed(record, "long_side", int),
            preprocessing=_typed(record, "preprocessing", dict),
            training=_typed(record, "training", dict),
            enlarge=_flag(record, "enlarge"),
            inputs=_inputs(record),
            bands=_bands(record),
            crf=None if record.get("crf") is None else LearntCRF.from_record(record["crf"]),
            learnt_from=_learnt_from(record),
        )


def _as_json(value: Any) -> Any:
    """`value` with None for NaN and infinity, which JSON lacks: undefined figures."""
    if isinstance(value, dict):
        return {key: _as_json(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _typed(record: object, key: str, kind: type) -> Any:
    if not isinstance(record, dict):
        raise ValueError(f"expected an object with {key!r}, got {_shown(record)}")
    value = record[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{key!r} must be of type {kind.__name__}, got {_shown(value)}")
    if isinstance(value, str):
        _check_text(key, value)
    return value


def _check_text(key: str, text: str) -> None:
    """Names go into files, folders and tables."""
    if len(text) > MOST_LETTERS:
        raise ValueError(f"{key!r} has at most {MOST_LETTERS} letters, got {len(text)}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{key!r} holds half a character (a lone surrogate): {text!a}") from None


def _shown(value: object) -> str:
    """A wrong value, shortened for a message."""
    return printable(repr(value)[:80])


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number that JSON has")


def _flag(record: dict[str, Any], key: str) -> bool:
    """False if the file does not have it, as older ones."""
    value = record.get(key, False)
    if not isinstance(value, bool):
        raise ValueError(f"{key!r} must be true or false, got {_shown(value)}")
    return value


def _inputs(record: dict[str, Any]) -> tuple[str, ...]:
    """The image alone where the file does not say."""
    names = record.get("inputs", [IMAGE])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"'inputs' must be a list of names, got {_shown(names)}")
    for name in names:
        _check_text("inputs", name)
    return tuple(names)


def _bands(record: dict[str, Any]) -> BandForm | None:
    """None where the file does not say."""
    if record.get("bands") is None:
        return None
    bands = record["bands"]
    return BandForm(_typed(bands, "count", int), _typed(bands, "numbers", str))


def _learnt_from(record: dict[str, Any]) -> str:
    """Empty where the file does not say. It may be longer than a name."""
    text = record.get("learnt_from", "")
    if not isinstance(text, str):
        raise ValueError(f"'learnt_from' must be of type str, got {_shown(text)}")
    return text


def _color(values: list[object]) -> RGB:
    channels = [value for value in values if isinstance(value, int) and 0 <= value <= 255]
    if len(values) != 3 or len(channels) != 3:
        raise ValueError(f"a color is three integers from 0 to 255, got {_shown(values)}")
    return channels[0], channels[1], channels[2]


def bundled_folder() -> Traversable:
    """The folder of the bundled models, NAME.onnx."""
    return resources.files("pixelwise") / "bundled"


def bundled_file(name: str) -> Traversable:
    """A file beside the bundled models, which may not exist."""
    return bundled_folder() / name


def bundled_names() -> list[str]:
    """The names that `load` knows without a path. They hold no dot: NAME.int8.onnx is another form of one."""
    folder = bundled_folder()
    if not folder.is_dir():
        return []
    names = (entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".onnx"))
    return sorted(name for name in names if "." not in name)


def read_model(name_or_path: str | Path, int8: bool = False) -> tuple[bytes, str]:
    """The bytes of a model file, and its name for messages.

    A string without a folder and without ".onnx" is the name of a bundled model; int8: its int8 form. Raises
    ModelError if there is no such file.
    """
    given = str(name_or_path)
    names = bundled_names()
    if given in names:
        file = bundled_file(f"{given}{'.int8' if int8 else ''}.onnx")
        if not file.is_file():
            raise ModelError(f'model "{given}" has no int8 form', "leave --precision out, or use float32")
        return file.read_bytes(), f'model "{given}"'
    known = f"bundled models: {', '.join(names)}" if names else "no models are bundled with this installation"
    path = Path(name_or_path)
    try:
        if regular_file(path).stat().st_size > MOST_BYTES:
            raise ModelError(
                f"{given} is larger than a model file may be: {MOST_BYTES / 1e9:g} GB", "name another file"
            )
        return path.read_bytes(), str(path)
    except FileNotFoundError:
        looks_like_path = path.suffix == ".onnx" or len(path.parts) > 1 or isinstance(name_or_path, Path)
        what = (
            f"no model file {given}" if looks_like_path else f'no model "{given}", neither bundled nor a file'
        )
        raise ModelError(what, f"{known}; or give the path of a model file or a run folder") from None
    except IsADirectoryError:
        raise ModelError(
            f"{given} is a folder, expected an .onnx file",
            "convert a training run to one with: pixelwise export",
        ) from None
    except OSError as problem:
        raise ModelError(f"cannot read model file {given}: {reason_of(problem)}") from problem
