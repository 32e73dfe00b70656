"""Results as rows of Parquet files: a file for each batch of pictures, in a folder or at a URL.

The name of a file is a digest of its pictures, the model and what was saved. So a file that exists is
finished, a batch that is worked on twice gives one file, and the same job in another process gives the same
names.
"""

import hashlib
import io
import json
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from pixelwise.core.errors import ImageError
from pixelwise.core.files import write_atomically
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.pictures.reading import Encoded
from pixelwise.core.terminal import printable
from pixelwise.core.threads import in_order
from pixelwise.inference.outputs.records import state_of
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.probabilities import Area
from pixelwise.inference.results.kind import Saving
from pixelwise.inference.results.kinds import save_alone
from pixelwise.inference.segment_files import Outcome, outcome_of
from pixelwise.inference.sources.given import Source
from pixelwise.inference.sources.tasks import Task
from pixelwise.inference.sources.urls import is_url

ENDING = ".parquet"
MANIFEST = "_finished.json"
"""Lists the files, once all are there. Readers of Parquet folders pass over names that begin with _."""

_FORMAT = 1
_LONGEST_NAME = 120  # bytes, without endings
_FACTS = ("path", "message", "hint", "height", "width", "scored_height", "scored_width", "areas", "notes")

Row = dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """The rows of a file: its pictures, each with the predictor that segments it, and what is saved."""

    tasks: Sequence[Task]
    predictors: Sequence[Predictor]
    kinds: Sequence[str]
    saving: Saving = Saving()  # noqa: RUF009  frozen


class RowFiles:
    """The Parquet files of one output, a folder of this machine or a URL that fsspec knows."""

    def __init__(self, output: str) -> None:
        self.output = output.rstrip("/")
        self._system: Any = None
        self._folder = self.output
        if is_url(output):
            from fsspec.core import url_to_fs

            self._system, self._folder = url_to_fs(self.output)

    def save(
        self, name: str, wanted: "Rows", overwrite: bool = False, side_by_side: int = 1
    ) -> list[Outcome]:
        """Write the file `name` of these rows, unless it is finished.

        Rows of an earlier run stay, but for pictures that failed: they are tried again.
        """
        old = [] if overwrite else self._rows(name)
        known = {row["path"]: row for row in old if row["message"] is None}
        if old and len(known) == len(wanted.tasks):
            return [_outcome(row, skipped=True) for row in old]

        def made(pair: tuple[Task, Predictor]) -> Row:
            return known.get(_text(pair[0].path)) or _made(*pair, wanted.kinds, wanted.saving)

        rows = list(in_order(made, zip(wanted.tasks, wanted.predictors, strict=True), side_by_side))
        self._write(name, _encoded(rows, wanted.kinds))
        return [_outcome(row, skipped=row["path"] in known) for row in rows]

    def finished(self, name: str) -> bool:
        """Whether the file is there, with a result of each picture."""
        rows = self._rows(name, list(_FACTS))
        return bool(rows) and all(row["message"] is None for row in rows)

    def names(self) -> set[str]:
        """The names of the finished files."""
        if self._system is None:
            found = [path.name for path in Path(self._folder).glob(f"part-*{ENDING}")]
        else:
            with suppress(FileNotFoundError):
                self._system.invalidate_cache()
            found = [PurePosixPath(path).name for path in self._system.glob(f"{self._folder}/part-*{ENDING}")]
        return set(found)

    def keep(self, names: Sequence[str], before: set[str], facts: dict[str, Any]) -> None:
        """Remove the files of other pictures and models, and write the manifest.

        before: the files that were there when the first worker started. Raises ImageError, and removes
        nothing, if another command made or removed files since then.
        """
        there = self.names()
        lost, foreign = set(names) - there, there - before - set(names)
        if lost or foreign:
            one, what = min(lost or foreign), "removed" if lost else "made"
            raise ImageError(
                f"{printable(self.output)}: another command {what} {one} meanwhile",
                "let only one command at a time write there, and run this one again",
            )
        for name in there - set(names):
            self._remove(name)
        content = json.dumps({"format": _FORMAT, **facts, "files": sorted(names)}, indent=1).encode()
        self._write(MANIFEST, content)

    def _rows(self, name: str, columns: list[str] | None = None) -> list[Row]:
        """The rows of a file; none if it is not there or damaged."""
        import pyarrow
        from pyarrow import parquet

        try:
            with self.open(name) as file:
                rows: list[Row] = parquet.read_table(file, columns=columns).to_pylist()
            return rows
        except (OSError, pyarrow.ArrowException):
            return []

    def open(self, name: str) -> Any:
        """The file, for reading. Raises OSError."""
        path = f"{self._folder}/{name}"
        return Path(path).open("rb") if self._system is None else self._system.open(path, "rb")

    def _write(self, name: str, content: bytes) -> None:
        path = f"{self._folder}/{name}"
        if self._system is None:
            write_atomically(Path(path), lambda file: file.write(content))
        else:
            self._system.pipe_file(path, content)  # in one piece: stores show an object when it is complete

    def _remove(self, name: str) -> None:
        path = f"{self._folder}/{name}"
        with suppress(FileNotFoundError):
            if self._system is None:
                Path(path).unlink()
            else:
                self._system.rm_file(path)


def name_of(tasks: Sequence[Task], identity: str, kinds: Sequence[str]) -> str:
    """The name of the file of these pictures. It changes with the identity of the model and the kinds of
    results, with the pictures' paths, with sizes and times of files, and with the content of `bytes`.
    """
    digest = hashlib.sha256(json.dumps([_FORMAT, identity, list(kinds)]).encode())
    for task in tasks:
        digest.update(json.dumps([_text(task.path), *_state(task)]).encode())
    return f"part-{digest.hexdigest()[:24]}{ENDING}"


def _state(task: Task) -> list[Any]:
    if isinstance(task.read, partial) and task.read.func is Encoded:
        return [hashlib.sha256(task.read.args[0]).hexdigest()]
    if task.read is not None:  # a URL, which is not fetched for this
        return []
    try:
        return list(state_of(Path(task.path))[:2])
    except (OSError, ValueError):
        return []


def _made(task: Task, predictor: Predictor, kinds: Sequence[str], saving: Saving) -> Row:
    """The row of a picture: its result, or what is wrong with it."""
    results: dict[str, bytes] = {}
    outcome = outcome_of(partial(_segmented, predictor, kinds, saving, results), task)
    row: Row = dict.fromkeys((*_FACTS, *kinds)) | {"path": _text(task.path)}
    if outcome.problem is not None:
        return row | {"message": outcome.problem.message, "hint": outcome.problem.hint}
    (height, width), (scored_height, scored_width) = outcome.size, outcome.scored_size
    size = {"height": height, "width": width, "scored_height": scored_height, "scored_width": scored_width}
    areas = [asdict(area) for area in outcome.areas]
    return row | size | {"areas": areas, "notes": outcome.notes} | results


def _segmented(
    predictor: Predictor, kinds: Sequence[str], saving: Saving, results: dict[str, bytes], task: Task
) -> Outcome:
    """Segment a picture; `results` receives the content of the file of each kind."""
    source: Source = Path(task.path) if task.read is None else task.read()
    with ExitStack() as stack:
        stack.enter_context(PICTURES.reserve(predictor.held_bytes(source)))
        result = predictor(source)
        stack.enter_context(PICTURES.reserve(result.saving_bytes(kinds)))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        name = _short(Outcome(task.path).name)  # which GeoJSON holds
        for kind, path in save_alone(result, Path(folder) / name, kinds, saving).items():
            results[kind] = path.read_bytes()
        notes = result.notes(kinds)
        return Outcome(task.path, None, result.size, result.scored_size, result.areas(), notes=notes)


def _short(name: str) -> str:
    """A name that leaves a file room for an ending."""
    return name.encode()[:_LONGEST_NAME].decode(errors="ignore") or "picture"


def _outcome(row: Row, skipped: bool) -> Outcome:
    if row["message"] is not None:
        return Outcome(row["path"], ImageError(row["message"], row["hint"]))
    areas = [Area(**area) for area in row["areas"]]
    size, scored_size = (row["height"], row["width"]), (row["scored_height"], row["scored_width"])
    return Outcome(row["path"], None, size, scored_size, areas, notes=row["notes"], skipped=skipped)


def _encoded(rows: Sequence[Row], kinds: Sequence[str]) -> bytes:
    """The content of a Parquet file, the same for the same rows."""
    import pyarrow
    from pyarrow import parquet

    text, number, share = pyarrow.string(), pyarrow.int32(), pyarrow.float64()
    area = pyarrow.struct([("id", number), ("name", text), ("area", share), ("confidence", share)])
    types = {name: number if name.endswith(("height", "width")) else text for name in _FACTS}
    types |= {"areas": pyarrow.list_(area), "notes": pyarrow.list_(text)}
    types |= dict.fromkeys(kinds, pyarrow.large_binary())
    file = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(list(rows), pyarrow.schema(types.items())), file)
    return file.getvalue()


def _text(path: Path | str) -> str:
    """A path as text; names that are not text have escapes."""
    return str(path).encode(errors="backslashreplace").decode()
