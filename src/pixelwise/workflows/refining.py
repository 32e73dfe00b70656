"""Labels or probabilities from any source, refined: of a picture along its edges, of a clip over time too."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from pixelwise.core.classes import voc_palette
from pixelwise.core.errors import ArgumentError, DataError, ImageError
from pixelwise.core.files import expect_no_url, is_url_as_path, remove_abandoned, write_together
from pixelwise.core.overwriting import expect_kept
from pixelwise.core.pictures.reading import read_picture
from pixelwise.core.pictures.writing import save_picture, write_picture
from pixelwise.core.terminal import counted, printable
from pixelwise.core.threads import processors, thread_count
from pixelwise.core.types import Labels
from pixelwise.core.visible_files import visible
from pixelwise.crf.presets import Preset, load_preset
from pixelwise.data.sample_files import read_ids
from pixelwise.evaluation.metrics.flicker import flicker
from pixelwise.inference.clips import FRAMES_APART, ClipRefiner, UnfinishedClip, open_clip
from pixelwise.inference.crf_refiner import DEFAULT_PRESET, CRFRefiner
from pixelwise.inference.external_results import CONFIDENCE, read_given, refine_given
from pixelwise.inference.folder_refiner import FolderRefiner
from pixelwise.inference.iterations import iteration_sheet
from pixelwise.inference.outputs.finished_results import Ledger
from pixelwise.inference.outputs.records import state_of
from pixelwise.inference.results.kind import Saving, sides
from pixelwise.inference.results.kinds import expect_kinds, writes
from pixelwise.inference.segment_files import Outcome, run
from pixelwise.inference.sources.files import PassedOver
from pixelwise.inference.sources.tasks import Task, plan
from pixelwise.inference.sources.urls import is_url, shown_url
from pixelwise.workflows.segmenting import SegmentedFolder

ENDINGS = (".png", ".npz")
"""Of the files that `refine_file` writes: labels, and probabilities."""

SHEET_ENDINGS = (".png", ".jpg", ".jpeg")
"""Of its picture of iterations."""


@dataclass(frozen=True)
class RefinedFile:
    """A file of refined labels or probabilities. size: (height, width) of the picture. notes: remarks for
    people, such as that a smaller copy was refined. seconds: from reading to the written file.
    """

    path: Path
    size: tuple[int, int]
    notes: tuple[str, ...]
    seconds: float


def refine_file(
    image: str | Path,
    given: str | Path,
    output: str | Path,
    preset: Preset | str | Path = DEFAULT_PRESET,
    confidence: float | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    iterations: str | Path | None = None,
    array: str | None = None,
) -> RefinedFile:
    """Refine a file of labels or probabilities along the edges of its picture; write labels (.png) or
    probabilities (.npz).

    given: a picture of class ids, 255 where unknown, an .npz file as `Segmentation.save` writes it, or an
    .npy file of probabilities (C, h, w). array: which array of an .npz file that has several. confidence: the
    probability that a given label is right. iterations: a picture to draw, of labels, scores and beliefs over
    the iterations. Raises ValueError for another ending and an impossible confidence, ImageError if a file to
    write is one of those read, or is there already, unless `overwrite`, DataError for files that cannot be
    read or do not fit, PresetError for an unknown preset.
    """
    picture, place = Path(image), Path(output)
    ending = place.suffix.lower()
    if ending not in ENDINGS:
        raise ArgumentError("output", f"expected a name that ends in {' or '.join(ENDINGS)}, got {place}")
    sheet = None if iterations is None else Path(iterations)
    if sheet is not None and (sheet.suffix.lower() not in SHEET_ENDINGS or sheet == place):
        raise ArgumentError("iterations", f"expected another name that ends in .png or .jpg, got {sheet}")
    written = [place] if sheet is None else [place, sheet]
    for source in (image, given):
        _expect_here(source)
        expect_kept(Path(source), written, ImageError)
    for path in written:
        expect_no_url(path, "another name", ImageError)
        if path.exists() and not overwrite:
            raise ImageError(f"{path} is there already", "--overwrite replaces it")
    refiner = CRFRefiner(preset, threads)
    start = time.perf_counter()
    before = read_given(Path(given), confidence, array)
    result = refine_given(picture, before, refiner)
    if sheet is not None:
        write_picture(sheet, iteration_sheet(picture, before, refiner))
    if ending == ".png":
        write_picture(place, result.mask())
    else:
        write_together(writes(result, {"probabilities": place}, Saving()))
    notes = result.notes(["mask" if ending == ".png" else "probabilities"])
    return RefinedFile(place, result.size, tuple(notes), time.perf_counter() - start)


def _expect_here(source: str | Path) -> None:
    """Raise ImageError for a URL, which perhaps became a path."""
    if is_url_as_path(source):
        url = str(source) if is_url(source) else str(source).replace(":/", "://", 1)
        raise ImageError(f"{shown_url(url)}: refine reads files only, no URLs", "download it first")


def refine_folder(
    photos: str | Path,
    given: str | Path,
    output: str | Path,
    preset: Preset | str | Path = DEFAULT_PRESET,
    confidence: float | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    array: str | None = None,
    *,
    save: Sequence[str] = ("mask",),
    on_picture: Callable[[int, int, Outcome], None] | None = None,
) -> SegmentedFolder:
    """Refine labels or probabilities of all pictures of a folder and its subfolders.

    given: a folder with a file for each picture, of the same name: NAME.png, NAME.npy, NAME.npz,
    NAME_mask.png or NAME_probabilities.npz. save: any of "mask", which keeps the ids and the palette of given
    labels, or another kind that gives a file for each picture; files have the names that `segment_folder`
    gives them. Pictures that an earlier run finished are skipped, unless `overwrite`. A picture without a
    file, or with one that cannot be read or does not fit, becomes an outcome with a `problem`; the others are
    refined. on_picture is called with the number of pictures done, their total and the outcome. Raises
    ValueError for another kind in `save`, ImageError if `output` cannot be written into or a result would
    overwrite a given file, DataError unless `photos` and `given` are folders, PresetError for an unknown
    preset.
    """
    save = expect_kinds(save, of_pictures=True)
    folder, place = Path(photos), Path(output)
    if not folder.is_dir():
        raise DataError(f"{printable(folder)} is not a folder", "for a single picture use refine_file")
    passed_over: PassedOver = {}
    tasks = plan([folder], place, passed_over)
    thread_count(threads)  # before the work starts
    threads = threads or processors()
    workers = min(threads, max(1, len(tasks)))
    refiner = FolderRefiner(folder, Path(given), CRFRefiner(preset, threads // workers), confidence, array)
    _expect_given_kept(refiner, tasks, Ledger(place), save)
    outcomes = []
    for outcome in run(refiner, tasks, place, save, overwrite, workers):
        outcomes.append(outcome)
        if on_picture is not None:
            on_picture(len(outcomes), len(tasks), outcome)
    return SegmentedFolder(tuple(outcomes), place, passed_over)


def _expect_given_kept(
    refiner: FolderRefiner, tasks: Sequence[Task], ledger: Ledger, save: Sequence[str]
) -> None:
    """Raise ImageError if a result would overwrite the file it is made from, as where a picture's masks of
    `segment` are the given labels and their folder is the output folder.
    """
    for task in tasks:
        if task.problem is None and isinstance(task.path, Path):
            with suppress(DataError):  # which becomes the outcome of this picture
                given = refiner.given(task.path)
                expect_kept(given, [ledger.file(task.stem, kind) for kind in save], ImageError)


@dataclass(frozen=True)
class RefinedClip:
    """The folder of a clip's new labels; flicker `before` and `after`, NaN if no pixel is still; see
    evaluation.metrics.flicker. notes: remarks for people: that smaller frames were refined, that the folder
    holds other pictures too.
    """

    path: Path
    frames: int
    before: float
    after: float
    notes: tuple[str, ...] = ()


def refine_video(
    frames: str | Path,
    labels: str | Path,
    output: str | Path,
    preset: Preset | str | Path = DEFAULT_PRESET,
    confidence: float | None = None,
    frames_apart: float = FRAMES_APART,
    overwrite: bool = False,
    threads: int | None = None,
    on_frames: Callable[[int], None] | None = None,
) -> RefinedClip:
    """Refine the labels of a clip in a dense CRF over x, y, t and colour; write palette pictures
    OUTPUT/NAME.png, in the colours of the first label file if it has a palette, else in VOC's.

    frames, labels: folders whose files have the same names, or NAME_mask.png as labels; frames follow each
    other by name, 2 before 10. frames_apart: how far the CRF looks in time, a standard deviation in frames.
    on_frames is called with the number of frames that are done. An interrupted run continues after its
    finished frames. Raises DataError for clips that cannot be read, ImageError if `output` is there already
    and not of such a run, unless `overwrite`, or cannot be written into.
    """
    chosen = load_preset(preset)
    expect_no_url(Path(output), "another --output", ImageError)
    for source in (frames, labels):
        _expect_here(source)
    clip, place = open_clip(Path(frames), Path(labels)), Path(output)
    sure = CONFIDENCE if confidence is None else confidence
    refiner = ClipRefiner(clip, chosen, sure, threads, frames_apart)
    settings = (chosen.to_json(), sure, frames_apart, [*map(state_of, clip.pictures + clip.maps)])
    unfinished = UnfinishedClip(place, repr(settings))
    files = [place / f"{name}.png" for name in clip.names]
    for path, *own in zip(files, clip.pictures, clip.maps, strict=True):
        for given in own:
            expect_kept(given, [path], ImageError)
    done = None if overwrite else unfinished.done(files)
    if done is None and place.exists() and not (overwrite and place.is_dir()):
        raise ImageError(f"{printable(place)} is there already", "--overwrite replaces it, if it is a folder")
    if place.is_dir():
        remove_abandoned(place)
    palette = clip.palette or [channel for color in voc_palette() for channel in color]
    done = done or 0
    for part in refiner.parts(done):
        unfinished.record(done)
        named = zip(files[done:], map(partial(_with_palette, palette), part), strict=False)
        write_together({path: partial(_write, path, picture) for path, picture in named})
        done += len(part)
        unfinished.record(done)
        if on_frames is not None:
            on_frames(done)
    before, after = (
        flicker(map(read_picture, clip.pictures), map(read_ids, ids)) for ids in (clip.maps, files)
    )
    unfinished.end()
    used = refiner.smallest
    notes = [] if used == clip.size else [f"refined on frames reduced to {sides(used)}"]
    if others := sorted({*visible(place, "*.png")}.difference(files, clip.maps, clip.pictures)):
        notes.append(
            f"{printable(place)} also holds {counted(len(others), 'picture')} of another clip, such as "
            f"{printable(others[0].name)}, perhaps from an earlier run"
        )
    return RefinedClip(place, len(clip), before, after, tuple(notes))


def _with_palette(palette: list[int], ids: Labels) -> Image.Image:
    picture = Image.fromarray(np.ascontiguousarray(ids))
    picture.putpalette(palette)
    return picture


def _write(path: Path, picture: Image.Image, file: BinaryIO) -> None:
    save_picture(file, path, picture)
