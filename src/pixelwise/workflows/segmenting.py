"""Segment many pictures and save the results in a folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from pixelwise.core.errors import ModelError
from pixelwise.core.threads import processors
from pixelwise.data.sources.voc import read_list
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.results.cleaning import AS_IS, Cleaning
from pixelwise.inference.results.submission import check_submission, write_submission
from pixelwise.inference.segment_files import Outcome, listed, plan, run
from pixelwise.inference.segmentation import KINDS
from pixelwise.inference.sources.files import PassedOver
from pixelwise.inference.video.frames import check_motion
from pixelwise.inference.video.saving import Motion
from pixelwise.workflows.loading import LoadOptions, load, refuse_options

FRAMES = ("first", "all")
"""Which frames or pages of a file are segmented."""


@dataclass(frozen=True)
class SegmentedFolder:
    """What `segment_folder` did: the outcome of each picture, in order.

    passed_over: files in the input folders that are not segmented, by kind, such as raw photos. submission:
    the archive of all masks, if one was asked for.
    """

    outcomes: tuple[Outcome, ...]
    output: Path | str
    passed_over: PassedOver
    submission: Path | None = None

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The outcomes of pictures that could not be segmented."""
        return tuple(outcome for outcome in self.outcomes if outcome.problem is not None)


def segment_folder(
    inputs: str | Path | Sequence[str | Path],
    output: str | Path = "segmentation",
    model: Predictor | str | Path = "default",
    save: Sequence[str] = ("mask", "overlay"),
    *,
    overwrite: bool = False,
    ids: str | Path | None = None,
    depth: str | Path | None = None,
    hha: str | Path | None = None,
    cleaning: Cleaning = AS_IS,
    submission: str | Path | None = None,
    frames: str = "first",
    every: int = 1,
    smooth: str | None = None,
    on_frame: Callable[[int, int | None], None] | None = None,
    on_picture: Callable[[int, int, Outcome], None] | None = None,
    **options: Unpack[LoadOptions],
) -> SegmentedFolder:
    """Segment files, folders (with subfolders), patterns and URLs; save results below `output`.

    model: what `load` takes, with its `options`, such as crf="densecrf" or threads=1; or a predictor, which
    has its own. save: any of "mask", "overlay", "cutout" and "probabilities". Pictures that an earlier run
    finished are skipped, unless `overwrite`. A picture that cannot be segmented becomes an outcome with a
    `problem`; the others go on. ids: a text file that lists the pictures to segment by their names without
    ending. depth, hha: for models that see them, folders of files called as the pictures are. cleaning: what
    is done to the labels, such as removing small regions. submission: an archive (.tgz) of all masks to
    write, in the form of PASCAL VOC's server or of CamVid. frames: "all" segments every frame of an animation
    and every page of a TIFF file, as NAME_page0001 and so on; "first" notes that there are more.

    Videos give an overlaid video, NAME_overlay.mp4, with the sound, and the other results of each frame in a
    folder NAME_frames. every, smooth: see `Predictor.video`. on_frame is called with the number of frames of
    a video that are done and their total, None if that is not known.

    URLs are http(s) ones of pictures, and those of pictures and folders that fsspec knows, such as s3://;
    `output` is a local folder. "-" is a picture on standard input.

    on_picture is called with the number of pictures done, their total and the outcome. Raises ValueError for
    another kind in `save`, and for options beside a predictor; ImageError if `output` cannot be written into,
    or if a picture failed and there is a submission to write; ModelError as `load` does, and for cutouts and
    cleaning that need a class which the model does not have.
    """
    check_kinds(save)
    if frames not in FRAMES:
        raise ValueError(f"frames is one of {', '.join(FRAMES)}, got {frames}")
    check_motion(every, smooth)
    output = Path(output)
    sources = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    passed_over: PassedOver = {}
    private = model.allow_private_urls if isinstance(model, Predictor) else options.get("allow_private_urls")
    tasks = plan(sources, output, passed_over, all_frames=frames == "all", allow_private_urls=bool(private))
    tasks = tasks if ids is None else listed(tasks, set(read_list(Path(ids))), str(ids))
    threads = options.get("threads") or processors()
    side_by_side = threads if any(task.is_video for task in tasks) else len(tasks)
    workers = min(threads, max(1, side_by_side))
    if isinstance(model, Predictor):
        refuse_options(options)
    else:
        shared: LoadOptions = {**options, "threads": threads // workers}
        model = load(model, **shared)
    predictor = prepared(model.with_partners(_given(depth=depth, hha=hha)), save, cleaning)
    archive = None if submission is None else Path(submission)
    if archive is not None:
        check_submission(archive, predictor.classes)
        save = (*save, "mask")
    outcomes = []
    kinds, motion = tuple(dict.fromkeys(save)), Motion(every, smooth)
    for outcome in run(predictor, tasks, output, kinds, overwrite, workers, motion, on_frame):
        outcomes.append(outcome)
        if on_picture is not None:
            on_picture(len(outcomes), len(tasks), outcome)
    if archive is not None:
        write_submission(outcomes, predictor.classes, archive)
    return SegmentedFolder(tuple(outcomes), output, passed_over, archive)


def check_kinds(save: Sequence[str]) -> None:
    """Raise ValueError if there is an unknown kind of result in `save`."""
    if unknown := [kind for kind in save if kind not in KINDS]:
        raise ValueError(f"save is any of {', '.join(KINDS)}, got {', '.join(unknown)}")


def _given(**folders: str | Path | None) -> dict[str, Path]:
    return {name: Path(folder) for name, folder in folders.items() if folder is not None}


def prepared(predictor: Predictor, save: Sequence[str], cleaning: Cleaning) -> Predictor:
    """The predictor with the cleaning. Raises ModelError if the model lacks a class that this or a kind of
    result in `save` needs.
    """
    if "cutout" in save and predictor.classes.background is None:
        raise ModelError(
            f'model "{predictor.info.name}" has no background class, which a cutout needs',
            "leave cutout out of --save",
        )
    try:
        return predictor.with_cleaning(cleaning)
    except ValueError as problem:
        raise ModelError(str(problem), "pixelwise models lists the classes of the bundled models") from None
