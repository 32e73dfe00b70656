"""Hostile arguments for the compiled core and for the Python functions of the CRF: wrong types, strides and
alignment, NaN, empty and huge sizes. A case is a sound call of which one or two arguments were spoilt.
"""

import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixelwise import _core
from pixelwise.crf import (
    Bilateral,
    DenseCRF,
    Features,
    Gaussian,
    mean_field,
    refine,
    unary_from_labels,
    unary_from_probabilities,
)
from pixelwise.crf.pydensecrf import densecrf, utils

Array = npt.NDArray[Any]
Case = tuple[str, Callable[[], object]]

NUMBERS: list[Any] = [0, -1, 2**31, 2**31 - 1, -(2**31), 2**40, 2**63 - 1, 2**63, 10**30, 1e300, 1e-300]
NUMBERS += [float("nan"), float("inf"), -float("inf"), 0.5, True, None, "3", b"3", [], (), {}, object()]
VALUES = [np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, 0.0, -1.0, 1e9, 255.0, 2.0**31]


def cases(count: int, seed: int, folder: Path) -> Iterator[Case]:
    """So many cases, each with its name; `folder` is not used, as no case has files."""
    chance = random.Random(seed)
    calls = list(_sound(np.random.default_rng(seed)))
    for number in range(count):
        name, function, arguments = chance.choice(calls)
        given, spoilt = list(arguments), []
        for position in sorted(chance.sample(range(len(given)), min(len(given), chance.choice([1, 1, 2])))):
            given[position], how = _spoilt(given[position], chance)
            spoilt.append(f"{position} {how}")
        yield f"{number}: {name}({', '.join(spoilt)})", partial(function, *given)


def sound(seed: int) -> Iterator[Case]:
    """The calls that cases are made from."""
    for name, function, arguments in _sound(np.random.default_rng(seed)):
        yield name, partial(function, *arguments)


def _sound(generator: np.random.Generator) -> Iterator[tuple[str, Callable[..., object], tuple[Any, ...]]]:
    def floats(*shape: int) -> Array:
        return generator.normal(0, 1, shape).astype(np.float32)

    def ids(*shape: int) -> Array:
        return generator.integers(0, 3, shape).astype(np.uint8)

    scores, image = floats(3, 4, 5), generator.integers(0, 256, (8, 9, 3)).astype(np.uint8)
    p = generator.dirichlet(np.ones(3), (8, 9)).transpose(2, 0, 1).astype(np.float32)
    counts, sums = np.zeros(3, np.int64), np.zeros(3)
    yield "count_confusion", _core.count_confusion, (ids(50), ids(50), 255, np.zeros((3, 3), np.int64))
    yield "chessboard_distance", _core.chessboard_distance, (ids(8, 9), 4, ids(8, 9))
    yield "count_contours", _core.count_contours, (ids(8, 9), ids(8, 9), 2.5, 255, np.zeros((4, 3), np.int64))
    yield "label_pixels", _core.label_pixels, (scores, ids(8, 9), counts, sums)
    yield "pixel_confidence", _core.pixel_confidence, (scores, floats(8, 9))
    yield "pixel_probabilities", _core.pixel_probabilities, (scores, floats(3, 8, 9))
    yield "cross_entropy", _core.cross_entropy, (floats(50, 3), ids(50), floats(3), 1.0, floats(50, 3), 2)
    images, weights, out = floats(1, 5, 6, 32), floats(32, 32, 3, 3), floats(1, 5, 6, 32)
    yield "convolve", _core.convolve, (images, weights, floats(32), 1, 1, True, out, 2)
    yield "convolve_back", _core.convolve_back, (out, weights, 1, 1, images, 2)
    yield "correlate", _core.correlate, (images, out, 1, 1, weights, 2)
    depthwise = (floats(1, 5, 6, 16), floats(1, 5, 6, 16), 1, 1, 1, floats(16, 3, 3), 2)
    yield "correlate_depthwise", _core.correlate_depthwise, depthwise
    yield "Convolution", _convolution, (weights, floats(32), 1, 1, True, False, 2, images, out)
    yield "Convolution.length", _core.Convolution(weights, floats(32), 1, 1, True, False, 1).length, (5,)
    features = floats(2, 72)
    terms = [(features, 3, 1.0, None), (floats(3, 72), 0, 1.0, np.eye(3, dtype=np.float32))]
    yield "MeanField", _core.MeanField, ((1, 8, 9), 3, terms, 2, None, 1000)
    yield "a kernel", _kernel, (features, 3, 1.0, np.eye(3, dtype=np.float32))
    field = _core.MeanField((1, 8, 9), 3, terms, 2)
    field.set_unary(floats(3, 1, 8, 9))
    volume = floats(3, 1, 8, 9)
    yield "set_unary", _core.MeanField((1, 8, 9), 3, terms, 2).set_unary, (volume,)
    yield "step_from", field.step_from, (volume,)
    yield "beliefs", field.beliefs, (volume.copy(),)
    yield "labels", field.labels, (np.zeros(72, np.int32),)
    yield "divergence_of", field.divergence_of, (volume,)
    yield "message", field.message, (0, volume, volume.copy())

    yield "mean_field", _mean_field, (floats(3, 8, 9), 2, np.eye(3), 2)
    yield "refine", lambda *given: refine(given[0], given[1]), (image, p)
    yield "refine labels", lambda *given: refine(given[0], given[1], classes=given[2]), (image, ids(8, 9), 3)
    yield "Bilateral", lambda *given: Bilateral(*given).features((8, 9)), (image, 80, 13, 10)
    yield "Gaussian", lambda *given: Gaussian(*given).features((8, 9)), (3, 3)
    yield "Features", lambda *given: Features(*given).features((8, 9)), (features, 1.0)
    yield "set a unary", DenseCRF(floats(3, 8, 9), [Gaussian()], threads=2).set_unary, (floats(3, 8, 9),)
    yield "unary_from_probabilities", unary_from_probabilities, (p, 1e-5)
    yield "unary_from_labels", unary_from_labels, (ids(8, 9), 3, 0.7, 255)
    yield "DenseCRF2D", _drop_in, (9, 8, 3, floats(3, 72), 3, 3, image, 80, 13, 10, 2)
    yield "addPairwiseEnergy", densecrf.DenseCRF(72, 3).addPairwiseEnergy, (features, 3)
    yield "stepInference", _step, (floats(3, 72),)
    yield "unary_from_softmax", utils.unary_from_softmax, (p, 0.7, 1e-5)
    yield "labels of the drop-in", utils.unary_from_labels, (ids(8, 9), 3, 0.7, False)
    yield "create_pairwise_gaussian", utils.create_pairwise_gaussian, ((3, 3), (8, 9))
    yield "create_pairwise_bilateral", utils.create_pairwise_bilateral, ((3, 3), 13, image, 2)


def _convolution(*given: Any) -> None:
    _core.Convolution(*given[:7]).run(given[7], given[8], 2)


def _kernel(*given: Any) -> None:
    field = _core.MeanField((1, 8, 9), 3, [given], 2)
    unary = np.zeros((3, 1, 8, 9), np.float32)
    field.set_unary(unary)
    field.step()
    field.beliefs(unary)


def _mean_field(unary: Any, iterations: Any, compatibility: Any, threads: Any) -> None:
    mean_field(unary, [Gaussian()], iterations=iterations, compatibility=compatibility, threads=threads)


def _drop_in(*given: Any) -> None:
    w, h, labels, unary, sxy, compat, image, wide, srgb, weight, steps = given
    crf = densecrf.DenseCRF2D(w, h, labels)
    crf.setUnaryEnergy(unary)
    crf.addPairwiseGaussian(sxy, compat)
    crf.addPairwiseBilateral(wide, srgb, image, weight)
    crf.inference(steps)


def _step(q: Any) -> None:
    crf = densecrf.DenseCRF(72, 3)
    _, first, second = crf.startInference()
    crf.klDivergence(q)
    crf.stepInference(q, first, second)


def _spoilt(value: Any, chance: random.Random) -> tuple[Any, str]:
    if isinstance(value, np.ndarray):
        return _spoilt_array(value, chance)
    number = chance.choice(NUMBERS)
    return number, f"is {number!r}"


def _spoilt_array(array: Array, chance: random.Random) -> tuple[Any, str]:
    ways: dict[str, Callable[[], Any]] = {
        "misaligned": lambda: _misaligned(array),
        "Fortran order": lambda: np.asfortranarray(array),
        "backwards": lambda: array[::-1],
        "every other": lambda: np.repeat(array, 2, axis=-1)[..., ::2],
        "one value": lambda: np.broadcast_to(array.ravel()[0], array.shape),
        "rows of records": lambda: _in_records(array),
        "read-only": lambda: _read_only(array),
        "empty": lambda: array[..., :0],
        "a row less": lambda: array[:-1].copy(),
        "an axis more": lambda: array[None],
        "flat": lambda: array.ravel(),
        "no axis": lambda: np.asarray(array.ravel()[0]),
        "long and thin": lambda: np.zeros((*[1] * (array.ndim - 1), 2**24 + 1), array.dtype),
        "all axes 0": lambda: np.zeros([0] * array.ndim, array.dtype),
        "a list": lambda: array.tolist(),
        "none": lambda: None,
        "a text": lambda: "text",
    }
    types = ["?", "i1", "u1", "i4", "i8", "u8", "f2", "f4", "f8", ">f4", "c8", "O", "U3", "M8[s]"]
    choice = chance.choice([*ways, *types, *map(str, VALUES)])
    if choice in ways:
        return ways[choice](), choice
    if choice in types:
        return array.astype(int).astype(choice), choice
    spoilt = array.copy()
    with np.errstate(all="ignore"):
        where: Any = chance.choice([chance.randrange(array.size), slice(None)])
        flat: Array = spoilt.reshape(-1)
        flat[where] = np.array(float(choice)).astype(array.dtype)
    return spoilt, choice


def _misaligned(array: Array) -> Array:
    memory = np.zeros(array.nbytes + 1, np.uint8)
    moved = memory[1:].view(array.dtype).reshape(array.shape)
    moved[...] = array
    return moved


def _in_records(array: Array) -> Array:
    """Numbers whose distance is not a multiple of their size."""
    records = np.zeros(array.shape, np.dtype([("odd", "u1"), ("number", array.dtype)]))
    records["number"] = array
    return np.asarray(records["number"])


def _read_only(array: Array) -> Array:
    copy = array.copy()
    copy.flags.writeable = False
    return copy
