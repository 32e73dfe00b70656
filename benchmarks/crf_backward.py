"""What learning through the CRF costs: `python benchmarks/crf_backward.py [--size 320 240] [--classes 21]`.

Times CRFLayer on the CPU, forward and back, for the photos in examples/. Wall clock, medians over the rounds
with the quartiles as spread; ratios are medians of the rounds' ratios. "Lattices" is a pass forward without
iterations: what the way back need not do again. "Core" is the pass forward without gradient.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from crf_cases import blurred_unary

from pixelwise.crf import Preset
from pixelwise.crf.torch_backend import CRFLayer

EXAMPLES = Path(__file__).parents[1] / "examples"
SETTINGS = {
    "chelsea": Preset("usual widths", "pydensecrf's example", 10, 80, 13),
    "astronaut": Preset("narrow widths", "a lattice of many vertices", 5, 60, 5),
}


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def spread(values: list[float]) -> str:
    low, median, high = statistics.quantiles(values, n=4)
    return f"{1e3 * median:7.1f} ms ({1e3 * low:.1f}-{1e3 * high:.1f})"


def median_ratio(above: list[float], below: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def compare(name: str, size: tuple[int, int], classes: int, iterations: int, rounds: int) -> None:
    with Image.open(EXAMPLES / f"{name}.png") as file:
        photo = np.array(file.convert("RGB").resize(size, Image.Resampling.BICUBIC))
    image = torch.from_numpy(photo).permute(2, 0, 1)[None]
    energies = torch.from_numpy(blurred_unary(classes, size[1], size[0]))[None]
    scores, labels = (-energies).requires_grad_(), energies.argmin(dim=1)
    layer = CRFLayer(classes, SETTINGS[name], iterations)
    bare = CRFLayer(classes, SETTINGS[name], iterations=0)

    def without_gradient() -> None:
        with torch.no_grad():
            layer(scores, image)

    lattices, forwards, backwards, cores = [], [], [], []
    for round_ in range(rounds + 1):
        seconds_lattices, _ = timed(lambda: bare(scores, image))
        seconds_forward, log_q = timed(lambda: layer(scores, image))
        loss = F.nll_loss(log_q, labels)
        seconds_backward, _ = timed(loss.backward)
        seconds_core, _ = timed(without_gradient)
        if round_ > 0:  # the first one warms up
            lattices.append(seconds_lattices)
            forwards.append(seconds_forward)
            backwards.append(seconds_backward)
            cores.append(seconds_core)
    alone = [forward - lattice for forward, lattice in zip(forwards, lattices, strict=True)]
    print(f"\n{name} {size[0]}x{size[1]}, {classes} classes, {iterations} iterations, {SETTINGS[name].name}")
    print(f"  forward   {spread(forwards)}, of which lattices {spread(lattices)}")
    print(f"  backward  {spread(backwards)}")
    print(f"  core      {spread(cores)}")
    print(
        f"  backward / forward {median_ratio(backwards, forwards):.2f}, "
        f"without lattices {median_ratio(backwards, alone):.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(320, 240), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--classes", type=int, default=21)
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {options.threads} threads")
    for name in SETTINGS:
        compare(name, tuple(options.size), options.classes, options.iterations, options.rounds)


if __name__ == "__main__":
    main()
