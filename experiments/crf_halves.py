"""What the CRF is worth, judged on pictures its parameters were not found on.

    python experiments/crf_halves.py default voc:PATH FOLDER [--split val]

The split is cut into two halves, every other id in order. Parameters are searched on each half as `pixelwise
crf-search` does and judged on the other; the counts of both are added, so that every picture is judged once.
Prints Markdown: the presets, the metrics over all pictures with the CRF's gain and its confidence, and the
curves near void and near class borders. The published presets are judged on all pictures for comparison.
--short searches in the coarse round and one finer alone. --first searches on the first half alone, and judges
on the second alone.
FOLDER keeps scores and trials: an interrupted run goes on from there. --plot FILE.png draws the curves near
void, as figure 5 of Chen et al. 2015 has them; it needs matplotlib.
"""

import argparse
import dataclasses
import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pixelwise import load
from pixelwise.core.pictures.writing import write_picture
from pixelwise.core.threads import in_order, processors
from pixelwise.core.types import VOID, RGBImage, Scores
from pixelwise.crf import DEEPLAB, DEEPLAB_COCO, DEEPLAB_MSC, DENSECRF, Preset
from pixelwise.crf.parameter_search import Point, Ranges, Trial, best, coarse, fine, search
from pixelwise.data import LabelledImages, open_dataset
from pixelwise.evaluation import bootstrap
from pixelwise.evaluation.crf_scores import ScoredImages
from pixelwise.evaluation.details import BANDS
from pixelwise.evaluation.evaluation import Evaluation, evaluate
from pixelwise.evaluation.metrics import confusion
from pixelwise.evaluation.metrics.trimap import (
    BORDER_CONVENTION,
    TRIMAP_CONVENTION,
    Bands,
    chessboard_distance,
)
from pixelwise.evaluation.report.search_surface import draw_surface
from pixelwise.inference.crf_refiner import CRFRefiner
from pixelwise.inference.engines.engine import Engine
from pixelwise.inference.predictor import Predictor

WIDTHS = (1, 2, 3, 5, 10, 20, 40)
MOST = 40
PLOTTED = ("no CRF", "CRF, found on the other half")
RESAMPLES = 5000
THICK = 11  # pixels; VOC's border lines are 5 wide, where they meet a little more


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--short", action="store_true", help="fewer trials")
    parser.add_argument("--first", action="store_true", help="search on the first half, judge on the second")
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()

    dataset = open_dataset(options.data, options.split)
    ids = sorted(entry.id for entry in dataset.entries)
    halves = [dataset.only(ids[start::2], name) for start, name in enumerate(("first", "second"))]
    loaded = load(options.model, threads=1)
    predictor = Predictor(Remembering(loaded.engine), loaded.info, loaded.identity)
    print_void(dataset)
    by = few if options.short else search
    if options.first:
        preset = find(predictor, halves[0], options.folder, by)
        dataset = halves[1]
        refined = judge(predictor, dataset, preset)
    else:
        presets = [find(predictor, half, options.folder, by) for half in halves]
        refined = judge(predictor, halves[1], presets[0]) + judge(predictor, halves[0], presets[1])
        order = (*halves[1].entries, *halves[0].entries)
        by_id = {entry.id: one for entry, one in zip(order, refined, strict=True)}
        refined = [by_id[entry.id] for entry in dataset.entries]
    runs = {"no CRF": judge(predictor, dataset, None), "CRF, found on the other half": refined}
    for preset in (DENSECRF, DEEPLAB, DEEPLAB_MSC, DEEPLAB_COCO):
        runs[preset.name] = judge(predictor, dataset, preset)
    print_metrics(runs)
    for name, convention in (("trimap", TRIMAP_CONVENTION), ("class_borders", BORDER_CONVENTION)):
        print_curves(name, convention, runs)
    if options.plot is not None:
        plot_trimap({name: runs[name] for name in PLOTTED}, predictor.info.name, options.plot)


class Remembering:
    """An engine that scores each picture once; the presets are judged on the same scores."""

    threads = 1

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[bytes, Scores] = {}

    def scores(self, image: RGBImage) -> Scores:
        key = hashlib.sha256(image.tobytes()).digest()
        if key not in self._known:
            self._known[key] = self._engine.scores(image)
        return self._known[key]


def plot_trimap(runs: dict[str, list[Evaluation]], model: str, path: Path) -> None:
    """Mean IoU and pixel accuracy within 1 to 40 pixels of void, a line a run."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    widths = range(1, MOST + 1)
    for axes, (key, title) in zip(
        figure.subplots(1, 2), (("mean_iou", "mean IoU"), ("pixel_accuracy", "pixel accuracy")), strict=True
    ):
        for label, run in runs.items():
            rows = total_bands(run, "trimap").curve(widths)
            axes.plot(
                widths, [float("nan") if row[key] is None else 100 * row[key] for row in rows], label=label
            )
        axes.set(xlabel="width of the band around void, pixels", ylabel=f"{title}, %", xlim=(0, MOST))
        axes.grid(alpha=0.3)
        axes.legend()
    figure.suptitle(f"{model}: pixels near void borders")
    figure.savefig(path, dpi=110)


def print_void(dataset: LabelledImages) -> None:
    """How far the trimap is one of borders: in how many pictures there is void, and more than lines of it."""
    void = [dataset.read(index).labels == VOID for index in range(len(dataset))]
    some = sum(bool(mask.any()) for mask in void)
    thick = sum(bool((chessboard_distance(~mask, THICK) > THICK // 2).any()) for mask in void)
    print(f"\n{some} of {len(dataset)} pictures have void pixels. In {thick} of them a square of side")
    print(f"{THICK} fits into the void, so that it is more there than a line along borders.\n")


Search = Callable[..., list[Trial]]


def few(
    score: Callable[[Point], float], known: Mapping[Point, float], tell: Callable[[list[Trial]], object]
) -> list[Trial]:
    """The coarse round of the search and the first finer one."""
    trials: list[Trial] = []

    def run(points: list[Point]) -> None:
        for point in points:
            if all(trial.point != point for trial in trials):
                trials.append(Trial(point, known[point] if point in known else score(point)))
                tell(trials)

    run(coarse(Ranges()))
    run(fine(best(trials).point, Ranges(), 1))
    return trials


def find(predictor: Predictor, half: LabelledImages, folder: Path, by: Search) -> Preset:
    """The preset found on this half; its surface is drawn into the folder."""
    scored = ScoredImages(predictor, half, folder)
    scored.compute()
    without = confusion.mean_iou(scored.confusion(None))

    def tell(trials: list[Trial]) -> None:
        print(f"\r{half.name}: trial {len(trials)}", end="", file=sys.stderr, flush=True)

    trials = by(scored.mean_iou, known=scored.known(), tell=tell)
    point, score = best(trials)
    name = half.name.rpartition("(")[2].rstrip(")")
    write_picture(folder / f"{name}.png", draw_surface(trials, point.w1, without))
    values = ", ".join(f"{key} {value:g}" for key, value in point._asdict().items())
    print(f"- found on the {name} half ({len(half)} pictures, {len(trials)} trials): {values}; ", end="")
    print(f"mean IoU there {score:.2%}, without CRF {without:.2%}")
    return point.preset(name, "the other half")


def judge(predictor: Predictor, dataset: LabelledImages, preset: Preset | None) -> list[Evaluation]:
    """One evaluation a picture."""
    refiner = None if preset is None else CRFRefiner(preset, threads=1)
    refining = Predictor(predictor.engine, predictor.info, predictor.identity, refiner)

    def one(index: int) -> Evaluation:
        alone = dataclasses.replace(dataset, entries=(dataset.entries[index],))
        return evaluate(refining, alone, details=BANDS)

    return list(in_order(one, range(len(dataset)), processors()))


def print_metrics(runs: dict[str, list[Evaluation]]) -> None:
    plain = matrices(runs["no CRF"])
    print("| | mean IoU % | gain, 95 % interval | pixel accuracy % | mean accuracy % |")
    print("|---|---|---|---|---|")
    for name, run in runs.items():
        own = matrices(run)
        total = own.sum(axis=0)
        gain = "" if name == "no CRF" else interval(plain, own)
        figures = (confusion.mean_iou(total), confusion.pixel_accuracy(total), confusion.mean_accuracy(total))
        iou, pixel, mean = (f"{100 * figure:.2f}" for figure in figures)
        print(f"| {name} | {iou} | {gain} | {pixel} | {mean} |")
    print(
        f"\nConvention: {confusion.CONVENTION}. Interval: paired bootstrap, {RESAMPLES} times over pictures;"
    )
    print("a class without true pixels in a resample is left out of it.")
    names = runs["no CRF"][0].classes.names
    print(f"\n| IoU % | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for name, run in runs.items():
        values = confusion.class_iou(matrices(run).sum(axis=0))
        print(f"| {name} | {' | '.join(f'{100 * value:.1f}' for value in values)} |")


def matrices(run: Sequence[Evaluation]) -> npt.NDArray[np.int64]:
    """(pictures, C, C)"""
    return np.stack([one.confusion for one in run])


def interval(plain: npt.NDArray[np.int64], refined: npt.NDArray[np.int64]) -> str:
    """The gain in mean IoU, in points, and where 95 % of resampled data sets have it."""
    counts = confusion.Counts.of(plain), confusion.Counts.of(refined)
    before, after = (bootstrap.resampled(one, RESAMPLES).mean_iou() for one in counts)
    low, high = bootstrap.interval(after - before)
    gain = confusion.mean_iou(refined.sum(axis=0)) - confusion.mean_iou(plain.sum(axis=0))
    return f"{100 * gain:+.2f} ({100 * low:+.2f} to {100 * high:+.2f})"


def print_curves(name: str, convention: str, runs: dict[str, list[Evaluation]]) -> None:
    for key, title in (("mean_iou", "mean IoU"), ("pixel_accuracy", "pixel accuracy")):
        print(f"\n| {name.replace('_', ' ')}, {title} % | {' | '.join(f'w = {width}' for width in WIDTHS)} |")
        print(f"|---|{'---|' * len(WIDTHS)}")
        for label, run in runs.items():
            rows = total_bands(run, name).curve(WIDTHS)
            cells = ("" if row[key] is None else f"{100 * row[key]:.2f}" for row in rows)
            print(f"| {label} | {' | '.join(cells)} |")
    pixels = [f"{row['pixels']:,}" for row in total_bands(runs["no CRF"], name).curve(WIDTHS)]
    print(f"| pixels | {' | '.join(pixels)} |\n\nConvention: {convention}.")


def total_bands(run: Sequence[Evaluation], name: str) -> Bands:
    total = Bands(len(run[0].classes))
    for one in run:
        bands: Bands = getattr(one.details, name)
        total.merge(bands)
    return total


if __name__ == "__main__":
    main()
