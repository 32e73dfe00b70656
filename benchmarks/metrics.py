"""Counting a confusion matrix: this package beside torchmetrics and scikit-learn, in turn in one process.

    pip install "pixelwise[train,peers]"
    python benchmarks/metrics.py

Label maps of 500x375 pixels, 21 classes, a border of void: a truth of a few large regions, as VOC's, and a
prediction that differs along their borders; and noise, which no cache or branch can guess. Each runs
on one thread; each round runs all of them; a ratio is the median over rounds of the two times of a round.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from pixelwise.evaluation.metrics import Confusion, confusion_matrix
from pixelwise.types import VOID, Labels

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    rounds = parser.parse_args().rounds
    compare("regions", *regions(), rounds)
    compare("noise", *noise(), rounds)


if __name__ == "__main__":
    main()
