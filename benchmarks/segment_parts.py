"""CPU time of one picture by part, from file to saved mask, and what the net makes of the processor.

The parts are timed one after the other in a single thread; "the rest" is what `pixelwise segment --save mask`
takes beyond them: it writes files and keeps records. The peak is that of a product of large matrices in the
same engine and precision.
"""

import io
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.core.pictures.reading import read_photo
from pixelwise.core.pictures.writing import save_picture
from pixelwise.inference.engines.openvino import OpenVinoEngine, openvino_core
from pixelwise.inference.model_files.model_file import read_model
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.segmentation import Segmentation

RUNS = 7
SIDE = 2048
"""Of the matrices."""


@dataclass(frozen=True)
class Parts:
    """CPU milliseconds of a picture by part, and the multiply-adds of the net: means over pictures."""

    milliseconds: dict[str, float]
    multiply_adds: float

    def table(self, peak: float) -> str:
        """peak: multiply-adds a second of one thread."""
        whole = sum(self.milliseconds.values())
        lines = [f"  {name:28} {ms:6.2f} ms  {ms / whole:5.1%}" for name, ms in self.milliseconds.items()]
        rate = self.multiply_adds / (self.milliseconds["net"] / 1e3)
        lines.append(f"  {'together':28} {whole:6.2f} ms")
        lines.append(
            f"  the net: {self.multiply_adds / 1e9:.2f} G multiply-adds, {rate / 1e9:.0f} G/s, "
            f"{rate / peak:.0%} of the peak of {peak / 1e9:.0f} G/s"
        )
        return "\n".join(lines)


def measured(predictor: Predictor, images: list[Path], whole: Callable[[], None]) -> Parts:
    """The parts of `images` with a predictor of one thread; `whole` segments all of them in one thread."""
    long_side, engine = predictor.info.long_side, predictor.engine
    spent: dict[str, list[float]] = {}
    adds = []
    for path in images:
        runs: dict[str, list[float]] = {}
        for _ in range(RUNS):
            clock = time.process_time()
            full = read_photo(path, 1_000_000).pixels
            clock = _note(runs, "read and decode", clock)
            photo = read_photo(full, long_side)
            clock = _note(runs, "resize", clock)
            scores = engine.coarse_scores(photo.pixels)  # type: ignore[attr-defined]
            clock = _note(runs, "net", clock)
            result = Segmentation(scores, photo.size, predictor.classes, photo.pixels)
            result.areas()
            clock = _note(runs, "enlarge scores, label", clock)
            save_picture(io.BytesIO(), Path("mask.png"), result.mask())
            _note(runs, "PNG", clock)
        for name, values in runs.items():
            spent.setdefault(name, []).append(statistics.median(values))
        adds.append(multiply_adds(predictor.info.name, photo.pixels.shape[:2]))
    means = {name: statistics.fmean(values) for name, values in spent.items()}
    totals = []
    for _ in range(RUNS):
        clock = time.process_time()
        whole()
        totals.append(1e3 * (time.process_time() - clock) / len(images))
    rest = statistics.median(totals) - sum(means.values())
    return Parts({**means, "the rest": rest}, statistics.fmean(adds))


def _note(runs: dict[str, list[float]], name: str, clock: float) -> float:
    runs.setdefault(name, []).append(1e3 * (time.process_time() - clock))
    return time.process_time()


def multiply_adds(name: str, size: tuple[int, ...]) -> float:
    """Of the convolutions of a bundled model on a picture of `size`."""
    model = openvino_core().read_model(read_model(name)[0], b"")
    model.reshape([1, *size, 3])
    total = 0.0
    for node in model.get_ops():
        if node.get_type_name() in ("Convolution", "GroupConvolution"):
            weights, out = node.input(1).get_shape(), node.output(0).get_shape()
            first = 1 if node.get_type_name() == "Convolution" else 2
            total += float(np.prod(weights[first:])) * float(np.prod(out))
    return total


def peak(int8: bool) -> float:
    """Multiply-adds a second of one thread in a product of large matrices in OpenVINO."""
    import openvino
    from openvino import opset13

    rng = np.random.default_rng(0)
    given = opset13.parameter([SIDE, SIDE], np.float32)
    weights: Any = opset13.constant(rng.standard_normal((SIDE, SIDE)).astype(np.float32))
    seen: Any = given
    if int8:
        low, high = np.float32(-4), np.float32(4)
        weights = opset13.fake_quantize(weights, low, high, low, high, 255)
        seen = opset13.fake_quantize(given, np.float32(0), high, np.float32(0), high, 256)
    model = openvino.Model([opset13.matmul(seen, weights, False, False)], [given], "product")
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
    request = openvino_core().compile_model(model, "CPU", options).create_infer_request()
    matrix = rng.random((SIDE, SIDE), np.float32)
    seconds = []
    for _ in range(RUNS):
        clock = time.perf_counter()
        request.infer([matrix])
        seconds.append(time.perf_counter() - clock)
    return SIDE**3 / min(seconds)


def runs_in_openvino(predictor: Predictor) -> bool:
    """Whether the parts can be told apart."""
    return isinstance(predictor.engine, OpenVinoEngine)
