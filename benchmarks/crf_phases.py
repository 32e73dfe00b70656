"""Where the time of a mean field goes, and how near each phase is to the limits of the processor.

A phase's bytes and operations are counted from its arrays: bytes as if every array that it goes through came
from memory once, operations as two for each multiply-add. Bandwidth is that of adding two large arrays, and
the peak that of a product of large float32 matrices, both measured on as many threads. The bound of a phase
is the larger of the two times.
"""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixelwise.crf import DenseCRF
from pixelwise.crf.potentials import Kernel

POWER = 20
"""Operations of 2^x, a polynomial."""


@dataclass(frozen=True)
class Phase:
    name: str
    seconds: float
    bytes: float
    operations: float


def measured(
    kernels: list[Kernel], unary: npt.NDArray[np.float32], threads: int, repeats: int
) -> list[Phase]:
    """Medians over `repeats`, of one build and of one iteration. The build takes the unary too, and
    the lattice of positions is kept from the first one.
    """
    spent: dict[str, list[float]] = {}
    for _ in range(repeats):
        began = time.perf_counter()
        crf = DenseCRF(unary, kernels, threads=threads, merge_labels=False)
        spent.setdefault("build", []).append(time.perf_counter() - began)
        crf.step()  # without messages, so that beliefs are only powers
        before = crf.seconds
        spent.setdefault("exponential", []).append(before["beliefs"])
        crf.step(10)
        for name, seconds in crf.seconds.items():
            spent.setdefault(name, []).append((seconds - before[name]) / 10)
    median = {name: statistics.median(values) for name, values in spent.items()}
    pixels, width = unary[0].size, -(-len(unary) // 8) * 8
    rows = sum(crf.vertices) * width
    each = [len(kernel.features(unary.shape[1:])) + 1 for kernel in kernels]
    corners, features = sum(each), sum(each) - len(each)
    links = sum(count * directions for count, directions in zip(crf.vertices, each, strict=True))
    weights = pixels * (4 * corners + 4 * len(kernels))
    return [
        Phase(
            "build",
            median["build"],
            pixels * (4 * features + 16 * corners) + 24 * links + 2 * 4 * pixels * (len(unary) + width),
            pixels * (6 * features**2 + 6 * corners),
        ),
        Phase(
            "slice",
            median["beliefs"] - median["exponential"],
            weights + 4 * rows,
            2.0 * pixels * corners * width,
        ),
        Phase("exponential", median["exponential"], 4.0 * pixels * width, (POWER + 2.0) * pixels * width),
        Phase("splat", median["splat"], weights + 8 * rows, 2.0 * pixels * corners * width),
        Phase("add up threads", median["merge"], 16.0 * rows * (threads - 1), rows * (threads - 1)),
        Phase("blur", median["blur"], links * (8 * width + 8), 4.0 * links * width),
    ]


def limits(threads: int) -> tuple[float, float]:
    """Bytes and float operations per second, the best of several runs."""
    import torch

    torch.set_num_threads(threads)
    one, other, out = (np.ones(2**24, np.float32) for _ in range(3))
    parts = [slice(k * 2**24 // threads, (k + 1) * 2**24 // threads) for k in range(threads)]
    matrix = torch.ones(2048, 2048)
    adding, multiplying = [], []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(7):
            began = time.perf_counter()
            list(pool.map(lambda part: np.add(one[part], other[part], out=out[part]), parts))
            adding.append(time.perf_counter() - began)
            began = time.perf_counter()
            matrix @ matrix
            multiplying.append(time.perf_counter() - began)
    return 3 * one.nbytes / min(adding), 2 * 2048**3 / min(multiplying)


def table(phases: list[Phase], threads: int) -> str:
    bandwidth, peak = limits(threads)
    lines = [
        f"  bandwidth {bandwidth / 1e9:.0f} GB/s, peak {peak / 1e9:.0f} GFLOP/s, {threads} threads",
        "  phase           ms     MB   Mflop   bound ms   part of the bound",
    ]
    for phase in phases:
        bound = max(phase.bytes / bandwidth, phase.operations / peak)
        counts = f"{phase.bytes / 1e6:6.1f} {phase.operations / 1e6:7.0f}"
        part = bound / max(phase.seconds, 1e-9)
        lines.append(f"  {phase.name:14}{1e3 * phase.seconds:6.2f} {counts} {1e3 * bound:8.2f}   {part:8.0%}")
    return "\n".join(lines)
