"""Segment many files into a folder: one outcome per picture. Finished ones are skipped, faults reported."""

import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePath
from typing import Protocol

from pixelwise.core.errors import ImageError, PixelwiseError
from pixelwise.core.files import make_folder, remove_abandoned
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.terminal import printable
from pixelwise.core.threads import in_order
from pixelwise.inference.probabilities import Area
from pixelwise.inference.results.finished_results import Identity, Ledger, Record, Result, state_of
from pixelwise.inference.segmentation import KINDS, Segmentation
from pixelwise.inference.sources.files import find_pictures


class Segmenter(Protocol):
    """What segments a picture file: a predictor, or what refines the results of another program."""

    def identity_for(self, path: Path) -> str:
        """Differs between results of one picture that differ."""

    def __call__(self, path: Path, /) -> Segmentation: ...


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
    """The outcome for one picture: if `problem` is set, nothing else is.

    size, scored_size: (height, width). seconds: from reading to the last file, 0 if `skipped` because an
    earlier run finished it.
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


def plan(inputs: Sequence[str | Path], output: Path, passed_over: "Counter[str] | None" = None) -> list[Task]:
    """Find the pictures of `inputs` and give each a unique name below `output`.

    passed_over: counts files in folders that are not read but might be missed, such as videos, by kind.
    Raises ImageError if `output` is not a folder.
    """
    if output.exists() and not output.is_dir():
        raise ImageError(
            f"{printable(output)}: expected a folder for the results, got a file", "choose another --output"
        )
    ledger = Ledger(output)
    taken: set[str] = set()
    tasks = []
    for found in find_pictures(inputs, output, passed_over):
        if found.problem is None:
            stem = ledger.stem_for(found.path, found.place, taken)
            tasks.append(Task(found.path, found.place, stem))
        else:
            tasks.append(Task(found.path, found.place, found.place, found.problem))
    return tasks


def listed(tasks: Sequence[Task], ids: Collection[str], name: str) -> list[Task]:
    """The tasks of pictures with these ids, their names without ending. `name` says where the ids are from,
    for messages. Raises ImageError if there is no picture for one of them.
    """
    kept = [task for task in tasks if task.problem is not None or task.path.stem in ids]
    if missing := sorted(set(ids) - {task.path.stem for task in kept}):
        raise ImageError(
            f"{name} lists {len(missing)} pictures that are not among the inputs, "
            f"{printable(missing[0])} for one",
            "an id is a file's name without its ending; name the folder that holds all of them",
        )
    return kept


def run(
    predictor: Segmenter,
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
    ledger = Ledger(output)
    for folder in {place.parent for task in tasks for place in (output / task.stem, ledger.path(task.stem))}:
        remove_abandoned(folder)
    function = partial(_outcome, predictor, ledger, tuple(dict.fromkeys(kinds)), overwrite)
    yield from in_order(function, tasks, workers)


def _outcome(
    predictor: Segmenter, ledger: Ledger, kinds: tuple[str, ...], overwrite: bool, task: Task
) -> Outcome:
    if task.problem is not None:
        return Outcome(task.path, task.problem)
    try:
        if not overwrite:
            result = ledger.finished(task.stem, task.path, predictor.identity_for(task.path), kinds)
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


def _segment(predictor: Segmenter, ledger: Ledger, kinds: tuple[str, ...], task: Task) -> Outcome:
    start = time.perf_counter()
    state = state_of(task.path) if task.path.exists() else ()
    model = predictor.identity_for(task.path)
    result = predictor(task.path)
    picture = Identity.of(task.path, state)
    with PICTURES.reserve(result.saving_bytes(kinds)):
        areas = result.areas()
        stem = ledger.claim(task.stem, task.place, Record(picture, model))
        outputs = result.save(ledger.output / stem, kinds)
        outcome = Outcome(
            path=task.path,
            size=result.size,
            scored_size=result.scored_size,
            areas=areas,
            seconds=time.perf_counter() - start,
            outputs=outputs,
            notes=result.notes(kinds),
        )
        del result
    sizes = {kind: path.stat().st_size for kind, path in outputs.items()}
    made = Result(outcome.size, outcome.scored_size, outcome.areas, outcome.notes, sizes)
    ledger.write(stem, Record(picture, model, made))
    return outcome


def _from_record(task: Task, output: Path, kinds: tuple[str, ...], result: Result) -> Outcome:
    return Outcome(
        path=task.path,
        size=result.size,
        scored_size=result.scored_size,
        areas=result.areas,
        outputs={kind: Path(f"{output / task.stem}{KINDS[kind]}") for kind in kinds},
        notes=result.notes,
        skipped=True,
    )
