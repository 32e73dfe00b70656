"""Segment many files into a folder: one outcome per picture, faults included, finished ones skipped."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path, PurePath
from typing import Any

from pixelwise.errors import ImageError, PixelwiseError
from pixelwise.files import make_folder
from pixelwise.inference.inputs import find_pictures
from pixelwise.inference.ledger import Ledger, identity
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.segmentation import KINDS, Area
from pixelwise.pictures.images import printable
from pixelwise.pictures.memory import PICTURES
from pixelwise.streams import in_order


@dataclass(frozen=True)
class Task:
    """A picture, its place below the folder it was found in and the stem of its results below the output
    folder; or an input with a problem.
    """

    path: Path
    place: PurePath
    stem: PurePath
    problem: PixelwiseError | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of one picture: if `problem` is set, nothing else is.

    size, scored_size: (height, width). seconds: from reading to the last file, 0 if `skipped` as finished
    before.
    """

    path: Path
    problem: PixelwiseError | None = None
    size: tuple[int, int] = (0, 0)
    scored_size: tuple[int, int] = (0, 0)
    areas: list[Area] = field(default_factory=list)
    seconds: float = 0.0
    outputs: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    skipped: bool = False


def plan(inputs: Sequence[str | Path], output: Path) -> list[Task]:
    """Find the pictures of `inputs` and give each a name of its own below `output`.

    Raises ImageError if `output` is no folder.
    """
    if output.exists() and not output.is_dir():
        raise ImageError(
            f"{output}: expected a folder for the results, got a file", "choose another --output"
        )
    ledger = Ledger(output)
    taken: set[str] = set()
    tasks = []
    for found in find_pictures(inputs, output):
        if found.problem is None:
            stem = ledger.stem_for(found.path, found.place, taken)
            tasks.append(Task(found.path, found.place, stem))
        else:
            tasks.append(Task(found.path, found.place, found.place, found.problem))
    return tasks


def run(
    predictor: Predictor,
    tasks: Sequence[Task],
    output: Path,
    kinds: Sequence[str] = ("mask", "overlay"),
    overwrite: bool = False,
    workers: int = 1,
) -> Iterator[Outcome]:
    """Carry out `tasks` in threads and yield their outcomes in order.

    A picture is skipped if an earlier run finished it: same file, same model, all `kinds` complete.
    Exceptions become outcomes; ImageError is raised only if `output` cannot be made or written into. Stopping
    early leaves finished pictures and no half-written file.
    """
    make_folder(output, "output folder", "--output", ImageError)
    function = partial(_outcome, predictor, Ledger(output), tuple(dict.fromkeys(kinds)), overwrite)
    yield from in_order(function, tasks, workers)


def _outcome(
    predictor: Predictor, ledger: Ledger, kinds: tuple[str, ...], overwrite: bool, task: Task
) -> Outcome:
    if task.problem is not None:
        return Outcome(task.path, task.problem)
    try:
        if not overwrite:
            result = ledger.finished(task.stem, task.path, predictor.identity, kinds)
            if result is not None:
                return _from_record(task, ledger.output, kinds, result)
        return _segment(predictor, ledger, kinds, task)
    except ImageError as problem:  # one picture must not stop the others
        return Outcome(task.path, problem)
    except Exception as problem:
        message, hint = str(problem) or type(problem).__name__, None
        if isinstance(problem, PixelwiseError):
            message, hint = problem.message, problem.hint
        named = ImageError(f"{printable(task.path)}: {message}", hint)
        named.__cause__ = problem
        return Outcome(task.path, named)


def _segment(predictor: Predictor, ledger: Ledger, kinds: tuple[str, ...], task: Task) -> Outcome:
    start = time.perf_counter()
    source = identity(task.path) if task.path.is_file() else {}
    result = predictor(task.path)
    record: dict[str, Any] = {**source, "model": predictor.identity}
    with PICTURES.reserve(result.saving_bytes(kinds)):
        stem = ledger.claim(task.stem, task.place, record)
        outputs = result.save(ledger.output / stem, kinds)
        outcome = Outcome(
            path=task.path,
            size=result.size,
            scored_size=result.scored_size,
            areas=result.areas(),
            seconds=time.perf_counter() - start,
            outputs=outputs,
            notes=result.notes(kinds),
        )
        del result
    record["sizes"] = {kind: path.stat().st_size for kind, path in outputs.items()}
    record["result"] = {
        "height": outcome.size[0],
        "width": outcome.size[1],
        "scored_height": outcome.scored_size[0],
        "scored_width": outcome.scored_size[1],
        "areas": [asdict(area) for area in outcome.areas],
        "notes": outcome.notes,
    }
    ledger.write(stem, record)
    return outcome


def _from_record(task: Task, output: Path, kinds: tuple[str, ...], result: dict[str, Any]) -> Outcome:
    return Outcome(
        path=task.path,
        size=(result["height"], result["width"]),
        scored_size=(result["scored_height"], result["scored_width"]),
        areas=[Area(**entry) for entry in result["areas"]],
        outputs={kind: Path(f"{output / task.stem}{KINDS[kind]}") for kind in kinds},
        notes=result["notes"],
        skipped=True,
    )
