"""The lattice in torch: that of the compiled core, and its transpose."""

import numpy as np
import pytest
import torch
from crf_cases import small_case

from pixelwise import _core
from pixelwise.crf import Bilateral, Gaussian
from pixelwise.crf.potentials import Features32, Normalization
from pixelwise.crf.torch_lattice import Keys, Lattice

NORMALIZATIONS: list[Normalization] = ["none", "before", "after", "symmetric"]


def assert_like_core(features: Features32, normalization: Normalization, pixels: int) -> None:
    """Same vertices, same filter."""
    values = np.random.default_rng(9).random((3, pixels)).astype(np.float32)
    terms = [(features, NORMALIZATIONS.index(normalization), 1.0, None)]
    field = _core.MeanField((1, 1, pixels), 3, terms, 1)
    expected = np.empty((3, 1, 1, pixels), np.float32)
    field.message(0, values.reshape(expected.shape), expected)
    lattice = Lattice(torch.from_numpy(features), normalization, torch.float32)
    assert [lattice.vertices] == field.vertices
    got = lattice.slice(lattice.blur(lattice.splat(torch.from_numpy(values.T))))
    assert np.allclose(got.T, expected.reshape(3, pixels), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("dimensions", [1, 2, 3, 5, 8, 16])
def test_lattice_is_that_of_the_core(dimensions: int, normalization: Normalization) -> None:
    features = np.random.default_rng(0).normal(0, 1.5, (dimensions, 700)).astype(np.float32)
    assert_like_core(features, normalization, 700)


@pytest.mark.slow
@pytest.mark.parametrize("theta", [0.5, 1, 2, 3, 4, 13])
def test_lattice_is_that_of_the_core_where_coordinates_tie(theta: float) -> None:
    # Whole pixels and grey levels over a simple width lie on the borders of simplices again and again.
    _, image = small_case(height=40, width=50)
    assert_like_core(Gaussian(theta).features((40, 50)), "symmetric", 2000)
    assert_like_core(Bilateral(image // 16, theta, theta).features((40, 50)), "symmetric", 2000)


@pytest.mark.slow
@pytest.mark.parametrize("far", [3e2, 1e4])
def test_keys_of_any_width_build_the_same_lattice(far: float) -> None:
    features = np.random.default_rng(0).normal(0, 1, (16, 300)).astype(np.float32)
    features[:, -1] = far * (-1) ** np.arange(16)
    features[:, -2] = -features[:, -1]
    assert_like_core(features, "none", 300)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_transposed_filter_is_the_transpose(normalization: Normalization) -> None:
    features = torch.from_numpy(np.random.default_rng(0).normal(0, 1, (3, 60)).astype(np.float32))
    lattice = Lattice(features, normalization, torch.float64)
    ones = torch.eye(60, dtype=torch.float64)
    k = lattice.slice(lattice.blur(lattice.splat(ones)))
    transposed = lattice.splat_transposed(lattice.blur_transposed(lattice.slice_transposed(ones)))
    assert torch.allclose(transposed, k.T, rtol=1e-12, atol=1e-14)
    assert not torch.allclose(k, k.T, rtol=1e-3, atol=1e-3)  # or nothing would have been shown


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e9])
def test_features_beyond_floats_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"theta.*raise them"):
        Lattice(torch.tensor([[0.0, value]]), "none", torch.float32)


def test_features_far_from_0_but_near_each_other_need_no_larger_widths() -> None:
    with pytest.raises(ValueError, match="near each other: subtract their mean"):
        Lattice(torch.tensor([[0.0, 1.0], [1e9, 1e9 + 64]]), "none", torch.float32)


@pytest.mark.parametrize(("reach", "codes"), [(50, 1), (2**20, 2), (2**30, 3)])
def test_keys_number_distinct_rows_and_find_them(reach: int, codes: int) -> None:
    generator = np.random.default_rng(0)
    choice = generator.integers(-reach, reach + 1, (40, 4))
    rows = choice[generator.integers(0, 40, 200)]
    keys = Keys(torch.from_numpy(rows), margin=2)
    assert len(keys._parts) == codes
    known = {tuple(row): number for number, row in enumerate(keys.rows.tolist())}
    assert len(known) == len(keys.rows) == len({tuple(row) for row in rows.tolist()})
    assert keys.numbers.tolist() == [known[tuple(row)] for row in rows.tolist()]
    sought = np.concatenate([rows, rows + np.eye(4, dtype=int)[3], rows - 2])
    assert keys.find(torch.from_numpy(sought)).tolist() == [
        known.get(tuple(row), -1) for row in sought.tolist()
    ]
