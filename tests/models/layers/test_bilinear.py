"""Bilinear upsampling by transposed convolution."""

import pytest
import torch
from torch.nn import functional as F

from pixelwise.models.layers.bilinear import BilinearUpsampling, bilinear_filter


def test_filter_of_size_4_is_the_papers() -> None:
    row = torch.tensor([0.25, 0.75, 0.75, 0.25])
    assert torch.equal(bilinear_filter(4), row[:, None] * row)


def test_filter_of_size_3_is_the_papers() -> None:
    row = torch.tensor([0.5, 1.0, 0.5])
    assert torch.equal(bilinear_filter(3), row[:, None] * row)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8])
def test_upsampling_is_exact_interpolation_between_cells(factor: int) -> None:
    scores = torch.randn(2, 3, 5, 4)
    size = [(n - 1) * factor + 1 for n in (5, 4)]
    expected = F.interpolate(scores, size=size, mode="bilinear", align_corners=True)
    assert torch.allclose(BilinearUpsampling(3, factor)(scores), expected, atol=1e-6)


def test_only_a_learned_filter_learns() -> None:
    assert not BilinearUpsampling(2, 2).weight.requires_grad
    assert BilinearUpsampling(2, 2, learned=True).weight.requires_grad


def test_factor_zero_is_rejected() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        BilinearUpsampling(2, 0)


def test_full_filters_begin_as_the_bilinear_ones_and_learn_to_mix_channels() -> None:
    scores = torch.rand(2, 3, 5, 4)
    full, own = BilinearUpsampling(3, 2, learned=True, mixing=True), BilinearUpsampling(3, 2)
    assert full.weight.shape == (3, 3, 3, 3)
    assert torch.allclose(full(scores), own(scores), atol=1e-6)
    full(scores)[:, 0].sum().backward()
    assert full.weight.grad is not None
    assert full.weight.grad[1, 0].abs().min() > 0, "channel 1 can learn to add to channel 0"
    assert not full.weight.grad[:, 1].any()
