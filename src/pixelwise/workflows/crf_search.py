"""Find the CRF's parameters for a model and labelled images."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixelwise.core.errors import PresetError
from pixelwise.core.files import write_atomically
from pixelwise.core.pictures.writing import write_picture
from pixelwise.crf.parameter_search import GRIDS, Ranges, Trial, best, search
from pixelwise.data.spec import open_dataset, without_folders
from pixelwise.evaluation.crf_scores import ScoredImages, at_random, evenly
from pixelwise.evaluation.metrics import confusion
from pixelwise.evaluation.report.search_surface import draw_surface
from pixelwise.evaluation.training_pictures import learnt_by
from pixelwise.workflows.evaluating import as_learnt
from pixelwise.workflows.loading import BY_ONNX, expect_name, load


@dataclass(frozen=True)
class FoundPreset:
    """A preset file and a picture of the mean IoU around it. `best`: the best of `trials`; `without_crf`: the
    mean IoU, in [0, 1], of the same images without a CRF. in_training: how many of these images the model
    learnt from, None if that is not known.
    """

    path: Path
    surface: Path
    best: Trial
    trials: tuple[Trial, ...]
    without_crf: float
    images: int
    in_training: int | None


@dataclass(frozen=True)
class CRFSearch:
    """A search whose model and images are loaded: `score()` computes all scores, `run()` tries parameters."""

    scored: ScoredImages
    ranges: Ranges
    output: Path
    source: str
    record: Mapping[str, Any]

    def score(self, on_image: Callable[[int], None] | None = None) -> float:
        """Score the images that no earlier search has scored. Returns the mean IoU without a CRF."""
        self.scored.compute(on_image)
        return confusion.mean_iou(self.scored.confusion(None))

    def run(self, without_crf: float, on_trial: Callable[[list[Trial]], object] | None = None) -> FoundPreset:
        """Search, and write the preset and its picture. on_trial gets all trials so far after each one."""
        trials = search(self.scored.mean_iou, self.ranges, self.scored.known(), on_trial)
        top = best(trials)
        record = {
            **self.record,
            "mean_iou": round(top.score, 6),
            "mean_iou_without_crf": round(without_crf, 6),
            "trials": len(trials),
            "ranges": {name: list(limits) for name, limits in vars(self.ranges).items()},
            "convention": confusion.CONVENTION,
        }
        preset = top.point.preset(self.output.stem, self.source)
        surface = _surface(self.output)
        write_atomically(self.output, lambda file: file.write(preset.to_json(record).encode()))
        write_picture(surface, draw_surface(trials, top.point.w1, without_crf))
        images, known = len(self.scored), self.record["in_training"]
        return FoundPreset(self.output, surface, top, tuple(trials), without_crf, images, known)


def search_crf(
    model: str | Path,
    data: str,
    output: str | Path,
    split: str = "val",
    *,
    classes: str | None = None,
    ids: str | Path | None = None,
    ranges: Ranges = GRIDS["quick"],
    images: int = 100,
    seed: int | None = None,
    overwrite: bool = False,
    on_image: Callable[[int], None] | None = None,
    on_trial: Callable[[list[Trial]], object] | None = None,
) -> FoundPreset:
    """Search the CRF's w1, theta_alpha and theta_beta for the best mean IoU. Write the preset `output`, a
    .json file, and a picture of the mean IoU around it, OUTPUT.png.

    model: a name, a model file or a run folder. data: KIND:PATH. classes: a selection such as
    "background,animal=cat+dog". ids: a text file that lists the images. images: how many of them, evenly
    spaced, or with a `seed` at random. ranges: of the first round, see crf.parameter_search. Scores and
    trials are kept in OUTPUT.search, so the same call continues from there. on_image is called with the
    number of images scored, on_trial with all trials so far. Raises ValueError for another ending than .json,
    PresetError if a file is there already, unless `overwrite`; else what `load` and `evaluate` raise.
    """
    begun = prepare_search(
        model,
        data,
        output,
        split,
        classes=classes,
        ids=ids,
        ranges=ranges,
        images=images,
        seed=seed,
        overwrite=overwrite,
    )
    return begun.run(begun.score(on_image), on_trial)


def prepare_search(
    model: str | Path,
    data: str,
    output: str | Path,
    split: str = "val",
    *,
    classes: str | None = None,
    ids: str | Path | None = None,
    ranges: Ranges = GRIDS["quick"],
    images: int = 100,
    seed: int | None = None,
    overwrite: bool = False,
) -> CRFSearch:
    """All of `search_crf` that comes before the first image is scored."""
    expect_name(model, BY_ONNX)
    output = Path(output)
    if output.suffix != ".json":
        raise ValueError(f"expected a name that ends in .json, got {output}")
    for path in (output, _surface(output)):
        if path.exists() and not overwrite:
            raise PresetError(f"{path} is there already", "--overwrite replaces it")
    predictor = load(model, 1)
    listed = None if ids is None else Path(ids)
    dataset = as_learnt(open_dataset(data, split, None, listed), predictor)
    dataset = dataset if classes is None else dataset.select(classes)
    dataset = evenly(dataset, images) if seed is None else at_random(dataset, images, seed)
    scored = ScoredImages(predictor, dataset, output.with_suffix(".search"))
    where = f"{without_folders(data)} {split}" + (f" ({listed.name})" if listed else "")
    record = {
        "model": predictor.identity,
        "data": where,
        "images": len(scored),
        "in_training": learnt_by(predictor, dataset),
        "seed": seed,
        "classes": list(predictor.classes.names),
    }
    source = f"pixelwise crf-search, {predictor.info.name} on {where}"
    return CRFSearch(scored, ranges, output, source, record)


def _surface(preset: Path) -> Path:
    return preset.with_suffix(".png")
