"""The compiled loss and the gradient of depthwise convolutions against torch's in float64."""

from typing import Any

import numpy as np
import pytest
import torch
from instruction_sets import SETS, skip_unless_run
from torch.nn import functional as F

from pixelwise import _core


def example(classes: int, pixels: int) -> tuple[Any, Any, Any]:
    """Scores up to some tens apart, labels with about a sixth void, weights."""
    rng = np.random.default_rng(classes)
    scores = (10 * rng.standard_normal((pixels, classes))).astype(np.float32)
    labels = rng.integers(0, classes, pixels).astype(np.uint8)
    labels[rng.random(pixels) < 1 / 6] = 255
    return scores, labels, rng.random(classes, np.float32) + np.float32(0.5)


@pytest.mark.parametrize("instructions", SETS)
@pytest.mark.parametrize("classes", [1, 2, 8, 11, 16, 21, 24, 33, 59, 256])
def test_loss_and_gradient_are_those_of_float64(instructions: str, classes: int) -> None:
    scores, labels, weights = example(classes, 101)
    labels[labels == 255] = 255 if classes < 256 else 0  # the 256th class has the id of void
    found = np.full_like(scores, np.nan)
    skip_unless_run(instructions)
    total = _core.cross_entropy(scores, labels, weights, 0.5, found, 2, instructions)
    x = torch.tensor(scores, dtype=torch.float64, requires_grad=True)
    ids, factors = torch.tensor(labels).long(), torch.tensor(weights).double()
    expected = F.cross_entropy(x, ids, factors, ignore_index=255 if classes < 256 else -1, reduction="sum")
    (0.5 * expected).backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert total == pytest.approx(expected.item(), rel=1e-6, abs=2e-5)  # 1e-7 a pixel
    assert np.abs(found - x.grad.numpy()).max() < 1e-6


def test_loss_without_gradient_is_the_same_and_rows_far_apart_do_not_overflow() -> None:
    scores = np.array([[0, 1000], [-1000, 0]], np.float32)
    labels, weights = np.array([0, 1], np.uint8), np.ones(2, np.float32)
    gradient = np.empty_like(scores)
    assert _core.cross_entropy(scores, labels, weights, 1.0, gradient, 1) == pytest.approx(1000)
    assert np.array_equal(gradient.round(6), [[-1, 1], [0, 0]])
    assert _core.cross_entropy(scores, labels, weights, 1.0, None, 1) == pytest.approx(1000)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_scores_that_are_no_numbers_make_the_loss_none(wrong: float) -> None:
    scores, labels, weights = example(21, 50)
    labels[:] = 3
    scores[7, 20] = wrong
    assert np.isnan(_core.cross_entropy(scores, labels, weights, 1.0, None, 2))


def test_misuse_of_the_loss_is_refused() -> None:
    scores, labels, weights = example(21, 50)
    labels[40] = 21
    with pytest.raises(ValueError, match="label 21 is not below 21"):
        _core.cross_entropy(scores, labels, weights, 1.0, None, 2)
    for arguments, complaint in (
        ((scores, labels[:5].copy(), weights, 1.0, None, 1), "differ in pixels"),
        ((scores, labels, weights[:5].copy(), 1.0, None, 1), "one number per class"),
        ((scores, labels, weights, 1.0, scores[:5].copy(), 1), "not as large"),
        ((scores, labels, weights, 1.0, None, 0), "from 1 to 1024"),
        ((scores, labels, weights, 1.0, None, 1, "mmx"), "does not run"),
    ):
        with pytest.raises(ValueError, match=complaint):
            _core.cross_entropy(*arguments)


CASES = [
    # kernel, stride, padding, dilation, images: a pixel, odd and even sizes, smaller than the kernel's reach
    (3, 1, 1, 1, (1, 1, 1)),
    (3, 1, 1, 1, (2, 9, 14)),
    (3, 2, 1, 1, (2, 9, 14)),
    (3, 1, 0, 1, (1, 5, 6)),
    (3, 1, 4, 4, (1, 5, 7)),
    (5, 1, 2, 1, (3, 11, 8)),
    (5, 2, 2, 1, (2, 12, 11)),
    (5, 1, 4, 2, (1, 3, 20)),
]


@pytest.mark.parametrize("instructions", SETS)
@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation", "sizes"), CASES)
def test_depthwise_gradients_are_those_of_float64(
    instructions: str, kernel: int, stride: int, padding: int, dilation: int, sizes: tuple[int, int, int]
) -> None:
    rng = np.random.default_rng(0)
    images = rng.standard_normal((*sizes, 48), np.float32)
    x = torch.tensor(images, dtype=torch.float64).permute(0, 3, 1, 2)
    weights = torch.zeros(48, 1, kernel, kernel, dtype=torch.float64, requires_grad=True)
    results = F.conv2d(x, weights, None, stride, padding, dilation, 48)
    gradient = rng.standard_normal((sizes[0], *results.shape[2:], 48), np.float32)
    results.backward(torch.tensor(gradient, dtype=torch.float64).permute(0, 3, 1, 2))  # type: ignore[no-untyped-call]
    assert weights.grad is not None
    found = np.full((48, kernel, kernel), np.nan, np.float32)
    skip_unless_run(instructions)
    _core.correlate_depthwise(images, gradient, stride, padding, dilation, found, 2, instructions)
    error = np.abs(found - weights.grad[:, 0].numpy()).max()
    assert error < 1e-5 * gradient[..., 0].size ** 0.5


def test_misuse_of_the_depthwise_gradient_is_refused() -> None:
    images, out = np.zeros((1, 9, 9, 32), np.float32), np.zeros((32, 3, 3), np.float32)
    for arguments, complaint in (
        ((images, images, 1, 1, 1, np.zeros((32, 4, 4), np.float32), 1), "3 or 5 taps"),
        ((images, images, 1, 1, 1, np.zeros((40, 3, 3), np.float32), 1), "multiples of 16"),
        ((images, images, 0, 1, 1, out, 1), "out of range"),
        ((images, images, 2, 1, 1, out, 1), "do not fit"),
        ((images, images[..., :16].copy(), 1, 1, 1, out, 1), "do not fit"),
        ((images, images, 1, 1, 1, out, 1, "mmx"), "does not run"),
    ):
        with pytest.raises(ValueError, match=complaint):
            _core.correlate_depthwise(*arguments)
