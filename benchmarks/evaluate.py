"""How much longer evaluating takes than segmenting: `pixelwise eval` beside `pixelwise segment --save mask`.

    python benchmarks/evaluate.py voc:PATH [--split val] [--model default] [--images 100] [--pairs 5]

Both take the same pictures of a data set, in turn, with a thread a processor, from files to figures or saved
masks. Prints pictures a second, and the time of evaluating as a multiple of that of segmenting: with the four
metrics, with `--trimap`, with `--trimap --boundary`, and with all that `--report` counts.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pixelwise import load
from pixelwise.core.threads import processors
from pixelwise.data import LabelledImages, open_dataset
from pixelwise.evaluation.details import ALL, BANDS
from pixelwise.evaluation.evaluation import evaluate
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.segment_files import run
from pixelwise.inference.sources.tasks import plan

DETAILS = {
    "the four metrics": (),
    "with --trimap": BANDS,
    "with --trimap --boundary": (*BANDS, "boundary"),
    "with all of --report": ALL,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="a data set as KIND:PATH")
    parser.add_argument("--split", default="val")
    parser.add_argument("--model", default="default")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()

    whole = open_dataset(options.data, options.split)
    dataset = whole.only([entry.id for entry in whole.entries][: options.images], "the first")
    predictor = load(options.model, threads=1)
    with tempfile.TemporaryDirectory() as scratch:
        contestants = {"segmenting": segmenting(predictor, dataset, Path(scratch))}
        contestants |= {name: evaluating(predictor, dataset, details) for name, details in DETAILS.items()}
        seconds: dict[str, list[float]] = {name: [] for name in contestants}
        for turn in range(options.pairs + 1):  # the first warms up
            for name, contestant in contestants.items():
                start = time.perf_counter()
                contestant()
                if turn > 0:
                    seconds[name].append(time.perf_counter() - start)
    print(f"{len(dataset)} pictures of {whole.name}, {options.pairs} turns, {processors()} processors")
    for name, spent in seconds.items():
        ratios = sorted(own / theirs for own, theirs in zip(spent, seconds["segmenting"], strict=True))
        rate = len(dataset) / statistics.median(spent)
        print(
            f"{name:26} {rate:6.1f} pictures/s, {statistics.median(ratios):.2f}x the time of segmenting "
            f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


def segmenting(predictor: Predictor, dataset: LabelledImages, output: Path) -> Callable[[], None]:
    """What `pixelwise segment` runs on the pictures of a data set."""
    pictures = [str(entry.image.path) for entry in dataset.entries]

    def contestant() -> None:
        outcomes = list(run(predictor, plan(pictures, output), output, ("mask",), True, processors()))
        if any(outcome.problem for outcome in outcomes):
            raise RuntimeError("an image failed")

    return contestant


def evaluating(predictor: Predictor, dataset: LabelledImages, details: tuple[str, ...]) -> Callable[[], None]:
    """What `pixelwise eval` runs."""

    def contestant() -> None:
        evaluate(predictor, dataset, details=details)

    return contestant


if __name__ == "__main__":
    main()
