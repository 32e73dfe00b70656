"""Segment many pictures and save the results in a folder."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
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
from pixelwise.workflows.loading import LoadOptions, load, refuse_options


@dataclass(frozen=True)
class SegmentedFolder:
    """What `segment_folder` did: the outcome of each picture, in order.

    passed_over: how many files in the input folders are not segmented, by kind, such as videos. submission:
    the archive of all masks, if one was asked for.
    """

    outcomes: tuple[Outcome, ...]
    output: Path
    passed_over: Mapping[str, int]
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
    on_picture: Callable[[int, int, Outcome], None] | None = None,
    **options: Unpack[LoadOptions],
) -> SegmentedFolder:
    """Segment files, folders (with subfolders) and patterns; save results below `output`.

    model: what `load` takes, with its `options`, such as crf="densecrf" or threads=1; or a predictor, which
    has its own. save: any of "mask", "overlay", "cutout" and "probabilities". Pictures that an earlier run
    finished are skipped, unless `overwrite`. A picture that cannot be segmented becomes an outcome with a
    `problem`; the others go on. ids: a text file that lists the pictures to segment by their names without
    ending. depth, hha: for models that see them, folders of files called as the pictures are. cleaning: what
    is done to the labels, such as removing small regions. submission: an archive (.tgz) of all masks to
    write, in the form of PASCAL VOC's server or of CamVid.

    on_picture is called with the number of pictures done, their total and the outcome. Raises ValueError for
    another kind in `save`, and for options beside a predictor; ImageError if `output` cannot be written into,
    or if a picture failed and there is a submission to write; ModelError as `load` does, and for cutouts and
    cleaning that need a class which the model does not have.
    """
    if unknown := [kind for kind in save if kind not in KINDS]:
        raise ValueError(f"save is any of {', '.join(KINDS)}, got {', '.join(unknown)}")
    output = Path(output)
    sources = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    passed_over: Counter[str] = Counter()
    tasks = plan(sources, output, passed_over)
    tasks = tasks if ids is None else listed(tasks, set(read_list(Path(ids))), str(ids))
    threads = options.get("threads") or processors()
    workers = min(threads, max(1, len(tasks)))
    if isinstance(model, Predictor):
        refuse_options(options)
    else:
        shared: LoadOptions = {**options, "threads": threads // workers}
        model = load(model, **shared)
    predictor = model.with_partners(_given(depth=depth, hha=hha))
    predictor = _cleaned(predictor, cleaning) if cleaning else predictor
    archive = None if submission is None else Path(submission)
    if archive is not None:
        check_submission(archive, predictor.classes)
        save = (*save, "mask")
    if "cutout" in save and predictor.classes.background is None:
        raise ModelError(
            f'model "{predictor.info.name}" has no background class, which a cutout needs',
            "leave cutout out of --save",
        )
    outcomes = []
    for outcome in run(predictor, tasks, output, tuple(dict.fromkeys(save)), overwrite, workers):
        outcomes.append(outcome)
        if on_picture is not None:
            on_picture(len(outcomes), len(tasks), outcome)
    if archive is not None:
        write_submission(outcomes, predictor.classes, archive)
    return SegmentedFolder(tuple(outcomes), output, passed_over, archive)


def _given(**folders: str | Path | None) -> dict[str, Path]:
    return {name: Path(folder) for name, folder in folders.items() if folder is not None}


def _cleaned(predictor: Predictor, cleaning: Cleaning) -> Predictor:
    try:
        return predictor.with_cleaning(cleaning)
    except ValueError as problem:
        raise ModelError(str(problem), "pixelwise models lists the classes of the bundled models") from None
