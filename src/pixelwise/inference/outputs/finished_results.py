"""Records of the results in an output folder: from which picture and with which model they were made.

There is one small JSON file per picture under OUTPUT/.pixelwise. It is written before the first result (to
reserve the names) and again after the last. So an interrupted run continues where it stopped, and two
pictures never share a name.
"""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count, dropwhile, islice
from pathlib import Path, PurePath

from pixelwise.core.errors import ImageError
from pixelwise.core.files import (
    Write,
    exclusive,
    make_folder,
    open_file,
    sha256_of,
    write_atomically,
    write_together,
)
from pixelwise.core.terminal import printable
from pixelwise.inference.outputs.cut_off import is_cut_off, may_be_cut_off
from pixelwise.inference.outputs.records import Identity, Record, Result, recorded_source
from pixelwise.inference.results.kinds import KINDS

FRAMES = "_frames"
"""The ending of the folder of a video's results, a file for each frame and kind."""

OVERLAID = "_overlay.mp4"
"""The ending of an overlaid video."""

RUN_FILES = PurePath(".run_files")
"""The stem of the record of the files about all pictures."""

RESERVED = frozenset({str(RUN_FILES)}) | frozenset(
    kind.run_file.name.removesuffix(ending)
    for kind in KINDS.values()
    for ending in {kind.ending for kind in KINDS.values() if kind.is_annotation}
    if kind.run_file is not None and kind.run_file.name.endswith(ending)
)
"""Stems that no picture may have: its annotations or record would be called as those of all pictures."""

_ENDINGS = tuple(kind.ending for kind in KINDS.values() if not kind.is_hidden)
_MARKED = tuple(kind.ending for kind in KINDS.values() if not (kind.is_hidden or kind.is_annotation))
_MOST_BYTES = 1_000_000  # of a record; ours have some kilobytes


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
        own = recorded_source(path)
        untaken = (stem for stem in stems(place) if str(stem).casefold() not in taken)
        is_new = not os.path.lexists(self.output)  # then no name in it needs to be looked for
        usable = (stem for stem in untaken if is_new or self._usable(stem, own))
        mine = (stem for stem in islice(stems(place), 2) if not is_new and self._owner(stem) == own)
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
            known = self.read(claimed)
            self.write(claimed, record if known is None else replace(record, written=known.written))
        return claimed

    def file(self, stem: PurePath, kind: str) -> Path:
        """The path of a result of a picture."""
        entry = KINDS[kind]
        folder = self.path(stem).parent if entry.is_hidden else (self.output / stem).parent
        return folder / f"{stem.name}{entry.ending}"

    def kept(
        self, stem: PurePath, paths: Mapping[str, Path], ours: Collection[str], overwrite: bool
    ) -> dict[str, str]:
        """Those of `paths` whose files must stay, with a note on each: a person has changed them since they
        were written, unless `overwrite`; or there is no record that they were written, except for `ours`.
        Files of the record that are cut off do not stay.
        """
        record = self.read(stem)
        written = {} if record is None else record.written
        notes = {}
        for key, path in paths.items():
            if not path.is_file():
                continue
            digests = written.get(key, ())
            unknown = not digests and key not in ours
            changed = bool(digests) and not overwrite and _is_changed(path, digests)
            if unknown or changed:
                notes[key] = _kept(path, digests)
        return notes

    def cut_off(self, stem: PurePath, paths: Mapping[str, Path]) -> list[str]:
        """A note on each of `paths` that lacks its end, and is therefore made again."""
        record = self.read(stem)
        written = {} if record is None else record.written
        return [
            f"{printable(path.name)} was cut off since it was written, as by a crash, and is made again"
            for key, path in paths.items()
            if (digests := written.get(key)) and path.is_file() and sha256_of(path) not in digests
            if is_cut_off(path)
        ]

    def save(
        self, stem: PurePath, record: Record, paths: Mapping[str, Path], files: Mapping[Path, Write]
    ) -> dict[str, Sequence[str]]:
        """Write `files`, all or none. `record` is that of the claim; it gets the digests of those files that
        `paths` names, before they get their names: what a killed run leaves is not taken for changed.

        Returns the digests for the record of the finished result.
        """
        known = self.read(stem)
        before = dict({} if known is None else known.written)
        new: dict[str, Sequence[str]] = {}

        def announce(complete: Mapping[Path, Path]) -> None:
            new.update({key: (sha256_of(complete[path]),) for key, path in paths.items() if path in complete})
            either = {key: (*before.get(key, ()), *digests) for key, digests in new.items()}
            self.write(stem, replace(record, written={**before, **either}))

        write_together(files, announce)
        return {**before, **new}

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
        endings = (*_MARKED, FRAMES, OVERLAID)
        return any(os.path.lexists(f"{self.output / stem}{ending}") for ending in endings)

    def scratch(self, stem: PurePath) -> Path:
        """A folder for what an unfinished video leaves."""
        return self._folder / stem.with_name(f"{stem.name}{FRAMES}")

    def finished(
        self, stem: PurePath, picture: Path | Identity, model: str, kinds: Sequence[str]
    ) -> Result | None:
        """The recorded result, if picture and model are unchanged and there are files of all `kinds`: the
        complete ones that were written, or ones that a person has changed since, which are noted. A file that
        is cut off is not complete.
        """
        record = self.read(stem)
        if record is None or record.result is None or record.model != model:
            return None
        notes = record.result.all_notes(kinds)
        try:
            for kind in kinds:
                path, digests = self.file(stem, kind), record.written.get(kind)
                changed = path.stat().st_size != record.result.sizes[kind]
                if digests and KINDS[kind].is_annotation:
                    changed = changed or sha256_of(path) not in digests
                if changed and digests is None:
                    return None
                if (changed or not KINDS[kind].is_annotation) and is_cut_off(path):
                    return None
                if changed:
                    notes.append(_kept(path, digests or ()))
            return replace(record.result, notes=notes) if record.picture.is_still(picture) else None
        except (OSError, KeyError):
            return None


def _is_changed(path: Path, digests: Collection[str]) -> bool:
    """Whether a person has changed a file, rather than a crash, since it was written with such a digest."""
    return sha256_of(path) not in digests and not is_cut_off(path)


def _kept(path: Path, digests: Collection[str]) -> str:
    """A note on a file that stays; `digests` are those of what was written under its name."""
    if not digests:
        return f"{printable(path.name)} was there before and is kept"
    what = "changed or cut off" if may_be_cut_off(path) else "changed"
    return f"{printable(path.name)} was {what} since it was written and is kept; --overwrite makes it again"


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
    whole = Path(recorded_source(path))
    named = [(whole, ending) for ending in (*_ENDINGS, OVERLAID)] + [(whole.parent, FRAMES)]
    stems = [
        place.with_name(place.name.removesuffix(ending))
        for place, ending in named
        if place.name.endswith(ending) and place.name.removesuffix(ending).strip(".")
    ]
    return any(
        Ledger(folder).path(stem.relative_to(folder)).exists() for stem in stems for folder in stem.parents
    )


def _is_elsewhere(source: str) -> bool:
    """Whether a record's source is not a file: no absolute path."""
    return not os.path.isabs(source)  # noqa: PTH117  a text of a record
