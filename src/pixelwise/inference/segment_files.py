"""Segment many files into a folder: one outcome per picture. Finished ones are skipped, faults reported."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path, PurePath
from typing import Protocol

from pixelwise.core.errors import ImageError, PixelwiseError
from pixelwise.core.files import make_folder, remove_abandoned, sha256_of
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.threads import in_order
from pixelwise.inference.outputs.finished_results import Ledger
from pixelwise.inference.outputs.records import Identity, Record, Result, recorded_source, state_of
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.probabilities import Area, uncertainty
from pixelwise.inference.results.kind import Saving
from pixelwise.inference.results.kinds import KINDS, saved_as, writes
from pixelwise.inference.segmentation import Segmentation
from pixelwise.inference.sources.given import Source
from pixelwise.inference.sources.tasks import Task
from pixelwise.inference.sources.urls import is_url, name_of
from pixelwise.inference.sources.video_urls import downloaded
from pixelwise.inference.video.reading import Video
from pixelwise.inference.video.saving import EVERY_FRAME, Motion, VideoResults, save_video


class Segmenter(Protocol):
    """What segments a picture file: a predictor, or what refines the results of another program."""

    def identity_for(self, path: Path) -> str:
        """Differs between results of one picture that differ."""

    def held_bytes(self, source: Source) -> int:
        """Memory that a picture takes from scoring until its result is saved."""

    def __call__(self, source: Source, /) -> Segmentation: ...


@dataclass(frozen=True)
class Outcome:
    """The outcome for one picture: if `problem` is set, nothing else is.

    path: a URL, or STDIN, if it is not a file. page: which one, from 1, of a file whose pages are segmented.
    frames: how many of a video were segmented; then sizes are those of the first, `areas` means over frames,
    and `outputs` the overlaid video and the folder of the other files.
    stem: the path of its results below the output folder, without endings; None if they are not files.
    regions: a file of the picture's regions, for the files about all pictures. size, scored_size: (height,
    width). seconds: from reading to the last file, 0 if `skipped` because an earlier run finished it.
    """

    path: Path | str
    problem: PixelwiseError | None = None
    size: tuple[int, int] = (0, 0)
    scored_size: tuple[int, int] = (0, 0)
    areas: list[Area] = field(default_factory=list)
    seconds: float = 0.0
    outputs: dict[str, Path] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    skipped: bool = False
    page: int | None = None
    frames: int | None = None
    regions: Path | None = None
    stem: PurePath | None = None

    @property
    def uncertainty(self) -> float:
        """How unsure the net is, 0 to 1; see `Segmentation.uncertainty`."""
        return uncertainty(self.areas)

    @property
    def name(self) -> str:
        """The name of the picture without its ending."""
        return PurePath(name_of(str(self.path)) if is_url(self.path) else self.path).stem


@dataclass(frozen=True)
class Work:
    """What is done with every task; see `run`."""

    predictor: Segmenter
    ledger: Ledger
    kinds: tuple[str, ...]
    saving: Saving
    overwrite: bool
    motion: Motion = EVERY_FRAME
    workers: int = 1
    on_frame: Callable[[int, int | None], None] | None = None

    def identity(self, model: str, of_video: bool = False) -> str:
        """Differs between results that differ: by the model, and by the tolerance if outlines are saved; of
        videos also in the files about all frames, which are written once.
        """
        outlined = [
            kind for kind in map(KINDS.__getitem__, self.kinds) if kind.is_annotation or kind.is_hidden
        ]
        shows = self.saving.tolerance > 0 and any(of_video or kind.is_annotation for kind in outlined)
        return f"{model} tolerance {self.saving.tolerance}" if shows else model

    def files(self, stem: PurePath) -> dict[str, Path]:
        """The files of a picture by kind."""
        return {kind: self.ledger.file(stem, kind) for kind in self.kinds}


def run(
    predictor: Segmenter,
    tasks: Sequence[Task],
    output: Path,
    kinds: Sequence[str] = ("mask", "overlay"),
    overwrite: bool = False,
    workers: int = 1,
    motion: Motion = EVERY_FRAME,
    on_frame: Callable[[int, int | None], None] | None = None,
    saving: Saving = Saving(),  # noqa: B008  frozen
) -> Iterator[Outcome]:
    """Carry out `tasks` in threads and yield their outcomes in order: pictures side by side, videos one at a
    time, with their frames side by side.

    motion: how videos are segmented. on_frame is called with the number of frames of a video that are done,
    and their total, if that is known.

    A picture is skipped if an earlier run finished it: same file, same model, all `kinds` complete. Files
    that a person has changed since are kept and noted, unless `overwrite`. Exceptions become outcomes;
    ImageError is raised only if `output` cannot be made or written into. Stopping early leaves finished
    pictures and no half-written file.
    """
    chosen = tuple(dict.fromkeys(kinds))
    work = Work(predictor, made_output(tasks, output), chosen, saving, overwrite, motion, workers, on_frame)
    for are_videos, group in groupby(tasks, lambda task: task.is_video):
        if are_videos:
            yield from (outcome_of(partial(_of_video, work), task) for task in group)
        else:
            together = workers + workers // 2  # some wait for the disk while the others compute
            yield from in_order(partial(outcome_of, partial(of_picture, work)), group, together)


def made_output(tasks: Sequence[Task], output: Path) -> Ledger:
    """Make the folder, without what killed processes left of `tasks`; ImageError if that fails."""
    make_folder(output, "output folder", "--output", ImageError)
    ledger = Ledger(output)
    for folder in {place.parent for task in tasks for place in (output / task.stem, ledger.path(task.stem))}:
        remove_abandoned(folder)
    return ledger


def outcome_of(function: Callable[[Task], Outcome], task: Task) -> Outcome:
    """function(task), or the outcome with its problem: one picture must not stop the others."""
    page = None if task.page is None else task.page.index + 1
    if task.problem is not None:
        return Outcome(task.path, task.problem)
    try:
        return function(task)
    except ImageError as problem:
        return Outcome(task.path, problem, page=page)
    except Exception as problem:
        message, hint = str(problem) or type(problem).__name__, None
        if isinstance(problem, PixelwiseError):
            message, hint = problem.message, problem.hint
        named = ImageError(f"{task.shown}: {message}", hint)
        named.__cause__ = problem
        return Outcome(task.path, named, page=page)


def of_picture(work: Work, task: Task) -> Outcome:
    """The outcome of a task that has no problem yet: of an earlier run, or of segmenting it now."""
    path = Path(task.path)
    now: Path | Identity = path
    source: Source = path if task.page is None else task.page
    model = work.identity(work.predictor.identity_for(path))
    if task.read is not None:
        content = task.read()
        source, now = content, Identity.of_content(str(task.path), content.content)
    result = None if work.overwrite else work.ledger.finished(task.stem, now, model, work.kinds)
    if result is not None:
        if task.page is not None:
            task.page.reader.leave_out(task.page.index)
        return _picture_outcome(work, task.stem, task, result, skipped=True)
    return _segment(work, task, source, now, model)


def _segment(work: Work, task: Task, source: Source, now: Path | Identity, model: str) -> Outcome:
    start = time.perf_counter()
    state = state_of(now) if isinstance(now, Path) and now.exists() else ()
    ledger = work.ledger
    with ExitStack() as stack:
        stack.enter_context(PICTURES.reserve(work.predictor.held_bytes(source)))
        result = work.predictor(source)
        stack.enter_context(PICTURES.reserve(result.saving_bytes(work.kinds)))
        picture = Identity.of(now, state) if isinstance(now, Path) else now
        areas = result.areas()
        claim = Record(picture, model)
        stem = ledger.claim(task.stem, task.place, claim)
        files = work.files(stem)
        shown = {kind: path for kind, path in files.items() if not KINDS[kind].is_hidden}
        ours = [kind for kind in shown if not KINDS[kind].is_annotation]  # by their names
        again = [] if work.overwrite else ledger.cut_off(stem, shown)
        kept = ledger.kept(stem, shown, ours, work.overwrite)
        due = {kind: path for kind, path in files.items() if kind not in kept}
        written = ledger.save(stem, claim, shown, writes(result, due, work.saving))
        notes, size, scored_size = result.notes(), result.size, result.scored_size
        saved = saved_as(result, work.kinds)
        del result
    sizes = {kind: path.stat().st_size if kind in due else 0 for kind, path in files.items()}
    made = Result(size, scored_size, areas, notes, sizes, saved=saved)
    ledger.write(stem, Record(picture, model, made, dict.fromkeys(kept, ()) | written))
    outcome = _picture_outcome(work, stem, task, made, time.perf_counter() - start)
    return replace(outcome, notes=made.all_notes(work.kinds) + again + list(kept.values()))


def _picture_outcome(
    work: Work, stem: PurePath, task: Task, result: Result, seconds: float = 0.0, skipped: bool = False
) -> Outcome:
    files = work.files(stem)
    hidden = [path for kind, path in files.items() if KINDS[kind].is_hidden]
    return Outcome(
        path=task.path,
        size=result.size,
        scored_size=result.scored_size,
        areas=result.areas,
        seconds=seconds,
        outputs={kind: path for kind, path in files.items() if not KINDS[kind].is_hidden},
        notes=result.notes,
        skipped=skipped,
        page=None if task.page is None else task.page.index + 1,
        regions=hidden[0] if hidden else None,
        stem=stem,
    )


def _of_video(work: Work, task: Task) -> Outcome:
    """The outcome of a video: of an earlier run, or of segmenting the frames that are not finished."""
    predictor, ledger = work.predictor, work.ledger
    if not isinstance(predictor, Predictor):
        raise ImageError(f"{task.shown}: a video", "pixelwise refine --video takes a folder of its frames")
    start = time.perf_counter()
    predictor.expect_photos()
    with ExitStack() as stack:
        file = task.path if isinstance(task.path, Path) else None
        if task.fetch is not None:
            file = stack.enter_context(downloaded(task.fetch, task.shown))
        video = stack.enter_context(Video(task.path if file is None else file, task.shown))
        now = _identity_of_video(task, file)
        model = work.identity(f"{predictor.identity} {work.motion}", of_video=True)
        known = None if work.overwrite else ledger.read(task.stem)
        if known is not None and not (
            known.model == model and known.picture.is_still(task.path if isinstance(task.path, Path) else now)
        ):
            known = None
        results = VideoResults(ledger.output / task.stem, ledger.scratch(task.stem), work.kinds, work.saving)
        if known is not None and known.result is not None and results.are_complete(known.result.sizes):
            return _video_outcome(task, known.result, results.outputs(), 0.0, skipped=True)
        goes_on = known is not None and known.result is None and results.were_begun()
        if not (work.overwrite or goes_on):
            results.expect_no_annotations()
        stem = ledger.claim(task.stem, task.place, Record(now, model))
        results = VideoResults(ledger.output / stem, ledger.scratch(stem), work.kinds, work.saving)
        for folder in (results.folder, ledger.scratch(stem)):
            ledger.expect_inside(folder)
            remove_abandoned(folder)
        if not goes_on or stem != task.stem:
            results.clear()
        saved = save_video(predictor, video, file, results, work.motion, work.workers, work.on_frame)
    progress = saved.progress
    made = Result(
        progress.size,
        progress.scored_size,
        progress.areas(predictor.classes.names),
        saved.notes,
        results.sizes(progress.frames),
        progress.frames,
        saved.saved,
    )
    ledger.write(stem, Record(now, model, made))
    results.finish()
    return _video_outcome(task, made, saved.outputs, time.perf_counter() - start)


def _identity_of_video(task: Task, file: Path | None) -> Identity:
    if file is None:  # a camera, which never shows the same twice
        return Identity(task.shown, (time.time_ns(),), "")
    if task.fetch is None:
        return Identity.of(file, state_of(file))
    return Identity(recorded_source(task.path), (file.stat().st_size,), sha256_of(file))


def _video_outcome(
    task: Task, result: Result, outputs: dict[str, Path], seconds: float, skipped: bool = False
) -> Outcome:
    return Outcome(
        path=task.path,
        size=result.size,
        scored_size=result.scored_size,
        areas=result.areas,
        seconds=seconds,
        outputs=outputs,
        notes=result.all_notes(list(outputs)),
        skipped=skipped,
        frames=result.frames,
    )
