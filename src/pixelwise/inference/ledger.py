"""What has been made in an output folder, from which picture, with which model.

One small JSON file per picture under OUTPUT/.pixelwise. It is written before the first result (a claim on
the names) and again after the last, so that a run that was interrupted is taken up where it ended, and two
pictures never share a name.
"""

import json
import os
from collections.abc import Iterator, Sequence
from itertools import count, dropwhile, islice
from pathlib import Path, PurePath
from typing import Any

from pixelwise.errors import ImageError
from pixelwise.files import make_folder, write_atomically
from pixelwise.inference.segmentation import KINDS

_FORMAT = 1


class Ledger:
    """The records of one output folder. A `stem` is the path of results below it, without endings."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self._folder = output / ".pixelwise"

    def path(self, stem: PurePath) -> Path:
        """Where the record lies or would lie."""
        return self._folder / stem.with_name(stem.name + ".json")

    def read(self, stem: PurePath) -> dict[str, Any] | None:
        """The record, or None if there is none that can be read."""
        try:
            record = json.loads(self.path(stem).read_bytes())
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) and record.get("format") == _FORMAT else None

    def write(self, stem: PurePath, record: dict[str, Any]) -> None:
        content = json.dumps({"format": _FORMAT, **record}).encode()
        write_atomically(self.path(stem), lambda file: file.write(content))

    def stem_for(self, path: Path, place: PurePath, taken: set[str]) -> PurePath:
        """Choose a stem for the results of `path`, found at `place`, and add it to `taken`.

        The picture's own from an earlier run, or else the first of `stems` that is free: names of other
        pictures that still exist, and of files that are not ours, are left alone.
        """
        own = os.path.abspath(path)  # noqa: PTH100  Path.resolve would follow links
        untaken = (stem for stem in stems(place) if str(stem).casefold() not in taken)
        usable = (stem for stem in untaken if self._owner(stem) == own or self._free(stem))
        mine = (stem for stem in islice(stems(place), 2) if self._owner(stem) == own)
        chosen = next((stem for stem in mine if str(stem).casefold() not in taken), None) or next(usable)
        taken.add(str(chosen).casefold())
        return chosen

    def claim(self, stem: PurePath, place: PurePath, record: dict[str, Any]) -> PurePath:
        """Write the first record of a picture under the stem chosen for it and return that; or, if another
        process that writes here has taken it since, under the first of the later ones that is free.
        """
        names = dropwhile(lambda name: name != stem, stems(place))
        claimed = next(name for name in names if self._claimed(name, record["source"]))
        self.write(claimed, record)
        return claimed

    def _claimed(self, stem: PurePath, source: str) -> bool:
        """Whether the stem is that picture's, which it becomes if it is nobody's."""
        owner = self._owner(stem)
        if owner is not None or self._occupied(stem):
            return owner == source or self._free(stem)
        path = self.path(stem)
        try:
            make_folder(path.parent, "folder", "--output", ImageError)
            path.touch(exist_ok=False)  # of several processes one succeeds
        except FileExistsError:
            return False
        return True

    def _free(self, stem: PurePath) -> bool:
        owner = self._owner(stem)
        return not self._occupied(stem) if owner is None else not os.path.lexists(owner)

    def _owner(self, stem: PurePath) -> str | None:
        record = self.read(stem)
        return None if record is None else str(record.get("source"))

    def _occupied(self, stem: PurePath) -> bool:
        return any(os.path.lexists(f"{self.output / stem}{ending}") for ending in KINDS.values())

    def finished(self, stem: PurePath, path: Path, model: str, kinds: Sequence[str]) -> dict[str, Any] | None:
        """The recorded result, if picture and model are still the same and all of `kinds` lie there whole."""
        record = self.read(stem)
        if record is None or record.get("result") is None or record.get("model") != model:
            return None
        try:
            if {key: record[key] for key in ("source", "modified", "bytes")} != identity(path):
                return None
            sizes = record["sizes"]
            for kind in kinds:
                if Path(f"{self.output / stem}{KINDS[kind]}").stat().st_size != sizes[kind]:
                    return None
        except (OSError, KeyError, TypeError):
            return None
        result: dict[str, Any] = record["result"]
        return result


def stems(place: PurePath) -> Iterator[PurePath]:
    """The names for results of a picture found at `place`: that without the suffix, the same with the
    suffix, with numbers.
    """
    plain = place.with_suffix("") if place.stem.strip(".") else place
    suffixed = plain.with_name(f"{plain.name}_{place.suffix[1:]}") if place.suffix else plain
    yield plain
    yield suffixed
    for number in count(2):
        yield suffixed.with_name(f"{suffixed.name}_{number}")


def is_result(path: Path) -> bool:
    """Whether a record of any output folder that `path` lies in speaks of it as a result."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  Path.resolve would follow links
    stems = [
        absolute.with_name(absolute.name.removesuffix(ending))
        for ending in KINDS.values()
        if absolute.name.endswith(ending) and absolute.name.removesuffix(ending).strip(".")
    ]
    return any(
        Ledger(folder).path(stem.relative_to(folder)).exists() for stem in stems for folder in stem.parents
    )


def identity(path: Path) -> dict[str, Any]:
    """What tells a picture file from another, or from an earlier state of itself."""
    status = path.stat()
    source = os.path.abspath(path)  # noqa: PTH100  Path.resolve would follow links
    return {"source": source, "modified": status.st_mtime_ns, "bytes": status.st_size}
