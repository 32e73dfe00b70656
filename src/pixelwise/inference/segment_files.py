"""Segment many files into a folder: one outcome per picture. Finished ones are skipped, faults reported."""

import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path, PurePath
from typing import Protocol

from pixelwise.core.errors import ImageError, PixelwiseError
from pixelwise.core.files import make_folder, remove_abandoned
from pixelwise.core.pictures.endings import VIDEO_SUFFIXES
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.pictures.pages import Page, pages_of
from pixelwise.core.pictures.reading import Encoded
from pixelwise.core.terminal import printable
from pixelwise.core.threads import in_order
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.probabilities import Area
from pixelwise.inference.results.finished_results import Identity, Ledger, Record, Result, state_of
from pixelwise.inference.segmentation import KINDS, Segmentation
from pixelwise.inference.sources.files import PassedOver, find_pictures
from pixelwise.inference.sources.given import Source
from pixelwise.inference.sources.urls import name_of
from pixelwise.inference.video.reading import Video, is_camera
from pixelwise.inference.video.saving import EVERY_FRAME, Motion, VideoResults, save_video

_URL_AS_PATH = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:/")  # a path keeps one of the two slashes


class Segmenter(Protocol):
    """What segments a picture file: a predictor, or what refines the results of another program."""

    def identity_for(self, path: Path) -> str:
        """Differs between results of one picture that differ."""

    def held_bytes(self, source: Source) -> int:
        """Memory that a picture takes from scoring until its result is saved."""

    def __call__(self, source: Source, /) -> Segmentation: ...


@dataclass(frozen=True)
class Task:
    """A picture, its place below the folder it was found in and the stem of its results below the output
    folder; or an input with a problem.

    path: a URL, or STDIN, if it is not a file; `read` gives its content then. page: which one, of a file that
    holds several.
    """

    path: Path | str
    place: PurePath
    stem: PurePath
    problem: PixelwiseError | None = None
    read: Callable[[], Encoded] | None = None
    page: Page | None = None

    @property
    def is_video(self) -> bool:
        """Whether this is a video, by the name of its file, or a camera."""
        return is_camera(self.path) or (
            isinstance(self.path, Path) and self.path.suffix.lower() in VIDEO_SUFFIXES
        )

    @property
    def shown(self) -> str:
        """The name for messages."""
        return printable(self.path if self.page is None else self.page)


@dataclass(frozen=True)
class Outcome:
    """The outcome for one picture: if `problem` is set, nothing else is.

    path: a URL, or STDIN, if it is not a file. page: which one, from 1, of a file whose pages are segmented.
    frames: how many of a video were segmented; then sizes are those of the first, `areas` means over frames,
    and `outputs` the overlaid video and the folder of the other files.
    size, scored_size: (height, width). seconds: from reading to the last file, 0 if `skipped` because an
    earlier run finished it.
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

    @property
    def name(self) -> str:
        """The name of the picture without its ending."""
        return PurePath(name_of(self.path) if isinstance(self.path, str) else self.path).stem


def plan(
    inputs: Sequence[str | Path],
    output: Path,
    passed_over: PassedOver | None = None,
    *,
    all_frames: bool = False,
    allow_private_urls: bool = False,
) -> list[Task]:
    """Find the pictures of `inputs` and give each a unique name below `output`.

    passed_over: receives files in folders that are not read but might be missed, such as raw photos, by kind.
    all_frames: a file of several frames or pages becomes a task for each. Raises ImageError if `output` is
    not a folder of this machine.
    """
    if _URL_AS_PATH.match(str(output)):
        raise ImageError(
            f"{printable(output)}: results go to a folder of this machine, not to a URL",
            "choose another --output",
        )
    if output.exists() and not output.is_dir():
        raise ImageError(
            f"{printable(output)}: expected a folder for the results, got a file", "choose another --output"
        )
    ledger = Ledger(output)
    taken: set[str] = set()
    tasks = []
    for found in find_pictures(inputs, output, passed_over, allow_private_urls, videos=True):
        if found.problem is not None:
            tasks.append(Task(found.path, found.place, found.place, found.problem))
            continue
        pages = pages_of(found.path) if all_frames and isinstance(found.path, Path) else []
        each: list[Page | None] = [*pages] or [None]
        for page in each:
            place = found.place if page is None else _place_of(page, found.place)
            stem = ledger.stem_for(found.path, place, taken)
            tasks.append(Task(found.path, place, stem, read=found.read, page=page))
    return tasks


def _place_of(page: Page, place: PurePath) -> PurePath:
    return place.with_name(f"{place.stem}_page{page.index + 1:04}{place.suffix}")


def listed(tasks: Sequence[Task], ids: Collection[str], name: str) -> list[Task]:
    """The tasks of pictures with these ids, their names without ending. `name` says where the ids are from,
    for messages. Raises ImageError if there is no picture for one of them.
    """
    kept = [task for task in tasks if task.problem is not None or PurePath(task.path).stem in ids]
    if missing := sorted(set(ids) - {PurePath(task.path).stem for task in kept}):
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
    motion: Motion = EVERY_FRAME,
    on_frame: Callable[[int, int | None], None] | None = None,
) -> Iterator[Outcome]:
    """Carry out `tasks` in threads and yield their outcomes in order: pictures side by side, videos one at a
    time, with their frames side by side.

    motion: how videos are segmented. on_frame is called with the number of frames of a video that are done,
    and their total, if that is known.

    A picture is skipped if an earlier run finished it: same file, same model, all `kinds` complete.
    Exceptions become outcomes; ImageError is raised only if `output` cannot be made or written into. Stopping
    early leaves finished pictures and no half-written file.
    """
    ledger = made_output(tasks, output)
    chosen = tuple(dict.fromkeys(kinds))
    picture = partial(of_picture, predictor, ledger, chosen, overwrite)
    of_video = partial(_of_video, predictor, ledger, chosen, overwrite, motion, workers, on_frame)
    for are_videos, group in groupby(tasks, lambda task: task.is_video):
        if are_videos:
            yield from (outcome_of(of_video, task) for task in group)
        else:
            yield from in_order(partial(outcome_of, picture), group, workers)


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


def of_picture(
    predictor: Segmenter, ledger: Ledger, kinds: tuple[str, ...], overwrite: bool, task: Task
) -> Outcome:
    """The outcome of a task that has no problem yet: of an earlier run, or of segmenting it now."""
    path = Path(task.path)
    now: Path | Identity = path
    source: Source = path if task.page is None else task.page
    model = predictor.identity_for(path)
    if task.read is not None:
        content = task.read()
        source, now = content, Identity.of_content(str(task.path), content.content)
    result = None if overwrite else ledger.finished(task.stem, now, model, kinds)
    if result is not None:
        if task.page is not None:
            task.page.reader.leave_out(task.page.index)
        return _from_record(task, ledger.output, kinds, result)
    return _segment(predictor, ledger, kinds, task, source, now, model)


def _segment(
    predictor: Segmenter,
    ledger: Ledger,
    kinds: tuple[str, ...],
    task: Task,
    source: Source,
    now: Path | Identity,
    model: str,
) -> Outcome:
    start = time.perf_counter()
    state = state_of(now) if isinstance(now, Path) and now.exists() else ()
    with ExitStack() as stack:
        stack.enter_context(PICTURES.reserve(predictor.held_bytes(source)))
        result = predictor(source)
        stack.enter_context(PICTURES.reserve(result.saving_bytes(kinds)))
        picture = Identity.of(now, state) if isinstance(now, Path) else now
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
            page=None if task.page is None else task.page.index + 1,
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
        page=None if task.page is None else task.page.index + 1,
    )


def _of_video(
    predictor: Segmenter,
    ledger: Ledger,
    kinds: tuple[str, ...],
    overwrite: bool,
    motion: Motion,
    workers: int,
    on_frame: Callable[[int, int | None], None] | None,
    task: Task,
) -> Outcome:
    """The outcome of a video: of an earlier run, or of segmenting the frames that are not finished."""
    if not isinstance(predictor, Predictor):
        raise ImageError(f"{task.shown}: a video", "pixelwise refine --video takes a folder of its frames")
    start = time.perf_counter()
    predictor.expect_photos()
    file = task.path if isinstance(task.path, Path) else None
    with Video(task.path) as video:
        # A camera never shows the same twice.
        camera = Identity(task.shown, (time.time_ns(),), "")
        now = camera if file is None else Identity.of(file, state_of(file))
        model = f"{predictor.identity} {motion}"
        known = None if overwrite else ledger.read(task.stem)
        if file is None or (
            known is not None and not (known.model == model and known.picture.is_still(file))
        ):
            known = None
        results = VideoResults(ledger.output / task.stem, ledger.scratch(task.stem), kinds)
        if known is not None and known.result is not None and results.are_complete(known.result.sizes):
            return _video_outcome(task, known.result, results.outputs(), 0.0, skipped=True)
        stem = ledger.claim(task.stem, task.place, Record(now, model))
        results = VideoResults(ledger.output / stem, ledger.scratch(stem), kinds)
        for folder in (results.folder, ledger.scratch(stem)):
            ledger.expect_inside(folder)
        if known is None or stem != task.stem:
            results.clear()
        saved = save_video(predictor, video, file, results, motion, workers, on_frame)
    progress = saved.progress
    made = Result(
        progress.size,
        progress.scored_size,
        progress.areas(predictor.classes.names),
        saved.notes,
        results.sizes(progress.frames),
        progress.frames,
    )
    ledger.write(stem, Record(now, model, made))
    results.finish()
    return _video_outcome(task, made, saved.outputs, time.perf_counter() - start)


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
        notes=result.notes,
        skipped=skipped,
        frames=result.frames,
    )
