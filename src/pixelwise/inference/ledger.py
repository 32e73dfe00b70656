"""What has been made in an output folder, from which picture, with which model.

One small JSON file per picture under OUTPUT/.pixelwise. It is written before the first result (a claim on
the names) and again after the last, so that a run that was interrupted is taken up where it ended, and two
pictures never share a name.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from pixelwise.files import write_atomically
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

        The picture's own from an earlier run, or else the first of: its place without the suffix, the same
        with the suffix, with a number. Names of other pictures that still exist, and of files that are not
        ours, are left alone.
        """
        plain = place.with_suffix("") if place.stem.strip(".") else place
        suffixed = plain.with_name(f"{plain.name}_{place.suffix[1:]}") if place.suffix else plain
        own = os.path.abspath(path)  # noqa: PTH100  Path.resolve would follow links
        number = 2
        first_free: PurePath | None = None
        candidates = [plain, suffixed]
        while True:
            stem = candidates.pop(0)
            if str(stem).casefold() not in taken:
                owner = self._owner(stem)
                if owner == own:
                    break
                free = owner is None and not self._occupied(stem)
                free = free or (owner is not None and not os.path.lexists(owner))
                if free and first_free is None:
                    first_free = stem
            if not candidates:
                if first_free is not None:
                    stem = first_free
                    break
                candidates = [suffixed.with_name(f"{suffixed.name}_{number}")]
                number += 1
        taken.add(str(stem).casefold())
        return stem

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
