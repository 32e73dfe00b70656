"""What is recorded of a picture's results: of which picture and model they are, and what was written."""

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from pixelwise.core.files import sha256_of
from pixelwise.inference.probabilities import Area
from pixelwise.inference.results.kind import SavedAs
from pixelwise.inference.results.kinds import saved_notes
from pixelwise.inference.sources.urls import is_url, shown_url

_FORMAT = 1
_MOST_HASHED = 2_000_000_000


@dataclass(frozen=True)
class Identity:
    """The identity of a picture file and of its content.

    source: see recorded_source. state: see state_of. sha256: of its content, compared if the state has
    changed; empty if the picture changed while it was read, or is too large to be read twice. Of a URL only
    the content counts: its state is its length.
    """

    source: str
    state: tuple[int, ...]
    sha256: str

    @classmethod
    def of(cls, path: Path, state: tuple[int, ...]) -> "Identity":
        """The identity of a picture that has just been read in this `state`. Raises OSError."""
        digest = _digest(path, state) if state[0] <= _MOST_HASHED and state == state_of(path) else ""
        return cls(recorded_source(path), state, digest)

    @classmethod
    def of_content(cls, source: str, content: bytes) -> "Identity":
        """The identity of a picture that is not a file."""
        return cls(recorded_source(source), (len(content),), hashlib.sha256(content).hexdigest())

    def is_still(self, now: "Path | Identity") -> bool:
        """Whether this is the same picture with the same content."""
        if isinstance(now, Identity):
            return self == now
        path, state = now, state_of(now)
        if self.source != recorded_source(path) or state[0] != self.state[0]:
            return False
        return state == self.state or (self.sha256 != "" and _digest(path, state) == self.sha256)


@dataclass(frozen=True)
class Result:
    """The result of one picture or video. sizes: the bytes of each file, by kind; of what a video has a file
    for each frame, their number. frames: how many of a video.
    """

    size: tuple[int, int]
    scored_size: tuple[int, int]
    areas: list[Area]
    notes: list[str]
    sizes: dict[str, int]
    frames: int | None = None
    saved: Mapping[str, SavedAs] = field(default_factory=dict)

    def all_notes(self, kinds: Sequence[str]) -> list[str]:
        """The notes, with those on these kinds."""
        saved = {kind: self.saved[kind] for kind in kinds if kind in self.saved}
        return self.notes + saved_notes(self.size, saved)


@dataclass(frozen=True)
class Record:
    """Reserves a stem; holds the result once all files exist.

    written: by kind, the digests of what was or is being written. A file with another one was changed since,
    or is of another program. Digests of kinds that later runs did not ask for stay.
    """

    picture: Identity
    model: str
    result: Result | None = None
    written: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps({"format": _FORMAT, **vars(self)}, allow_nan=False, default=vars)

    @classmethod
    def from_json(cls, text: bytes) -> "Record":
        """Raises exceptions that `Ledger.read` catches if `to_json` did not write the text."""
        entry: dict[str, Any] = json.loads(text)
        picture, result = entry["picture"], entry["result"]
        if entry["format"] != _FORMAT:
            raise ValueError("a record of another version")
        state = tuple(map(_whole, picture["state"]))
        source = recorded_source(_text(picture["source"]))  # earlier versions kept whole URLs, and links
        identity = Identity(source, state, _text(picture["sha256"]))
        written = {
            _text(kind): tuple(map(_text, digests))
            for kind, digests in dict(entry.get("written", {})).items()
        }
        return cls(identity, _text(entry["model"]), None if result is None else _result(result), written)


def recorded_source(path: Path | str) -> str:
    """What records say of where a picture came from: the path of a file, the same along all links to its
    folder, if it is absolute or a Path; of a URL, which may hold a token, its digest and the part that is
    safe to show.
    """
    if not isinstance(path, str) or os.path.isabs(path):  # noqa: PTH117  a text of a record
        folder, name = os.path.split(path)
        return os.path.join(os.path.realpath(folder), name)  # noqa: PTH118  a link of this name stays
    if not is_url(path):
        return path
    return f"sha256:{hashlib.sha256(path.encode(errors='surrogatepass')).hexdigest()} {shown_url(path)}"


@lru_cache(maxsize=16)
def _digest(path: Path, state: tuple[int, ...]) -> str:
    """The digest of a file in that state, which the pages of a file share."""
    return sha256_of(path)


def state_of(path: Path) -> tuple[int, ...]:
    """Size, times of change, inode and device of a file: the same as long as nobody writes it. OSError."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev


def _result(entry: dict[str, Any]) -> Result:
    height, width = map(_whole, entry["size"])
    scored_height, scored_width = map(_whole, entry["scored_size"])
    areas = [
        Area(_whole(area["id"]), _text(area["name"]), _share(area["area"]), _share(area["confidence"]))
        for area in entry["areas"]
    ]
    sizes = {_text(kind): _whole(size) for kind, size in dict(entry["sizes"]).items()}
    notes = list(map(_text, entry["notes"]))
    frames = entry.get("frames")
    frames = None if frames is None else _whole(frames)
    saved = {_text(kind): _saved_as(*each) for kind, each in dict(entry.get("saved", {})).items()}
    return Result((height, width), (scored_height, scored_width), areas, notes, sizes, frames, saved)


def _saved_as(size: Sequence[object], note: object) -> SavedAs:
    height, width = map(_whole, size)
    return SavedAs((height, width), _text(note))


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"expected a whole number, got {type(value).__name__}")
    return value


def _share(value: object) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"expected a number, got {value}")
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {type(value).__name__}")
    return value
