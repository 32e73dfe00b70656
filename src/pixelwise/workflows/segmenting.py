"""Segment many pictures and save the results in a folder."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pixelwise.core.errors import ModelError
from pixelwise.core.threads import processors
from pixelwise.crf.presets import Preset
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.segment_files import Outcome, plan, run
from pixelwise.inference.segmentation import KINDS
from pixelwise.inference.submission import check_submission, write_submission
from pixelwise.workflows.loading import load


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
) -> list[Outcome]:
    """Segment files, folders (with subfolders) and patterns; save results below `output`.

    model: what `load` takes, or a predictor, which keeps its own threads and CRF. save: any of "mask",
    "overlay", "cutout" and "probabilities". Pictures that an earlier run finished are skipped, unless
    `overwrite`. A picture that cannot be segmented becomes an outcome with a `problem`; the others go on.
    depth, hha: for models that see them, folders of files called as the pictures are. submission: an archive
    (.tgz) of all masks to write, in the form of PASCAL VOC's server or of CamVid.
    on_picture is called with the number of pictures done, their total and the outcome. Raises ValueError for
    another kind in `save`, ImageError if `output` cannot be written into, ModelError as `load` does and for
    cutouts of a model without a background class.
    """
    if unknown := [kind for kind in save if kind not in KINDS]:
        raise ValueError(f"save is any of {', '.join(KINDS)}, got {', '.join(unknown)}")
    sources = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    tasks = plan(sources, Path(output))
    threads = processors() if threads is None else threads
    workers = min(threads, max(1, len(tasks)))
    predictor = model if isinstance(model, Predictor) else load(model, threads // workers, crf)
    predictor = with_partners(predictor, depth, hha)
    if submission is not None:
        check_submission(Path(submission), predictor.classes)
        save = tuple(dict.fromkeys((*save, "mask")))
    if "cutout" in save and predictor.classes.background is None:
        raise ModelError(
            f'model "{predictor.info.name}" has no background class, which a cutout needs',
            "leave cutout out of what is saved",
        )
    outcomes = []
    for outcome in run(predictor, tasks, Path(output), save, overwrite, workers):
        outcomes.append(outcome)
        if on_picture is not None:
            on_picture(len(outcomes), len(tasks), outcome)
    if submission is not None:
        write_submission(outcomes, predictor.classes, Path(submission))
    return outcomes


def with_partners(
    predictor: Predictor, depth: str | Path | None = None, hha: str | Path | None = None
) -> Predictor:
    """The predictor with the folders of what its model sees besides pictures. Raises ModelError if one that
    it needs is missing, or if it does not see one that is given.
    """
    given = {"depth": depth, "hha": hha}
    return predictor.with_partners({name: Path(place) for name, place in given.items() if place is not None})
