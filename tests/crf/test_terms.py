"""Lattices of positions, which pictures of one size share."""

import numpy as np
import pytest
from crf_cases import blurred_unary, small_case, two_kernels

from pixelwise import _core
from pixelwise.crf import DenseCRF, Features, Gaussian, mean_field, terms
from pixelwise.crf.potentials import Kernel
from pixelwise.crf.pydensecrf.densecrf import DenseCRF2D


@pytest.mark.parametrize("shape", [(30, 40), (4, 20, 25), (900,)])
@pytest.mark.parametrize("threads", [1, 2])
def test_shared_lattices_give_the_beliefs_of_new_ones(shape: tuple[int, ...], threads: int) -> None:
    unary = np.random.default_rng(0).normal(0, 2, (3, *shape)).astype(np.float32)
    widths = tuple(range(2, 2 + len(shape)))
    kernel = Gaussian(widths, 4.0)
    own: list[Kernel] = [Features(kernel.features(shape), 4.0)]
    expected = mean_field(unary, own, threads=threads)
    for _ in range(2):
        np.testing.assert_array_equal(mean_field(unary, [kernel], threads=threads), expected)


def test_pictures_of_one_size_share_the_lattice_of_positions() -> None:
    terms._lattice_of_positions.cache_clear()
    for seed in range(3):
        image = small_case(3, 31, 41, seed)[1]
        mean_field(blurred_unary(3, 31, 41, seed), two_kernels(image), iterations=1, threads=1)
    assert terms._lattice_of_positions.cache_info()[:2] == (2, 1)  # hits, misses
    mean_field(blurred_unary(3, 31, 40), [Gaussian(3)], threads=1)
    mean_field(blurred_unary(3, 31, 40), [Gaussian(4)], threads=1)
    assert terms._lattice_of_positions.cache_info()[:2] == (2, 3)


def test_lattices_of_large_pictures_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "_MOST_PIXELS_KEPT", 99)
    terms._lattice_of_positions.cache_clear()
    mean_field(np.zeros((2, 10, 10), np.float32), [Gaussian(3)])
    assert terms._lattice_of_positions.cache_info()[:2] == (0, 0)


def test_a_lattice_of_another_shape_is_refused() -> None:
    features = np.random.default_rng(0).normal(0, 3, (2, 600)).astype(np.float32)
    lattice = _core.Lattice((1, 20, 30), features, 1)
    assert _core.MeanField((1, 20, 30), 2, [(lattice, 0, 1.0, None)], 1).vertices == [lattice.vertices]
    with pytest.raises(ValueError, match="kernel 0: the lattice was built for another shape"):
        _core.MeanField((1, 30, 20), 2, [(lattice, 0, 1.0, None)], 1)


def test_widths_that_floats_cannot_resolve_name_the_kernel() -> None:
    with pytest.raises(ValueError, match=r"kernel 1: .*raise them"):
        DenseCRF(np.zeros((2, 20, 30), np.float32), [Gaussian(3), Gaussian(1e-12)])


@pytest.mark.parametrize("kind", ["uint8", "uint16", "int8", "int64", "float16", "float64"])
def test_costs_of_any_type_of_number_count_the_same(kind: str) -> None:
    """Negating or adding them in their own type would wrap."""
    unary, kernels = blurred_unary(3, 20, 30), two_kernels(small_case(3, 20, 30, 0)[1])
    for costs in (100 * (1 - np.eye(3)), np.array([100.0, 0, 100])):
        expected = mean_field(unary, kernels, compatibility=costs, iterations=2)
        given = mean_field(unary, kernels, compatibility=costs.astype(kind), iterations=2)
        np.testing.assert_array_equal(given, expected)

        beliefs = []
        for compat in (costs, costs.astype(kind)):
            crf = DenseCRF2D(30, 20, 3)
            crf.setUnaryEnergy(unary.reshape(3, -1))
            crf.addPairwiseGaussian(sxy=3, compat=compat)
            beliefs.append(np.array(crf.inference(2)))
        np.testing.assert_array_equal(beliefs[0], beliefs[1])
