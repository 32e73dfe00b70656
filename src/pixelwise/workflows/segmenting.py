"""Segment many pictures and save the results in a folder."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from pixelwise.core.errors import ImageError, ModelError
from pixelwise.core.threads import processors, thread_count
from pixelwise.inference.model_files.model_file import bundled_names
from pixelwise.inference.outputs.run_files import write_run_files
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.results.cleaning import AS_IS, Cleaning
from pixelwise.inference.results.kind import Saving
from pixelwise.inference.results.kinds import KINDS, expect_kinds
from pixelwise.inference.results.style import USUAL, Style
from pixelwise.inference.segment_files import Outcome, run
from pixelwise.inference.sources.files import PassedOver
from pixelwise.inference.sources.tasks import Task, listed, plan
from pixelwise.inference.video.frames import check_motion
from pixelwise.inference.video.saving import EVERY_FRAME, Motion
from pixelwise.workflows.loading import LoadOptions, expect_name, load, refuse_options

FRAMES = ("first", "all")
"""Which frames or pages of a file are segmented."""

FEW_PICTURES = 8
"""Up to this number, OpenVINO takes longer to compile a net than it saves."""

RANKINGS = ("uncertain",)
"""How the pictures of a run are ranked."""


@dataclass(frozen=True)
class SegmentedFolder:
    """What `segment_folder` did: the outcome of each picture, in order.

    passed_over: files in the input folders that are not segmented, by kind, such as raw photos. submission:
    the archive of all masks, if one was asked for. run_files: those about all pictures, such as coco.json.
    notes: what people should know about these, and about options that had no effect.
    """

    outcomes: tuple[Outcome, ...]
    output: Path | str
    passed_over: PassedOver
    submission: Path | None = None
    run_files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The outcomes of pictures that could not be segmented."""
        return tuple(outcome for outcome in self.outcomes if outcome.problem is not None)

    def by_uncertainty(self) -> list[Outcome]:
        """The outcomes of the others, the most uncertain first: the pictures to label next."""
        done = [outcome for outcome in self.outcomes if outcome.problem is None]
        return sorted(done, key=lambda outcome: outcome.uncertainty, reverse=True)


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
    tolerance: float = 0.0,
    style: Style = USUAL,
    submission: str | Path | None = None,
    frames: str = "first",
    every: int = 1,
    smooth: str | None = None,
    on_frame: Callable[[int, int | None], None] | None = None,
    on_picture: Callable[[int, int, Outcome], None] | None = None,
    **options: Unpack[LoadOptions],
) -> SegmentedFolder:
    """Segment files, folders (with subfolders), patterns and URLs; save results below `output`.

    model: a name, a model file or a run folder, with the `options` of `load`, such as crf="densecrf" or
    threads=1; or a predictor, which has its own. save: any of the kinds of `Segmentation.save`; "coco",
    "cvat" and "csv" give one file for all pictures, "labelme" and "yolo" a list of the classes besides.
    Pictures that an earlier run finished are skipped, unless `overwrite`, and files that a person has changed
    since are kept. A picture that cannot be segmented becomes an outcome with a `problem`; the others are
    segmented. ids: a text file that lists the pictures to segment, one per line, by their names without
    ending or their paths below the input folder. depth, hha: for models that take them, folders of files with
    the names of the pictures. cleaning: changes of the labels, such as removing small regions. style: how
    overlays and cutouts are drawn. tolerance: how far outlines may move, in pixels, to have fewer corners.
    submission: an archive (.tgz) of all masks to write, in the form of PASCAL VOC's server or of CamVid.
    frames: "all" segments every frame of an animation and every page of a TIFF file, as NAME_page0001 and so
    on; "first" notes that there are more.

    Videos give an overlaid video, NAME_overlay.mp4, with the sound, and the other results of each frame in a
    folder NAME_frames. every, smooth: see `Predictor.video`. on_frame is called with the number of frames of
    a video that are done and their total, None if that is not known.

    URLs may be http(s) URLs of pictures and videos, or URLs of files and folders that fsspec knows, such as
    s3://. `output` is a local folder. "-" is a picture on standard input.

    on_picture is called with the number of pictures done, their total and the outcome. Raises ValueError for
    another kind in `save`, and for options beside a predictor; ImageError if `output` cannot be written into,
    or if a submission was asked for and a picture failed or a file is a video; ModelError as `load` does, and
    for cutouts and cleaning that need a class that the model lacks.
    """
    save = expect_kinds(save)
    if frames not in FRAMES:
        raise ValueError(f"frames is one of {', '.join(FRAMES)}, got {frames}")
    check_motion(every, smooth)
    saving = Saving(tolerance)
    output = Path(output)
    sources = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    if wrong := [source for source in sources if not isinstance(source, str | Path)]:
        raise ValueError(
            f"expected files, folders, patterns or URLs, got {type(wrong[0]).__name__}: a predictor takes "
            "pictures in memory, as predictor(image) or predictor.batch(images)"
        )
    passed_over: PassedOver = {}
    private = model.allow_private_urls if isinstance(model, Predictor) else options.get("allow_private_urls")
    tasks = plan(sources, output, passed_over, all_frames=frames == "all", allow_private_urls=bool(private))
    tasks = tasks if ids is None else listed(tasks, Path(ids))
    thread_count(options.get("threads"))  # before the work starts
    threads = options.get("threads") or processors()
    side_by_side = threads if any(task.is_video for task in tasks) else len(tasks)
    workers = min(threads, max(1, side_by_side))
    if isinstance(model, Predictor):
        refuse_options(options)
    else:
        expect_name(model)
        shared: LoadOptions = {**options, "threads": threads // workers}
        if _starts_quickly(model, tasks, options):
            shared["engine"] = "onnxruntime"
        model = load(model, **shared)
    predictor = prepared(model.with_partners(_given(depth=depth, hha=hha)), save, cleaning, style)
    archive = None if submission is None else Path(submission)
    if archive is not None:
        from pixelwise.inference.outputs.submission import check_submission, write_submission

        check_submission(archive, predictor.classes)
        if video := next((task.shown for task in tasks if task.is_video), None):
            raise ImageError(f"no submission: {video} is a video", "name the folder of the test pictures")
        save = (*save, "mask")
    outcomes = []
    kinds, motion = tuple(dict.fromkeys(save)), Motion(every, smooth)
    for outcome in run(predictor, tasks, output, kinds, overwrite, workers, motion, on_frame, saving):
        outcomes.append(outcome)
        if on_picture is not None:
            on_picture(len(outcomes), len(tasks), outcome)
    run_files, notes = write_run_files(outcomes, kinds, output, predictor.classes, saving, overwrite)
    if archive is not None:
        write_submission(outcomes, predictor.classes, archive)
    notes = (*notes, *_without_effect(tasks, frames, motion))
    return SegmentedFolder(tuple(outcomes), output, passed_over, archive, run_files, notes)


def _without_effect(tasks: Sequence[Task], frames: str, motion: Motion) -> Iterator[str]:
    """Notes on options that none of the inputs was for."""
    of_videos = {"--every": motion.every != EVERY_FRAME.every, "--smooth": motion.smooth is not None}
    if any(of_videos.values()) and not any(task.is_video for task in tasks):
        given = " and ".join(option for option, value in of_videos.items() if value)
        yield f"{given} changed nothing: no input is a video"
    if frames == "all" and all(task.page is None for task in tasks):
        yield "--frames all changed nothing: no file is an animation or a TIFF file of several pages"


def _starts_quickly(model: str | Path, tasks: Sequence[Task], options: LoadOptions) -> bool:
    """Whether to take ONNX Runtime for its quick start: a model file for the processor, for a few photos, if
    the user leaves the engine open.
    """
    return (
        options.get("engine", "auto") == "auto"
        and options.get("precision", "float32") != "bfloat16"
        and options.get("tiles") is None
        and options.get("device", "auto") in ("auto", "cpu")
        and (str(model) in bundled_names() or Path(model).suffix == ".onnx")
        and len(tasks) <= FEW_PICTURES
        and not any(task.is_video for task in tasks)
    )


def _given(**folders: str | Path | None) -> dict[str, Path]:
    return {name: Path(folder) for name, folder in folders.items() if folder is not None}


def prepared(predictor: Predictor, save: Sequence[str], cleaning: Cleaning, style: Style) -> Predictor:
    """The predictor with cleaning and style. Raises ModelError if the model lacks a class that the cleaning
    or a kind of result in `save` needs.
    """
    if predictor.classes.background is None:
        for kind in save:
            if KINDS[kind].needs_background:
                raise ModelError(
                    f'model "{predictor.info.name}" has no background class, which a {kind} needs',
                    f"leave {kind} out of --save",
                )
    predictor = predictor if style == USUAL else predictor.with_style(style)
    try:
        return predictor.with_cleaning(cleaning)
    except ValueError as problem:
        raise ModelError(str(problem), "pixelwise models lists the classes of the bundled models") from None
