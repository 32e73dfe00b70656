"""The gradients of compiled convolutions against torch's in float64."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from instruction_sets import SETS, skip_unless_run
from torch.nn import functional as F

from pixelwise import _core

Array = npt.NDArray[np.float32]

CASES = [
    # kernel, padding, dilation, images: a pixel, whole tiles of 6 x 6, broken ones, smaller than the rate
    (3, 1, 1, (1, 1, 1)),
    (3, 1, 1, (2, 12, 18)),
    (3, 1, 1, (3, 13, 20)),
    (3, 0, 1, (1, 9, 40)),
    (3, 2, 2, (2, 17, 30)),
    (3, 12, 12, (1, 5, 31)),
    (3, 12, 12, (2, 41, 40)),
    (3, 0, 4, (2, 20, 21)),
    (4, 6, 4, (1, 20, 31)),
    (5, 2, 1, (2, 11, 12)),
    (6, 0, 1, (1, 15, 9)),
    (7, 3, 1, (2, 9, 9)),
]


def example(
    kernel: int, padding: int, dilation: int, sizes: tuple[int, int, int]
) -> tuple[Array, Array, Array, Array]:
    """Images, weights, bias and the gradient of the results; all but the weights of standard deviation 1."""
    rng = np.random.default_rng(0)
    count, height, width = sizes
    images = rng.standard_normal((count, height, width, 32), np.float32)
    weights = rng.standard_normal((64, 32, kernel, kernel), np.float32) / np.float32(kernel * 32**0.5)
    reach = dilation * (kernel - 1) - 2 * padding
    gradient = rng.standard_normal((count, height - reach, width - reach, 64), np.float32)
    return images, weights, rng.standard_normal(64, np.float32), gradient


def in_double(
    images: Array, weights: Array, bias: Array, gradient: Array, padding: int, dilation: int
) -> list[npt.NDArray[np.float64]]:
    """Results, and the gradients of images and of weights."""
    x = torch.tensor(images, dtype=torch.float64).permute(0, 3, 1, 2).requires_grad_()
    w = torch.tensor(weights, dtype=torch.float64).requires_grad_()
    results = F.conv2d(x, w, torch.tensor(bias, dtype=torch.float64), 1, padding, dilation)
    results.backward(torch.tensor(gradient, dtype=torch.float64).permute(0, 3, 1, 2))  # type: ignore[no-untyped-call]
    assert x.grad is not None and w.grad is not None
    return [
        results.detach().permute(0, 2, 3, 1).numpy(),
        x.grad.permute(0, 2, 3, 1).numpy(),
        w.grad.numpy(),
    ]


def compiled(
    images: Array,
    weights: Array,
    bias: Array,
    gradient: Array,
    padding: int,
    dilation: int,
    threads: int = 2,
    instructions: str | None = None,
) -> list[Array]:
    out = [np.full_like(array, np.nan) for array in (gradient, images, weights)]
    _core.convolve(images, weights, bias, padding, dilation, False, out[0], threads, instructions)
    _core.convolve_back(gradient, weights, padding, dilation, out[1], threads, instructions)
    _core.correlate(images, gradient, padding, dilation, out[2], threads, instructions)
    return out


def error(found: Array, expected: npt.NDArray[np.float64]) -> float:
    """The root of the mean square error, as a share of that of the values."""
    return float(np.sqrt(np.square(found - expected).mean() / np.square(expected).mean()))


@pytest.mark.slow
@pytest.mark.parametrize("instructions", SETS)
@pytest.mark.parametrize(("kernel", "padding", "dilation", "sizes"), CASES)
def test_results_and_gradients_are_those_of_float64(
    instructions: str, kernel: int, padding: int, dilation: int, sizes: tuple[int, int, int]
) -> None:
    arrays = example(kernel, padding, dilation, sizes)
    skip_unless_run(instructions)
    found = compiled(*arrays, padding, dilation, instructions=instructions)
    results, to_images, to_weights = in_double(*arrays, padding, dilation)
    assert error(found[0], results) < 1e-5
    assert error(found[1], to_images) < 1e-5
    assert error(found[2], to_weights) < 1e-5


@pytest.mark.slow
def test_errors_stay_small_with_many_channels_and_tiles() -> None:
    """512 channels and 4 x 49 tiles, as conv4 of VGG16 has them; 4 MiB of points hold fewer."""
    rng = np.random.default_rng(0)
    images, gradient = (rng.standard_normal((4, 41, 41, 512), np.float32) for _ in range(2))
    weights = rng.standard_normal((512, 512, 3, 3), np.float32) / np.float32(3 * 512**0.5)
    arrays = images, weights, np.zeros(512, np.float32), gradient
    for found, expected in zip(compiled(*arrays, 1, 1), in_double(*arrays, 1, 1), strict=True):
        assert error(found, expected) < 1e-5


def test_threads_change_nothing() -> None:
    arrays = example(3, 2, 2, (2, 17, 30))
    for one, three in zip(compiled(*arrays, 2, 2, 1), compiled(*arrays, 2, 2, 3), strict=True):
        assert np.array_equal(one, three)


def test_rectified_results_are_not_negative() -> None:
    images, weights, bias, gradient = example(3, 1, 1, (2, 13, 20))
    plain, rectified = np.empty_like(gradient), np.empty_like(gradient)
    _core.convolve(images, weights, bias, 1, 1, False, plain, 1)
    _core.convolve(images, weights, bias, 1, 1, True, rectified, 1)
    assert np.array_equal(rectified, np.maximum(plain, 0))


def test_misuse_is_refused() -> None:
    images, weights, bias, gradient = example(3, 1, 1, (2, 13, 20))
    for arguments, complaint in (
        ((images, weights[:, :, :2].copy(), bias, 1, 1, False, gradient, 1), "not square"),
        ((images, weights[:40].copy(), bias, 1, 1, False, gradient, 1), "multiples of 32"),
        ((images, weights, bias[:5].copy(), 1, 1, False, gradient, 1), "one number per output"),
        ((images, weights, bias, 3, 1, False, gradient, 1), "larger than the filter"),
        ((images, weights, bias, 1, 0, False, gradient, 1), "out of range"),
        ((images, weights, bias, 0, 1, False, gradient, 1), "do not fit"),
        ((images[:1].copy(), weights, bias, 1, 1, False, gradient, 1), "do not fit"),
        ((images, weights, bias, 1, 1, False, gradient, 0), "threads must be from 1 to 1024"),
        ((images[:0].copy(), weights, bias, 1, 1, False, gradient[:0].copy(), 1), "empty or too large"),
        ((images, weights, bias, 1, 1, False, gradient, 1, "mmx"), "does not run"),
    ):
        with pytest.raises(ValueError, match=complaint):
            _core.convolve(*arguments)
    with pytest.raises(ValueError, match="do not fit"):
        _core.convolve_back(gradient, weights, 0, 1, images.copy(), 1)
    with pytest.raises(ValueError, match="do not fit"):
        _core.correlate(images, gradient, 0, 1, weights.copy(), 1)
