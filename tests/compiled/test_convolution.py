"""The compiled convolution against its definition, in float64."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest
from instruction_sets import SETS, skip_unless_run

from pixelwise import _core

Array = npt.NDArray[np.float32]


def definition(
    image: Array, weights: Array, bias: Array, padding: int, dilation: int
) -> npt.NDArray[np.float64]:
    """(H, W, I) and (O, I, k, k) to (H', W', O): the sum over taps of shifted images."""
    taps = weights.shape[2]
    padded = np.pad(image.astype(np.float64), ((padding, padding), (padding, padding), (0, 0)))
    height, width = (size - dilation * (taps - 1) for size in padded.shape[:2])
    total = np.zeros((height, width, len(weights))) + bias.astype(np.float64)
    for i in range(taps):
        for j in range(taps):
            shifted = padded[i * dilation : i * dilation + height, j * dilation : j * dilation + width]
            total += shifted @ weights[:, :, i, j].T
    return total


def pooled(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """2 x 2 max pooling of stride 2, rounded up at the border."""
    height, width, _ = values.shape
    filled = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)), constant_values=-np.inf)
    result: npt.NDArray[np.float64] = np.maximum.reduce(
        [filled[::2, ::2], filled[1::2, ::2], filled[::2, 1::2], filled[1::2, 1::2]]
    )
    return result


def example(
    shape: tuple[int, int], kernel: int, inputs: int = 32, outputs: int = 64
) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(0)
    image = rng.standard_normal((*shape, inputs), np.float32)
    weights = rng.standard_normal((outputs, inputs, kernel, kernel), np.float32)
    return (
        image,
        (weights / (kernel * inputs**0.5)).astype(np.float32),
        rng.standard_normal(outputs, np.float32),
    )


def run(convolution: "_core.Convolution", image: Array, outputs: int = 64, threads: int = 2) -> Array:
    out = np.full((*map(convolution.length, image.shape[:2]), outputs), np.nan, np.float32)
    convolution.run(image[None], out[None], threads)
    return out


CASES = [
    # kernel, padding, dilation, image: of one pixel, of whole tiles, of broken ones, thinner than the rate
    (3, 1, 1, (1, 1)),
    (3, 1, 1, (12, 18)),
    (3, 1, 1, (13, 20)),
    (3, 0, 1, (9, 40)),
    (3, 2, 2, (17, 30)),
    (3, 12, 12, (5, 31)),
    (3, 12, 12, (41, 40)),
    (4, 6, 4, (20, 31)),
    (4, 12, 8, (33, 25)),
    (5, 2, 1, (11, 12)),
    (6, 0, 1, (15, 9)),
    (7, 0, 1, (22, 23)),
    (7, 12, 4, (20, 31)),
]


@pytest.mark.parametrize("instructions", SETS)
@pytest.mark.parametrize(("kernel", "padding", "dilation", "shape"), CASES)
def test_results_are_those_of_the_definition(
    instructions: str, kernel: int, padding: int, dilation: int, shape: tuple[int, int]
) -> None:
    image, weights, bias = example(shape, kernel)
    skip_unless_run(instructions)
    convolution = _core.Convolution(weights, bias, padding, dilation, False, False, 2, instructions)
    expected = definition(image, weights, bias, padding, dilation)
    assert np.abs(run(convolution, image) - expected).max() < 1e-4  # of values of standard deviation 1.4


@pytest.mark.parametrize("inputs", [1, 3, 4, 8])
@pytest.mark.parametrize(("kernel", "padding", "shape"), [(3, 1, (1, 1)), (3, 8, (9, 14)), (7, 3, (20, 5))])
def test_images_of_few_channels_are_convolved(
    inputs: int, kernel: int, padding: int, shape: tuple[int, int]
) -> None:
    image, weights, bias = example(shape, kernel, inputs)
    expected = definition(image, weights, bias, padding, 1)
    for rectified, wanted in ((False, expected), (True, np.maximum(expected, 0))):
        found = run(_core.Convolution(weights, bias, padding, 1, rectified, False, 2), image)
        assert np.abs(found - wanted).max() < 1e-5


@pytest.mark.parametrize("shape", [(1, 1), (12, 12), (13, 20), (6, 7)])
def test_rectifying_and_pooling_follow(shape: tuple[int, int]) -> None:
    image, weights, bias = example(shape, 3)
    expected = np.maximum(definition(image, weights, bias, 1, 1), 0)
    for pools, wanted in ((False, expected), (True, pooled(expected))):
        found = run(_core.Convolution(weights, bias, 1, 1, True, pools, 1), image)
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).max() < 1e-4


@pytest.mark.slow
def test_more_tiles_than_a_block_holds() -> None:
    """4 MiB of 64 numbers in 2 x 256 channels hold 32 tiles of 6 x 6 results; here are 14 x 14 = 196."""
    image, weights, bias = example((80, 81), 3, 256, 256)
    found = run(_core.Convolution(weights, bias, 1, 1, False, False, 2), image, 256)
    assert np.abs(found - definition(image, weights, bias, 1, 1)).max() < 2e-4


def test_images_of_a_batch_are_convolved_alike() -> None:
    """6 x 7 results of 6 x 6 a tile: tiles of several images share a block."""
    rng = np.random.default_rng(1)
    for inputs in (3, 32):
        _, weights, bias = example((1, 1), 3, inputs)
        images = rng.standard_normal((5, 6, 7, inputs), np.float32)
        convolution = _core.Convolution(weights, bias, 1, 1, True, False, 2)
        out = np.full((5, 6, 7, 64), np.nan, np.float32)
        convolution.run(images, out, 2)
        for image, found in zip(images, out, strict=True):
            assert np.array_equal(found, run(convolution, image))


def test_threads_and_callers_at_once_change_nothing() -> None:
    image, weights, bias = example((40, 50), 3)
    convolution = _core.Convolution(weights, bias, 1, 1, True, False, 2)
    first = run(convolution, image, threads=1)
    assert np.array_equal(run(convolution, image, threads=3), first)
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(lambda _: run(convolution, image, threads=2), range(12)):
            assert np.array_equal(result, first)


def test_not_a_number_stays_not_a_number() -> None:
    image, weights, bias = example((12, 12), 3)
    image[0, 0] = np.nan
    found = run(_core.Convolution(weights, bias, 1, 1, True, False, 1), image)
    assert np.isnan(found[:2, :2]).all()
    assert np.isfinite(found[6:, 6:]).all()  # results of other tiles


def test_misuse_is_refused() -> None:
    image, weights, bias = example((12, 12), 3)
    for arguments, complaint in (
        ((weights[:, :, :, :2].copy(), bias, 1, 1, False, False, 1), "not square"),
        ((weights[:40].copy(), bias[:40].copy(), 1, 1, False, False, 1), "multiples of 32"),
        ((weights[:, :9].copy(), bias, 1, 1, False, False, 1), "or at most 8 inputs"),
        ((weights[:, :3].copy(), bias, 1, 2, False, False, 1), "not convolved with dilation"),
        ((weights, bias[:5].copy(), 1, 1, False, False, 1), "one number per output"),
        ((weights, bias, 1, 0, False, False, 1), "out of range"),
        ((weights, bias, 1, 2, False, True, 1), "pooling needs"),
        ((weights, bias, 1, 1, False, False, 1, "mmx"), "does not run"),
    ):
        with pytest.raises(ValueError, match=complaint):
            _core.Convolution(*arguments)
    convolution = _core.Convolution(weights, bias, 0, 1, False, False, 1)
    for picture, out, complaint in (
        (image[:, :, :8].copy(), np.empty((10, 10, 64), np.float32), "other channels"),
        (image, np.empty((12, 12, 64), np.float32), "out is not"),
        (image[:2].copy(), np.empty((0, 10, 64), np.float32), "larger than the padded image"),
        (image[:0].copy(), np.empty((0, 10, 64), np.float32), "empty or too large"),
    ):
        with pytest.raises(ValueError, match=complaint):
            convolution.run(picture[None], out[None], 1)
