"""Records of the results in an output folder: from which picture and with which model they were made.

There is one small JSON file per picture under OUTPUT/.pixelwise. It is written before the first result (to
reserve the names) and again after the last. So an interrupted run continues where it stopped, and two
pictures never share a name.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import count, dropwhile, islice
from pathlib import Path, PurePath
from typing import Any

from pixelwise.core.errors import ImageError
from pixelwise.core.files import exclusive, make_folder, open_file, sha256_of, write_atomically
from pixelwise.core.terminal import printable
from pixelwise.inference.probabilities import Area
from pixelwise.inference.results.kinds import KINDS

FRAMES = "_frames"
"""The ending of the folder of a video's results, a file for each frame and kind."""

OVERLAID = "_overlay.mp4"
"""The ending of an overlaid video."""

_ENDINGS = tuple(kind.ending for kind in KINDS.values())
_FORMAT = 1
_MOST_BYTES = 1_000_000  # of a record; ours have some kilobytes
_MOST_HASHED = 2_000_000_000


@dataclass(frozen=True)
class Identity:
    """The identity of a picture file and of its content.

    source: its absolute path, or the URL of what is not a file. state: see state_of. sha256: of its content,
    compared if the state has changed; empty if the picture changed while it was read, or is too large to be
    read twice. Of a URL only the content counts: its state is its length.
    """

    source: str
    state: tuple[int, ...]
    sha256: str

    @classmethod
    def of(cls, path: Path, state: tuple[int, ...]) -> "Identity":
        """The identity of a picture that has just been read in this `state`. Raises OSError."""
        digest = _digest(path, state) if state[0] <= _MOST_HASHED and state == state_of(path) else ""
        return cls(_absolute(path), state, digest)

    @classmethod
    def of_content(cls, source: str, content: bytes) -> "Identity":
        """The identity of a picture that is not a file."""
        return cls(source, (len(content),), hashlib.sha256(content).hexdigest())

    def is_still(self, now: "Path | Identity") -> bool:
        """Whether this is the same picture with the same content."""
        if isinstance(now, Identity):
            return self == now
        path, state = now, state_of(now)
        if self.source != _absolute(path) or state[0] != self.state[0]:
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


@dataclass(frozen=True)
class Record:
    """Reserves a stem; holds the result once all files exist."""

    picture: Identity
    model: str
    result: Result | None = None

    def to_json(self) -> str:
        return json.dumps({"format": _FORMAT, **asdict(self)}, allow_nan=False)

    @classmethod
    def from_json(cls, text: bytes) -> "Record":
        """Raises exceptions that `Ledger.read` catches if `to_json` did not write the text."""
        entry: dict[str, Any] = json.loads(text)
        picture, result = entry["picture"], entry["result"]
        if entry["format"] != _FORMAT:
            raise ValueError("a record of another version")
        state = tuple(map(_whole, picture["state"]))
        identity = Identity(_text(picture["source"]), state, _text(picture["sha256"]))
        return cls(identity, _text(entry["model"]), None if result is None else _result(result))


class Ledger:
    """The records of one output folder. A `stem` is the path of results below it, without endings."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self._folder = output / ".pixelwise"

    def path(self, stem: PurePath) -> Path:
        """The path of the record, whether it exists or not."""
        return self._folder / stem.with_name(stem.name + ".json")

    def read(self, stem: PurePath) -> Record | None:
        """The record, or None if it is missing or cannot be read."""
        try:
            with open_file(self.path(stem)) as file:
                return Record.from_json(file.read(_MOST_BYTES))
        except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return None

    def write(self, stem: PurePath, record: Record) -> None:
        content = record.to_json().encode()
        write_atomically(self.path(stem), lambda file: file.write(content))

    def stem_for(self, path: Path | str, place: PurePath, taken: set[str]) -> PurePath:
        """Choose a stem for the results of `path`, found at `place`, and add it to `taken`.

        This is the picture's stem from an earlier run, or else the first of `stems` that is free. Names of
        other pictures that still exist, and of files without a record, are not free.
        """
        own = _absolute(path)
        untaken = (stem for stem in stems(place) if str(stem).casefold() not in taken)
        usable = (stem for stem in untaken if self._usable(stem, own))
        mine = (stem for stem in islice(stems(place), 2) if self._owner(stem) == own)
        chosen = next((stem for stem in mine if str(stem).casefold() not in taken), None) or next(usable)
        taken.add(str(chosen).casefold())
        return chosen

    def claim(self, stem: PurePath, place: PurePath, record: Record) -> PurePath:
        """Write the first record of a picture under its chosen stem and return the stem. If another process
        has taken it since, use the first of the later ones that is free.

        Raises ImageError if the folder of the results, or that of the record, is a link to a place outside
        the output folder.
        """
        folders = [(self.output / stem).parent, self.path(stem).parent]
        for folder in folders:
            self.expect_inside(folder)
            make_folder(folder, "folder", "--output", ImageError)
        with exclusive(folders[1]):  # one process checks and writes at a time
            names = dropwhile(lambda name: name != stem, stems(place))
            claimed = next(name for name in names if self._usable(name, record.picture.source))
            self.write(claimed, record)
        return claimed

    def expect_inside(self, folder: Path) -> None:
        """Raise ImageError if the folder is a link to a place outside the output folder."""
        if not folder.resolve().is_relative_to(self.output.resolve()):
            raise ImageError(
                f"{printable(folder)} is a link that leads out of the output folder",
                "remove it, or choose another --output",
            )

    def _usable(self, stem: PurePath, source: str) -> bool:
        """Whether the stem belongs to that picture or is free: its owner no longer exists, its record cannot
        be read, or there is neither record nor result.
        """
        owner = self._owner(stem)
        if owner is not None:
            return owner == source or not (_is_elsewhere(owner) or os.path.lexists(owner))
        return self.path(stem).is_file() or not (os.path.lexists(self.path(stem)) or self._occupied(stem))

    def _owner(self, stem: PurePath) -> str | None:
        record = self.read(stem)
        return None if record is None else record.picture.source

    def _occupied(self, stem: PurePath) -> bool:
        endings = (*_ENDINGS, FRAMES, OVERLAID)
        return any(os.path.lexists(f"{self.output / stem}{ending}") for ending in endings)

    def scratch(self, stem: PurePath) -> Path:
        """A folder for what an unfinished video leaves."""
        return self._folder / stem.with_name(f"{stem.name}{FRAMES}")

    def finished(
        self, stem: PurePath, picture: Path | Identity, model: str, kinds: Sequence[str]
    ) -> Result | None:
        """The recorded result, if picture and model are unchanged and all files of `kinds` are complete."""
        record = self.read(stem)
        if record is None or record.result is None or record.model != model:
            return None
        try:
            for kind in kinds:
                if (
                    Path(f"{self.output / stem}{KINDS[kind].ending}").stat().st_size
                    != record.result.sizes[kind]
                ):
                    return None
            return record.result if record.picture.is_still(picture) else None
        except (OSError, KeyError):
            return None


def stems(place: PurePath) -> Iterator[PurePath]:
    """Candidate names for the results of a picture at `place`: without its suffix, with it, with numbers."""
    plain = place.with_suffix("") if place.stem.strip(".") else place
    suffixed = plain.with_name(f"{plain.name}_{place.suffix[1:]}") if place.suffix else plain
    yield plain
    yield suffixed
    for number in count(2):
        yield suffixed.with_name(f"{suffixed.name}_{number}")


def is_result(path: Path) -> bool:
    """Whether any output folder above `path` has a record of it as a result."""
    absolute = Path(_absolute(path))
    named = [(absolute, ending) for ending in (*_ENDINGS, OVERLAID)] + [(absolute.parent, FRAMES)]
    stems = [
        place.with_name(place.name.removesuffix(ending))
        for place, ending in named
        if place.name.endswith(ending) and place.name.removesuffix(ending).strip(".")
    ]
    return any(
        Ledger(folder).path(stem.relative_to(folder)).exists() for stem in stems for folder in stem.parents
    )


def _absolute(path: Path | str) -> str:
    """The absolute path of a file; a URL stays as it is."""
    return path if isinstance(path, str) else os.path.abspath(path)  # noqa: PTH100  resolve would follow links


def _is_elsewhere(source: str) -> bool:
    """Whether a record's source is not a file: no absolute path."""
    return not os.path.isabs(source)  # noqa: PTH117  a text of a record


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
    return Result((height, width), (scored_height, scored_width), areas, notes, sizes, frames)


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
