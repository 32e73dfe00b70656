"""A GPU of NVIDIA beside the processor: train, eval, segment and CRF; speed and equality, in five minutes.

    python benchmarks/gpu.py [--device cuda] [--images 40] [--steps 30]

It prints one line for each: the time on both (medians of three, after one that warms up; for training the
mean of the steps after the first), their ratio, and how far the results differ. Pictures are generated.
Without a GPU it says so and measures nothing. `--device cpu` tries the script itself, without a second device
to compare with.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import pixelwise
from pixelwise.core.errors import PixelwiseError
from pixelwise.core.types import Labels, RGBImage
from pixelwise.crf import DENSECRF
from pixelwise.inference.crf_refiner import CRFRefiner

CLASSES = ("background", "red", "green", "blue")
RUNS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args()
    if options.device != "cpu" and not torch.cuda.is_available():
        print(f"no GPU: torch {torch.__version__} sees no CUDA device, so there is nothing to measure")
        sys.exit(1)
    if options.device != "cpu":
        print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, CUDA {torch.version.cuda}")
    samples = [squares(seed) for seed in range(options.images)]
    with tempfile.TemporaryDirectory() as scratch:
        runs = training(samples, Path(scratch), options.device, options.steps)
        judging(runs, samples, options.device)
        segmenting("a net in torch", runs["cpu"], samples, options.device)
        segmenting("the bundled model in ONNX Runtime", "default", samples, options.device, "onnxruntime")
    crf(options.device)


def squares(seed: int, height: int = 375, width: int = 500) -> tuple[RGBImage, Labels]:
    """Coloured squares on noise."""
    random = np.random.default_rng(seed)
    image = random.integers(0, 120, (height, width, 3), np.uint8)
    labels = np.zeros((height, width), np.uint8)
    for class_ in (1, 2, 3):
        top, left = random.integers(0, height - 100), random.integers(0, width - 100)
        image[top : top + 100, left : left + 100, class_ - 1] += 120
        labels[top : top + 100, left : left + 100] = class_
    return image, labels


def training(samples: list[Any], scratch: Path, device: str, steps: int) -> dict[str, Path]:
    """Train the same net on both; the run folders by device. The first step of each is not timed."""
    runs, seconds, losses = {}, {}, {}
    for place, accelerator in (("cpu", "cpu"), (device, "cpu" if device == "cpu" else "gpu")):
        times: list[float] = []
        seen: list[float] = []

        def note(step: int, loss: float, rate: float, times: list[float] = times, seen: Any = seen) -> None:
            times.append(time.perf_counter())
            seen.append(loss)

        run = pixelwise.train(
            "finetune",
            samples,
            samples[:4],
            scratch / accelerator,
            class_names=CLASSES,
            on_step=note,
            accelerator=accelerator,
            precision="float32" if accelerator == "cpu" else "auto",
            steps=steps,
            evaluate_every=steps,
            batch_size=4,
            resume=(scratch / accelerator).exists(),
        )
        runs[place] = run.path
        if len(times) > 1:
            seconds[place], losses[place] = (times[-1] - times[0]) / (len(times) - 1), seen[-1]
    if len(seconds) == 2:
        show("training step of finetune", seconds["cpu"], seconds[device])
        print(f"    last loss: {losses['cpu']:.4f} on the processor, {losses[device]:.4f} on {device}")
    return runs


def judging(runs: dict[str, Path], samples: list[Any], device: str) -> None:
    """Mean IoU of one run on both."""
    found, seconds = {}, {}
    for place in ("cpu", device):
        judge = pixelwise.load(runs["cpu"], device=place)
        seconds[place], evaluation = timed(partial(pixelwise.evaluate, judge, samples, class_names=CLASSES))
        found[place] = evaluation.summary()["mean_iou"]
    show(f"eval of {len(samples)} pictures", seconds["cpu"], seconds[device])
    print(f"    mean IoU: {found['cpu']:.4f} on the processor, {found[device]:.4f} on {device}")


def segmenting(what: str, model: Any, samples: list[Any], device: str, engine: str = "auto") -> None:
    """Labels of all pictures on both."""
    pictures = [image for image, _ in samples]
    try:
        predictors = {place: pixelwise.load(model, engine=engine, device=place) for place in ("cpu", device)}
    except PixelwiseError as problem:
        print(f"{what}: not measured: {problem.message}")
        return
    seconds, labels = {}, {}
    for place, predictor in predictors.items():
        seconds[place], labels[place] = timed(partial(labels_of, predictor, pictures))
    show(f"{what}, {len(pictures)} pictures", seconds["cpu"], seconds[device])
    pairs = zip(labels["cpu"], labels[device], strict=True)
    differing = np.mean([(one != other).mean() for one, other in pairs])
    print(f"    labels differ in {100 * differing:.4f} % of the pixels")


def labels_of(predictor: pixelwise.Predictor, pictures: list[RGBImage]) -> list[Labels]:
    return [result.labels for result in predictor.batch(pictures)]


def crf(device: str) -> None:
    """The dense CRF on a picture of 500x375 with 21 classes."""
    random = np.random.default_rng(0)
    image, _ = squares(0)
    beliefs = random.dirichlet(np.ones(21), image.shape[:2]).astype(np.float32).transpose(2, 0, 1).copy()
    seconds, found = {}, {}
    for place in ("cpu", device):
        refiner = CRFRefiner(DENSECRF, device=place)
        seconds[place], found[place] = timed(partial(refiner, image, beliefs))
    show("dense CRF, 500x375, 21 classes", seconds["cpu"], seconds[device])
    print(f"    largest difference of a probability: {np.abs(found['cpu'] - found[device]).max():.1e}")


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """The median of RUNS after one that warms up, and the result."""
    result, seconds = work(), []
    for _ in range(RUNS):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), result


def show(what: str, cpu: float, gpu: float) -> None:
    print(f"{what}: {cpu:.3f} s on the processor, {gpu:.3f} s on the device, {cpu / gpu:.1f} times as fast")


if __name__ == "__main__":
    main()
