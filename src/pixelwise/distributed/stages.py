"""What the workers of a cluster do to pictures: score them, refine the scores, save the results.

Each job here is a record that goes to every worker. There it loads the model, once.
"""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any

from pixelwise.core.classes import Classes
from pixelwise.core.errors import ImageError
from pixelwise.core.files import make_folder
from pixelwise.core.pictures.reading import Encoded, read_photo
from pixelwise.core.threads import in_order
from pixelwise.core.types import RGBImage, Scores
from pixelwise.distributed.row_files import ENDING, RowFiles, Rows, name_of
from pixelwise.inference.engines.batching import BatchEngine, Batching
from pixelwise.inference.model_files.model_file import bundled_names
from pixelwise.inference.outputs.finished_results import RESERVED, Ledger
from pixelwise.inference.outputs.records import Identity
from pixelwise.inference.outputs.run_files import write_run_files
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.results.cleaning import Cleaning
from pixelwise.inference.results.kind import Saving
from pixelwise.inference.results.kinds import expect_kinds
from pixelwise.inference.results.style import Style
from pixelwise.inference.segment_files import Outcome, Work, made_output, of_picture, outcome_of
from pixelwise.inference.sources.given import Source, readable
from pixelwise.inference.sources.tasks import Task
from pixelwise.inference.sources.urls import is_url
from pixelwise.inference.views import SINGLE
from pixelwise.workflows.loading import LoadOptions, load
from pixelwise.workflows.segmenting import prepared

if TYPE_CHECKING:
    import pyarrow

BATCH_ON_GPU = 8


@dataclass(frozen=True)
class Done:
    """The answer of the last stage for a block. name: of its file of rows, if it has one."""

    name: str | None
    outcomes: list[Outcome]
    classes: Classes


@dataclass(frozen=True)
class Plan:
    """How pictures are segmented, and where the results go.

    output: a folder for files, or a folder or URL named *.parquet for files of rows. on_gpu: the net runs on
    a GPU, which takes several pictures at a time.
    """

    model: str
    options: LoadOptions
    output: str
    save: tuple[str, ...]
    cleaning: Cleaning
    style: Style
    saving: Saving
    overwrite: bool
    on_gpu: bool = False

    @property
    def as_rows(self) -> bool:
        """Whether results are rows of Parquet files."""
        return self.output.rstrip("/").endswith(ENDING)

    @property
    def cpus(self) -> int:
        """The processors of a worker."""
        return self.options.get("threads") or 1

    @property
    def side_by_side(self) -> int:
        """How many pictures a worker has in hand: one for each of its processors."""
        return BATCH_ON_GPU if self.on_gpu else self.cpus

    def check(self) -> None:
        """Raise ValueError for kinds of results that are unknown or not for rows, ModelError if there is no
        such model.
        """
        expect_kinds(self.save, of_pictures=self.as_rows)
        if self.as_rows and "labelme" in self.save:
            raise ValueError("labelme names the picture relative to its own file; rows take geojson instead")
        if self.model not in bundled_names() and not Path(self.model).exists():
            load(self.model)

    def row_files(self) -> set[str]:
        """The names of the files of rows that the output holds now."""
        return RowFiles(self.output).names() if self.as_rows else set()

    def conclude(
        self, answers: Sequence[Done], outcomes: Sequence[Outcome], before: set[str]
    ) -> tuple[tuple[Path, ...], tuple[str, ...]]:
        """Write the files about all pictures, or see to it that a folder of rows holds those of this run.

        before: `row_files` before the first worker started. Returns the paths of the files, and notes on
        those that are kept.
        """
        if not answers:
            return (), ()
        if not self.as_rows:
            classes, place = answers[0].classes, Path(self.output)
            return write_run_files(outcomes, self.save, place, classes, self.saving, self.overwrite)
        failed = sum(outcome.problem is not None for outcome in outcomes)
        names = [done.name for done in answers if done.name is not None]
        RowFiles(self.output).keep(names, before, {"pictures": len(outcomes), "failed": failed})
        return (), ()

    def make_output(self, tasks: Sequence[Task]) -> None:
        """Make the output, without what killed processes left of `tasks`. Raises ImageError."""
        if self.as_rows and is_url(self.output):
            return
        if self.as_rows:
            make_folder(Path(self.output), "output folder", "--output", ImageError)
        else:
            made_output(tasks, Path(self.output))

    def load(self, **changes: Any) -> Predictor:
        """The model, which uses one thread for each picture."""
        options: LoadOptions = {**self.options, "threads": 1, **changes}  # type: ignore[typeddict-item]
        predictor = prepared(load(self.model, **options), self.save, self.cleaning, self.style)
        if self.on_gpu and isinstance(predictor.engine, BatchEngine):
            predictor.engine = Batching(predictor.engine)
        return predictor

    def tasks(self, content: "list[Task] | pyarrow.Table") -> Sequence[Task]:
        """The pictures of a block: as they were planned, or rows of `path` and `bytes`."""
        if isinstance(content, list):
            return content
        ledger = None if self.as_rows else Ledger(Path(self.output))
        rows = zip(content["path"].to_pylist(), content["bytes"].to_pylist(), strict=True)
        return [_task(str(path), data or b"", ledger) for path, data in rows]

    def work(self, predictor: Predictor) -> Work:
        """What is done with every picture whose results are files."""
        return Work(predictor, Ledger(Path(self.output)), self.save, self.saving, self.overwrite)

    def name(self, tasks: Sequence[Task], identity: str) -> str | None:
        """The name of the file of these pictures' rows; None if each has files of its own."""
        return name_of(tasks, f"{identity} {self.saving} {self.style}", self.save) if self.as_rows else None

    def finish(
        self, name: str | None, tasks: Sequence[Task], predictors: Sequence[Predictor], classes: Classes
    ) -> Done:
        """Save the results of pictures, each by its predictor, in the file of rows of that name, or in files
        of their own.
        """
        if name is not None:
            rows = Rows(tasks, predictors, self.save, self.saving)
            outcomes = RowFiles(self.output).save(name, rows, self.overwrite, self.side_by_side)
            return Done(name, outcomes, classes)

        def save(pair: tuple[Task, Predictor]) -> Outcome:
            task, predictor = pair
            return outcome_of(partial(of_picture, self.work(predictor)), task)

        outcomes = list(in_order(save, zip(tasks, predictors, strict=True), self.side_by_side))
        return Done(None, outcomes, classes)


def _task(path: str, content: bytes, ledger: Ledger | None) -> Task:
    """A picture of a data set's row: its place is its path, without what leads out of a folder."""
    parts = PurePosixPath(path.partition("://")[2] or path).parts
    place = PurePath(*[part for part in parts if part not in ("/", "..")] or ["picture"])
    if ledger is None:
        return Task(path, place, place, read=partial(Encoded, content, path))
    named = path.lstrip("/")  # a record whose source looks like a missing file would count as abandoned
    stem = ledger.stem_for(named, place, set(RESERVED))
    return Task(named, place, stem, read=partial(Encoded, content, path))


@dataclass(frozen=True)
class Segment:
    """Segment the pictures of a block, and save the results."""

    plan: Plan

    def __call__(self) -> Callable[[Any], Done]:
        predictor = self.plan.load()

        def work(content: Any) -> Done:
            tasks = self.plan.tasks(content)
            name = self.plan.name(tasks, predictor.identity)
            return self.plan.finish(name, tasks, [predictor] * len(tasks), predictor.classes)

        return work


@dataclass(frozen=True)
class Score:
    """Compute the net's scores of the pictures of a block, for `Refine`; None where there is a result."""

    plan: Plan

    def __call__(self) -> "Callable[[Any], tuple[str | None, list[Scored]]]":
        predictor = self.plan.load()

        def work(content: Any) -> tuple[str | None, list[Scored]]:
            tasks = self.plan.tasks(content)
            name = self.plan.name(tasks, predictor.identity)
            if name is not None and not self.plan.overwrite and RowFiles(self.plan.output).finished(name):
                return name, [(task, None) for task in tasks]
            score = partial(_scored, self.plan, predictor)
            return name, list(in_order(score, tasks, self.plan.side_by_side))

        return work


Scored = tuple[Task, Scores | Exception | None]


def _scored(plan: Plan, predictor: Predictor, task: Task) -> Scored:
    try:
        source: Source = Path(task.path)
        now: Path | Identity = Path(task.path)
        if task.read is not None:
            content = task.read()
            task = replace(task, read=partial(Encoded, content.content, content.name))  # not fetched again
            source, now = content, Identity.of_content(str(task.path), content.content)
        if not (plan.as_rows or plan.overwrite):
            work = plan.work(predictor)
            identity = work.identity(predictor.identity_for(Path(task.path)))
            if work.ledger.finished(task.stem, now, identity, work.kinds):
                return task, None
        picture = readable(source)
        return task, predictor.scores(picture, read_photo(picture, predictor.info.long_side))
    except Exception as problem:  # `Refine` makes it the outcome of this picture
        return task, problem


@dataclass(frozen=True)
class Refine:
    """Refine the scores of `Score` with the CRF, on processors, and save the results."""

    plan: Plan

    def __call__(self) -> Callable[[Any], Done]:
        predictor = self.plan.load(device="cpu")
        predictor.views = SINGLE  # the scores are those of all views

        def work(content: tuple[str | None, list[Scored]]) -> Done:
            name, scored = content
            predictors = [_with_scores(predictor, scores) for _, scores in scored]
            return self.plan.finish(name, [task for task, _ in scored], predictors, predictor.classes)

        return work


def _with_scores(predictor: Predictor, scores: Scores | Exception | None) -> Predictor:
    """The predictor for one picture, whose scores are known."""
    made = copy(predictor)
    made.engine = _Known(predictor.engine.threads, scores)
    return made


@dataclass(frozen=True)
class _Known:
    """An engine that has scored its picture already, or failed."""

    threads: int
    known: Scores | Exception | None

    def scores(self, image: RGBImage) -> Scores:
        if isinstance(self.known, Exception):
            raise self.known
        if self.known is None:
            raise ImageError("its result was removed while the pictures were being segmented", "try again")
        return self.known
