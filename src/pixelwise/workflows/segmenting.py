"""Segment many pictures and save the results in a folder."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pixelwise.core.errors import ModelError
from pixelwise.core.threads import processors
from pixelwise.crf.presets import Preset
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.segment_files import Outcome, plan, run
from pixelwise.inference.segmentation import KINDS
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
) -> list[Outcome]:
    """Segment files, folders (with subfolders) and patterns; save results below `output`.

    model: what `load` takes, or a predictor, which keeps its own threads and CRF. save: any of "mask",
    "overlay", "cutout" and "probabilities". Pictures that an earlier run finished are skipped, unless
    `overwrite`. A picture that cannot be segmented becomes an outcome with a `problem`; the rest continue.
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
    return outcomes
