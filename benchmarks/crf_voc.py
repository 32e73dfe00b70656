"""The CRF on the scores of a net for real pictures, with pydensecrf2, which has one thread, in turn."""

import statistics
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydensecrf.densecrf as peer

from pixelwise import load
from pixelwise.core.pictures.reading import read_photo
from pixelwise.core.threads import processors
from pixelwise.crf import DENSECRF, DenseCRF, refine, refine_many, unary_from_probabilities

PICTURES = 50

Floats = npt.NDArray[np.float32]
Sample = tuple[npt.NDArray[np.uint8], Floats]


def samples(folder: Path) -> list[Sample]:
    """Pictures and the beliefs of the bundled model, for every fourth name of lists/val.txt."""
    model = load("default")
    names = (folder / "lists" / "val.txt").read_text().split()
    found = []
    for name in names[:: max(1, len(names) // PICTURES)][:PICTURES]:
        photo = read_photo(folder / "JPEGImages" / f"{name}.jpg", 500).pixels
        found.append((photo, model(photo).probabilities_at(photo.shape[:2])))
    return found


def ours(unary: Floats, image: npt.NDArray[np.uint8], threads: int, merge: bool) -> tuple[Floats, int]:
    crf = DenseCRF(unary, DENSECRF.kernels(image), threads=threads, merge_labels=merge)
    crf.step(10)
    return crf.q, crf.labels_apart


def theirs(unary: Floats, image: npt.NDArray[np.uint8]) -> Floats:
    classes, height, width = unary.shape
    crf = peer.DenseCRF2D(width, height, classes)
    crf.setUnaryEnergy(unary.reshape(classes, -1))
    crf.addPairwiseGaussian(sxy=3, compat=3)
    crf.addPairwiseBilateral(sxy=80, srgb=13, rgbim=np.ascontiguousarray(image), compat=10)
    return np.asarray(crf.inference(10)).reshape(unary.shape)


def report(folder: Path) -> None:
    found = samples(folder)
    threads, classes = processors(), len(found[0][1])
    times: dict[str, list[float]] = {"pydensecrf2": [], "all labels": [], "labels merged": []}
    apart, pixels = [], 0
    largest, others = dict.fromkeys(times, 0.0), dict.fromkeys(times, 0)
    for image, beliefs in found:
        unary = unary_from_probabilities(beliefs)
        results: dict[str, tuple[Floats, int]] = {}
        for name in times:
            began = time.perf_counter()
            if name == "pydensecrf2":
                results[name] = theirs(unary, image), classes
            else:
                results[name] = ours(unary, image, threads, name == "labels merged")
            times[name].append(time.perf_counter() - began)
        whole = results["all labels"][0]
        apart.append(results["labels merged"][1])
        for name, (q, _) in results.items():
            largest[name] = float(np.maximum(largest[name], np.abs(q - whole).max()))
            others[name] += int((q.argmax(0) != whole.argmax(0)).sum())
        pixels += whole[0].size
    print(f"\n{len(found)} pictures of {folder}, beliefs of `default`, {threads} threads, 80/13/10")
    for name, seconds in times.items():
        ratios = [a / b for a, b in zip(times["pydensecrf2"], seconds, strict=True)]
        low, median, high = statistics.quantiles(ratios, n=4)
        print(
            f"  {name:14} {1e3 * statistics.median(seconds):7.1f} ms, "
            f"{median:5.1f}x pydensecrf2 (quartiles {low:.1f}-{high:.1f})"
        )
    print(f"  labels apart: {statistics.median(apart):g} of {classes} (from {min(apart)} to {max(apart)})")
    for name in ("labels merged", "pydensecrf2"):
        print(
            f"  {name} beside all labels: beliefs differ by up to {largest[name]:.0e}, "
            f"{others[name]} of {pixels} labels differ"
        )
    _streams(found)


def _streams(found: list[Sample]) -> None:
    """refine_many beside refine one by one, in turn."""
    images, beliefs = zip(*found, strict=True)
    ratios, rates = [], []
    for _ in range(5):
        began = time.perf_counter()
        for image, given in found:
            refine(image, given)
        single = time.perf_counter() - began
        began = time.perf_counter()
        for _ in refine_many(images, beliefs):
            pass
        many = time.perf_counter() - began
        ratios.append(single / many)
        rates.append(len(found) / many)
    print(
        f"  refine_many: {statistics.median(rates):.1f} pictures/s, {statistics.median(ratios):.2f}x refine "
        f"one by one ({min(ratios):.2f}-{max(ratios):.2f})"
    )
