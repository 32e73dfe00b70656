"""The dense CRF against pydensecrf2, in turn, in one run: `python benchmarks/crf.py`.

--equality compares answers, --large measures memory and large pictures, --phases where the time goes, and
--voc FOLDER real scores.

Needs `pip install "pixelwise[peers]"`, for --equality and --phases torch too, and a quiet machine. Each line
names image, parameters and lattice sizes, since the cost depends on them. Times are medians of wall clock
over pairs, with the quartiles as spread; both libraries do everything from image and unary to beliefs, and
the first pair, which warms up, is not counted: its answers must be equal. pydensecrf2 has one thread. The
ratio is the median of the pairs' ratios.
"""

import argparse
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import crf_phases
import crf_voc
import numpy as np
import numpy.typing as npt
import pydensecrf.densecrf as peer
import skimage.data
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from crf_cases import blurred_unary, two_kernels

from pixelwise import _core
from pixelwise.core.threads import processors
from pixelwise.crf import DenseCRF, mean_field
from pixelwise.crf.potentials import Normalization

Floats = npt.NDArray[np.float32]
Photo = npt.NDArray[np.uint8]
Widths = tuple[float, float, float]

CHELSEA: Widths = (80, 13, 10)
ASTRONAUT: Widths = (60, 5, 5)
MOST_DIFFERENT = 1e-4
"""Of two beliefs."""
NORMALIZATIONS: list[Normalization] = ["none", "before", "after", "symmetric"]


def photo(name: str, width: int = 500, height: int = 375) -> Photo:
    original = Image.fromarray(getattr(skimage.data, name)()).convert("RGB")
    return np.array(original.resize((width, height), Image.Resampling.BICUBIC))


def ours(image: Photo, unary: Floats, widths: Widths, threads: int, normalization: int = 3) -> Floats:
    kernels = two_kernels(image, *widths, normalization=NORMALIZATIONS[normalization])
    return mean_field(unary, kernels, iterations=10, threads=threads)


def theirs(image: Photo, unary: Floats, widths: Widths, normalization: int = 3) -> Floats:
    classes, height, width = unary.shape
    kind = peer.NormalizationType(normalization)
    crf = peer.DenseCRF2D(width, height, classes)
    crf.setUnaryEnergy(unary.reshape(classes, -1))
    crf.addPairwiseGaussian(sxy=3, compat=3, normalization=kind)
    crf.addPairwiseBilateral(sxy=widths[0], srgb=widths[1], rgbim=image, compat=widths[2], normalization=kind)
    return np.asarray(crf.inference(10)).reshape(unary.shape)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of wall clock and of processor."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def run_ours(image: Photo, unary: Floats, widths: Widths, threads: int) -> tuple[float, float]:
    return timed(lambda: ours(image, unary, widths, threads))


def spread(values: list[float]) -> str:
    low, median, high = statistics.quantiles(values, n=4)
    return f"{1e3 * median:7.1f} ms ({1e3 * low:.1f}-{1e3 * high:.1f})"


def compare(name: str, widths: Widths, classes: int, pairs: int, size: tuple[int, int] = (500, 375)) -> None:
    image, unary = photo(name, *size), blurred_unary(classes, size[1], size[0])
    vertices = DenseCRF(unary, two_kernels(image, *widths)).vertices
    print(f"\n{name} {size[0]}x{size[1]}, {classes} classes, {widths}, vertices {vertices}")
    expect_equal(ours(image, unary, widths, processors()), theirs(image, unary, widths))
    counts = sorted({1, processors()})
    runs: dict[int, list[tuple[float, float]]] = {threads: [] for threads in counts}
    peers: list[float] = []
    for _ in range(pairs):
        for threads in counts:
            runs[threads].append(run_ours(image, unary, widths, threads))
        peers.append(timed(lambda: theirs(image, unary, widths))[0])
    print(f"  pydensecrf2          {spread(peers)}")
    for threads, times in runs.items():
        ratio = statistics.median(p / wall for p, (wall, _) in zip(peers, times, strict=True))
        use = statistics.median(processor / wall for wall, processor in times)
        walls = [wall for wall, _ in times]
        print(f"  pixelwise, {threads} threads  {spread(walls)}  {ratio:5.2f}x  processors {use:.2f}")


def expect_equal(own: Floats, peers: Floats) -> None:
    """Times of answers that differ would mean nothing."""
    difference = float(np.abs(own - peers).max())
    if not difference <= MOST_DIFFERENT:  # not a number is beyond it, too
        raise SystemExit(
            f"the answers differ: beliefs by up to {difference:.1e}, at most {MOST_DIFFERENT:.0e}"
        )


def equality() -> None:
    print("\nlargest difference of beliefs, and pixels of another label, after 10 iterations")
    names, widths = ("chelsea", "astronaut", "coffee"), (CHELSEA, ASTRONAUT)
    for name, w, classes, kind in itertools.product(names, widths, (2, 5, 21, 59), range(4)):
        image, unary = photo(name), blurred_unary(classes, 375, 500)
        a, b = ours(image, unary, w, processors(), kind), theirs(image, unary, w, kind)
        others = int((a.argmax(axis=0) != b.argmax(axis=0)).sum())
        verdict = "" if np.abs(a - b).max() <= MOST_DIFFERENT and others <= 1e-4 * a[0].size else "  BEYOND"
        label = f"{name:9} {w} {classes:2} {NORMALIZATIONS[kind]:9}"
        print(f"  {label} {np.abs(a - b).max():.1e} {others:3}{verdict}", flush=True)


def against_float64() -> None:
    """Without normalisation messages go into thousands: how far each library's float32 is from float64."""
    import torch

    from pixelwise.crf import torch_backend

    print("\nnormalisation none, chelsea, 5 classes: largest difference to float64, pixels beyond 1e-4")
    image, unary = photo("chelsea"), blurred_unary(5, 375, 500)
    for w in (CHELSEA, ASTRONAUT):
        kernels = two_kernels(image, *w, normalization="none")
        exact = torch_backend.mean_field(torch.from_numpy(unary).double()[None], [kernels])[0].numpy()
        for name, q in (
            ("pixelwise", ours(image, unary, w, 1, 0)),
            ("pydensecrf2", theirs(image, unary, w, 0)),
        ):
            difference = np.abs(q - exact).max(axis=0)
            others = int((q.argmax(axis=0) != exact.argmax(axis=0)).sum())
            beyond = int((difference > 1e-4).sum())
            print(f"  {name:12}{w} {difference.max():.1e}, {beyond} pixels, {others} of another label")


def peak_memory() -> int:
    """Of this process so far, MB. (getrusage would count that of the parent, too.)"""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def memory(way: str, unary_file: Path) -> None:
    """In a process of its own: time and peak memory, and what of it was there before the call."""
    unary = np.load(unary_file)
    image = photo("astronaut", unary.shape[2], unary.shape[1])
    before = peak_memory()
    work = {
        "ours": lambda: ours(image, unary, CHELSEA, processors()),
        "in place": lambda: mean_field(unary, two_kernels(image, *CHELSEA), out=unary),
        "theirs": lambda: theirs(image, unary, CHELSEA),
    }[way]
    seconds, _ = timed(work)
    above = peak_memory() - before
    print(f"  {way:8} {seconds:6.2f} s, {above} MB above the {before} MB before")


def large() -> None:
    print("\n2000x1500, 21 classes, (80, 13, 10), each in a new process", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        unary_file = Path(folder, "unary.npy")
        np.save(unary_file, blurred_unary(21, 1500, 2000))
        for way in ("ours", "in place", "theirs"):
            subprocess.run([sys.executable, __file__, "--memory", way, unary_file], check=True)
    print("\ntime by size, 5 classes, all threads")
    for width, height in ((500, 375), (1000, 750), (2000, 1500), (4000, 3000)):
        image, unary = photo("astronaut", width, height), blurred_unary(5, height, width)
        seconds = run_ours(image, unary, CHELSEA, processors())[0]
        print(
            f"  {width * height / 1e6:5.2f} Mpixels {seconds:6.2f} s, {1e9 * seconds / width / height:.0f} ns"
        )


def phases(repeats: int) -> None:
    print(f"{_core.instruction_set()}; build once, the rest per iteration")
    cases = (("chelsea", CHELSEA, 5), ("chelsea", CHELSEA, 21), ("astronaut", ASTRONAUT, 21))
    for threads, (name, widths, classes) in itertools.product(sorted({1, processors()}), cases):
        kernels, unary = two_kernels(photo(name), *widths), blurred_unary(classes, 375, 500)
        print(f"\n{name} 500x375, {classes} classes, {widths}, {threads} threads")
        found = crf_phases.measured(kernels, unary, threads, repeats)
        print(crf_phases.table(found, threads), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--equality", action="store_true", help="compare answers of 96 settings")
    parser.add_argument("--large", action="store_true", help="memory, and time by size")
    parser.add_argument("--phases", action="store_true", help="only this: a roofline")
    parser.add_argument("--voc", type=Path, metavar="FOLDER", help="only this: 50 of its pictures")
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        return memory(options.memory[0], Path(options.memory[1]))
    if options.phases:
        return phases(options.pairs)
    if options.voc:
        return crf_voc.report(options.voc)
    image, unary = photo("chelsea"), blurred_unary(21, 375, 500)
    cold, _ = timed(lambda: ours(image, unary, CHELSEA, processors()))
    print(f"{_core.instruction_set()}, {processors()} threads; cold first call {1e3 * cold:.1f} ms")
    compare("chelsea", CHELSEA, 21, options.pairs)
    compare("astronaut", ASTRONAUT, 21, options.pairs)
    for classes in (2, 5, 59):
        compare("chelsea", CHELSEA, classes, min(options.pairs, 3))
    if options.equality:
        equality()
        against_float64()
    if options.large:
        large()
    return None


if __name__ == "__main__":
    main()
