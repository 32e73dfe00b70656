"""Segment many pictures and save the results in a folder."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pixelwise.core.errors import ModelError
from pixelwise.core.threads import processors
from pixelwise.crf.presets import Preset
from pixelwise.data.sources.voc import read_list
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.results.cleaning import AS_IS, Cleaning
from pixelwise.inference.results.submission import check_submission, write_submission
from pixelwise.inference.segment_files import Outcome, Task, listed, plan, run
from pixelwise.inference.segmentation import KINDS
from pixelwise.inference.views import SINGLE, Views
from pixelwise.workflows.loading import load


@dataclass(frozen=True)
class FolderJob:
    """Pictures that were found and a model that was loaded: `run()` segments them.

    passed_over: how many files in the input folders are not segmented, by kind, such as videos.
    """

    predictor: Predictor
    tasks: Sequence[Task]
    output: Path
    save: Sequence[str]
    overwrite: bool
    workers: int
    submission: Path | None
    passed_over: Mapping[str, int]

    def run(self) -> Iterator[Outcome]:
        """The outcome of each picture, in order. Raises ImageError if the output cannot be written into."""
        return run(self.predictor, self.tasks, self.output, self.save, self.overwrite, self.workers)

    def write_submission(self, outcomes: Sequence[Outcome]) -> int:
        """Write the archive of all masks, if one was asked for; returns the number of pictures in it.

        Raises ImageError if a picture failed or two have one name.
        """
        if self.submission is None:
            return 0
        return write_submission(outcomes, self.predictor.classes, self.submission)


def segment_folder(
    inputs: str | Path | Sequence[str | Path],
    output: str | Path = "segmentation",
    model: Predictor | str | Path = "default",
    save: Sequence[str] = ("mask", "overlay"),
    crf: Preset | str | Path | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    on_picture: Callable[[int, int, Outcome], None] | None = None,
    depth: str | Path | None = None,
    hha: str | Path | None = None,
    submission: str | Path | None = None,
    *,
    ids: str | Path | None = None,
    engine: str = "auto",
    precision: str = "float32",
    views: Views = SINGLE,
    cleaning: Cleaning = AS_IS,
) -> list[Outcome]:
    """Segment files, folders (with subfolders) and patterns; save results below `output`.

    model: what `load` takes, or a predictor, which keeps its own threads, CRF, engine, precision and views.
    save: any of "mask", "overlay", "cutout" and "probabilities". Pictures that an earlier run finished are
    skipped, unless `overwrite`. A picture that cannot be segmented becomes an outcome with a `problem`; the
    others go on. depth, hha: for models that see them, folders of files called as the pictures are.
    submission: an archive (.tgz) of all masks to write, in the form of PASCAL VOC's server or of CamVid. ids:
    a text file that lists the pictures to segment by their names without ending. engine, precision, views:
    see `load`. cleaning: what is done to the labels, such as removing small regions.

    on_picture is called with the number of pictures done, their total and the outcome. Raises ValueError for
    another kind in `save`, ImageError if `output` cannot be written into, ModelError as `load` does, and for
    cutouts and cleaning that need a class which the model does not have.
    """
    job = prepare_folder(
        *(inputs, output, model, save, crf, overwrite, threads, depth, hha, submission),
        ids=ids,
        engine=engine,
        precision=precision,
        views=views,
        cleaning=cleaning,
    )
    outcomes = []
    for outcome in job.run():
        outcomes.append(outcome)
        if on_picture is not None:
            on_picture(len(outcomes), len(job.tasks), outcome)
    job.write_submission(outcomes)
    return outcomes


def prepare_folder(
    inputs: str | Path | Sequence[str | Path],
    output: str | Path = "segmentation",
    model: Predictor | str | Path = "default",
    save: Sequence[str] = ("mask", "overlay"),
    crf: Preset | str | Path | None = None,
    overwrite: bool = False,
    threads: int | None = None,
    depth: str | Path | None = None,
    hha: str | Path | None = None,
    submission: str | Path | None = None,
    *,
    ids: str | Path | None = None,
    engine: str = "auto",
    precision: str = "float32",
    views: Views = SINGLE,
    cleaning: Cleaning = AS_IS,
) -> FolderJob:
    """All of `segment_folder` that comes before the first picture: find the pictures and load the model."""
    if unknown := [kind for kind in save if kind not in KINDS]:
        raise ValueError(f"save is any of {', '.join(KINDS)}, got {', '.join(unknown)}")
    sources = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    passed_over: Counter[str] = Counter()
    tasks = plan(sources, Path(output), passed_over)
    tasks = tasks if ids is None else listed(tasks, set(read_list(Path(ids))), str(ids))
    threads = processors() if threads is None else threads
    workers = min(threads, max(1, len(tasks)))
    predictor = (
        model
        if isinstance(model, Predictor)
        else load(model, threads // workers, crf, views, engine, precision)
    )
    seen = {"depth": depth, "hha": hha}
    predictor = predictor.with_partners(
        {name: Path(place) for name, place in seen.items() if place is not None}
    )
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
    kinds = tuple(dict.fromkeys(save))
    return FolderJob(predictor, tasks, Path(output), kinds, overwrite, workers, archive, passed_over)


def _cleaned(predictor: Predictor, cleaning: Cleaning) -> Predictor:
    try:
        return predictor.with_cleaning(cleaning)
    except ValueError as problem:
        raise ModelError(str(problem), "pixelwise models lists the classes of the bundled models") from None
