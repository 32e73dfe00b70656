"""The files about all pictures of a run: annotations for COCO and CVAT, a table of regions, class lists."""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pixelwise.core.classes import Classes
from pixelwise.core.files import Write, open_file
from pixelwise.data.annotations.names import common_folder
from pixelwise.data.annotations.region_files import read_regions
from pixelwise.data.annotations.regions import AnnotatedPicture
from pixelwise.inference.outputs.finished_results import RUN_FILES, Ledger
from pixelwise.inference.outputs.records import Identity, Record
from pixelwise.inference.results.kind import Run, Saving
from pixelwise.inference.results.kinds import KINDS, run_files
from pixelwise.inference.segment_files import Outcome
from pixelwise.inference.sources.urls import name_of

_NOBODY = Record(Identity("", (), ""), "")


def write_run_files(
    outcomes: Sequence[Outcome],
    kinds: Sequence[str],
    output: Path,
    classes: Classes,
    saving: Saving,
    overwrite: bool = False,
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Write the files about all pictures that `kinds` have; returns their paths, and notes on those that are
    kept, on those that are made again since they were cut off, and on lists of classes that change.

    They hold the pictures of `outcomes`, also those that an earlier run finished; the frames of a video have
    files of their own. Pictures are named relative to their common folder. Files that a person has changed
    since are kept, unless `overwrite`; those that were there before always are. Raises ImageError if a file
    cannot be written, or the regions of a picture cannot be read; then no file is.
    """
    done = [(_path(one), one) for one in outcomes if one.problem is None and one.frames is None]
    if not done:
        return (), ()

    def pictures() -> Iterator[AnnotatedPicture]:
        for path, outcome in done:
            if outcome.regions is not None:
                regions = (region.simplified(saving.tolerance) for region in read_regions(outcome.regions))
                yield AnnotatedPicture(path, outcome.size, tuple(regions))

    run = Run(pictures, classes, common_folder(path for path, _ in done), output)
    files = run_files(run, kinds)
    if not files:
        return (), ()
    ledger = Ledger(output)
    paths = {path.name: path for path in files}
    again = [] if overwrite else ledger.cut_off(RUN_FILES, paths)
    kept = ledger.kept(RUN_FILES, paths, (), overwrite)
    due = {path: write for path, write in files.items() if path.name not in kept}
    again += _other_classes(due, kinds)
    written = ledger.save(RUN_FILES, _NOBODY, paths, due)
    if due:
        ledger.write(RUN_FILES, Record(_NOBODY.picture, _NOBODY.model, written=written))
    return tuple(files), (*again, *kept.values())


def _other_classes(due: Mapping[Path, Write], kinds: Sequence[str]) -> Iterator[str]:
    """A note on each list of classes that another one is to replace: other files may go with the old one."""
    lists = {file.name for kind in kinds if (file := KINDS[kind].run_file) and file.lists_classes}
    for path, write in due.items():
        if path.name not in lists or not path.is_file():
            continue
        new = io.BytesIO()
        write(new)
        with open_file(path) as there:
            old = there.read()
        if _names(old) != _names(new.getvalue()):
            yield (
                f"{path.name} lists other classes than before; files that were kept, or are of other "
                "pictures, still use the old list"
            )


def _names(content: bytes) -> bytes:
    """The part of a list of classes that names them: in data.yaml the last."""
    return content.rpartition(b"\nnames:\n")[2]


def _path(outcome: Outcome) -> Path:
    """The picture's file; one of its own for each page. A picture that is not a file is called as its results
    are, since several URLs may end in one name.
    """
    path = Path(name_of(outcome.path)) if isinstance(outcome.path, str) else outcome.path
    if isinstance(outcome.path, str) and outcome.stem is not None:
        path = Path(outcome.stem.with_name(outcome.stem.name + path.suffix))
    return path if outcome.page is None else path.with_name(f"{path.stem}_page{outcome.page:04}{path.suffix}")
