"""Counting a confusion matrix: this package beside torchmetrics and scikit-learn, in turn in one process.

    pip install "pixelwise[train,peers]"
    python benchmarks/metrics.py
    python benchmarks/metrics.py --stream 10000

Label maps of 500x375 pixels, 21 classes, a border of void: a truth of a few large regions, as VOC's, and a
prediction that differs along their borders; and noise, which no cache or branch can guess. Each runs
on one thread; each round runs all of them; a ratio is the median over rounds of the two times of a round.

--stream N judges N pictures of 500x375, read from files, as `pixelwise eval` does, with scores that are
made up instead of a net's, and prints the peak of memory.
"""

import argparse
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from pixelwise.core.classes import Classes
from pixelwise.core.types import VOID, Labels, RGBImage, Scores
from pixelwise.data import ClassMap, LabelledImages
from pixelwise.data.sample import SEMANTIC, Entry
from pixelwise.data.sample_files import IdFile, ImageFile
from pixelwise.evaluation.details import ALL
from pixelwise.evaluation.evaluation import evaluate
from pixelwise.evaluation.metrics.confusion import Confusion, confusion_matrix
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.predictor import Predictor

CLASSES = 21
SIZE = (375, 500)


def regions() -> tuple[Labels, Labels]:
    """A truth of a background and six discs with a border of void, and the same moved by five pixels."""
    rng = np.random.default_rng(0)
    rows, columns = np.indices(SIZE)
    truth = np.zeros(SIZE, np.uint8)
    for id_ in rng.choice(np.arange(1, CLASSES), 6, replace=False):
        away = np.hypot(rows - rng.integers(SIZE[0]), columns - rng.integers(SIZE[1])) - rng.integers(30, 90)
        truth[away < 0] = id_
        truth[np.abs(away) < 2.5] = VOID
    prediction = np.roll(truth, 5, axis=1)
    prediction[prediction == VOID] = 0
    return truth, prediction


def noise() -> tuple[Labels, Labels]:
    rng = np.random.default_rng(0)
    truth, prediction = rng.integers(0, CLASSES, (2, *SIZE)).astype(np.uint8)
    truth[rng.random(SIZE) < 0.05] = VOID
    return truth, prediction


def counters(truth: Labels, prediction: Labels) -> dict[str, Callable[[], Confusion]]:
    """The ways to count; torchmetrics gets its tensors ready made, in its own type and in ours."""
    import torch
    from sklearn.metrics import confusion_matrix as sklearn_matrix
    from torchmetrics.classification import MulticlassConfusionMatrix

    torch.set_num_threads(1)  # with two and other work on the machine it takes many times as long

    def torchmetrics(kind: torch.dtype, validate: bool) -> Callable[[], Confusion]:
        metric = MulticlassConfusionMatrix(CLASSES, ignore_index=VOID, validate_args=validate)
        maps = torch.from_numpy(prediction).to(kind), torch.from_numpy(truth).to(kind)

        def count() -> Confusion:
            metric.reset()
            metric.update(*maps)
            matrix: Confusion = metric.compute().numpy()
            return matrix

        return count

    def scikit_learn() -> Confusion:
        known = truth != VOID
        matrix: Confusion = sklearn_matrix(truth[known], prediction[known], labels=np.arange(CLASSES))
        return matrix

    return {
        "pixelwise": lambda: confusion_matrix(truth, prediction, CLASSES),
        "torchmetrics, int64": torchmetrics(torch.int64, True),
        "torchmetrics, uint8": torchmetrics(torch.uint8, True),
        "torchmetrics, int64, validate_args=False": torchmetrics(torch.int64, False),
        "scikit-learn": scikit_learn,
    }


def compare(name: str, truth: Labels, prediction: Labels, rounds: int) -> None:
    ways = counters(truth, prediction)
    matrices = [count() for count in ways.values()]  # the warm-up, too
    if not all(np.array_equal(matrix, matrices[0]) for matrix in matrices):
        raise SystemExit(f"{name}: the counts differ")
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, count in ways.items():
            start = time.perf_counter()
            count()
            seconds[way].append(time.perf_counter() - start)
    print(f"\n{name}, {SIZE[1]}x{SIZE[0]}, {CLASSES} classes, {rounds} rounds")
    ours = seconds["pixelwise"]
    for way, times in seconds.items():
        ratios = [other / own for other, own in zip(times, ours, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"  {way:42}{1e3 * statistics.median(times):8.3f} ms   {middle:6.1f}x ({low:.1f} to {high:.1f})"
        )


class MadeUp:
    """An engine whose scores are a picture's columns, on a grid as coarse as a net's."""

    threads = 1

    def scores(self, image: RGBImage) -> Scores:
        small = image[::8, ::8, 0].astype(np.float32)
        return np.stack([np.roll(small, class_, axis=1) for class_ in range(CLASSES)])


def stream(count: int, wanted: tuple[str, ...]) -> None:
    classes = Classes.named([f"class {id_}" for id_ in range(CLASSES)])
    predictor = Predictor(MadeUp(), ModelInfo("made up", classes, max(SIZE)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        truth, prediction = regions()
        Image.fromarray(np.stack([prediction * 12] * 3, axis=-1)).save(folder / "image.jpg")
        Image.fromarray(truth).save(folder / "label.png")
        image, labels = ImageFile(folder / "image.jpg"), {SEMANTIC: IdFile(folder / "label.png")}
        entries = tuple(Entry(f"picture {index}", image, labels) for index in range(count))
        dataset = LabelledImages("made up", entries, {SEMANTIC: ClassMap.identity(classes)})
        start = time.perf_counter()
        evaluation = evaluate(predictor, dataset, details=wanted)
        record = json.dumps(evaluation.to_dict())
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count} pictures, details {', '.join(wanted) or 'none'}: {seconds:.0f} s, peak {peak:.0f} MB, "
        f"record {len(record) / 1e6:.1f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--stream", type=int, metavar="PICTURES", help="the memory of a long evaluation")
    parser.add_argument("--details", action="store_true", help="with --stream: count all that a report has")
    options = parser.parse_args()
    if options.stream:
        return stream(options.stream, ALL if options.details else ())
    compare("regions", *regions(), options.rounds)
    compare("noise", *noise(), options.rounds)
    return None


if __name__ == "__main__":
    main()
