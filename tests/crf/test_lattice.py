"""The compiled filter against brute force, and against itself on other instruction sets and threads."""

import numpy as np
import numpy.typing as npt
import pytest
from instruction_sets import skip_unless_run

from pixelwise import _core
from pixelwise.crf import Features, Gaussian, exact
from pixelwise.crf.potentials import Features32, Normalization

Floats = npt.NDArray[np.float32]
NORMALIZATIONS: list[Normalization] = ["none", "before", "after", "symmetric"]


def apply_filter(
    features: Features32,
    values: Floats,
    normalization: Normalization = "none",
    threads: int = 1,
    instructions: str | None = None,
) -> Floats:
    """K values, for (d, N) features and (C, N) values."""
    classes, pixels = values.shape
    terms = [(features, NORMALIZATIONS.index(normalization), 1.0, None)]
    field = _core.MeanField((1, 1, pixels), classes, terms, threads, instructions)
    out = np.empty((classes, 1, 1, pixels), np.float32)
    field.message(0, values.reshape(out.shape), out)
    return out.reshape(values.shape)


def cloud(dimensions: int, pixels: int, spread: float, seed: int = 0) -> tuple[Features32, Floats]:
    generator = np.random.default_rng(seed)
    features = generator.normal(0, spread, (dimensions, pixels)).astype(np.float32)
    return features, generator.random((3, pixels)).astype(np.float32)


@pytest.mark.parametrize(("dimensions", "bound"), [(1, 0.005), (2, 0.01), (3, 0.02), (5, 0.15)])
def test_normalised_filter_is_near_brute_force(dimensions: int, bound: float) -> None:
    # The lattice is coarse, and in many dimensions sparse: 1500 points are few in five.
    features, values = cloud(dimensions, 1500, spread=1.5)
    for normalization in NORMALIZATIONS[1:]:
        expected = values @ exact.likeness(features, normalization).T
        error = np.abs(apply_filter(features, values, normalization) - expected) / expected.mean()
        assert error.mean() < bound


@pytest.mark.parametrize("dimensions", [1, 2, 3, 5])
def test_filter_is_proportional_to_brute_force(dimensions: int) -> None:
    # The lattice's kernel peaks lower than the Gaussian; only normalisation takes that out.
    features, values = cloud(dimensions, 1500, spread=1.5)
    got, expected = apply_filter(features, values), values @ exact.likeness(features).T
    assert np.corrcoef(got.ravel(), expected.ravel())[0, 1] > 0.99


def test_filter_of_ones_normalised_after_is_one() -> None:
    features, _ = cloud(4, 500, spread=2)
    assert apply_filter(features, np.ones((2, 500), np.float32), "after") == pytest.approx(1, abs=1e-5)


def test_filter_without_or_with_symmetric_normalisation_is_symmetric() -> None:
    # <x, K y> = <K x, y> up to the order of the blur's directions, which symmetry in expectation survives.
    features, values = cloud(2, 400, spread=3)
    x, y = values[:1], values[1:2]
    for normalization in ("none", "symmetric"):
        forth = (x * apply_filter(features, y, normalization)).sum()
        back = (y * apply_filter(features, x, normalization)).sum()
        assert forth == pytest.approx(back, rel=2e-2)


def test_lonely_pixels_keep_their_values() -> None:
    # 100 deviations apart, each sees itself alone, and normalisation takes the filter's self-likeness out.
    features = np.array([[0, 100, 200, 300]], np.float32)
    values = np.array([[1, 2, 3, 4]], np.float32)
    assert apply_filter(features, values, "after") == pytest.approx(values, rel=1e-6)


@pytest.mark.parametrize("instructions", ["avx2", "avx512"])
@pytest.mark.parametrize("classes", [1, 3, 8, 13, 21, 40, 70])
def test_instruction_sets_agree(instructions: str, classes: int) -> None:
    features, _ = cloud(5, 3000, spread=1)
    values = np.random.default_rng(1).random((classes, 3000)).astype(np.float32)
    skip_unless_run(instructions)
    baseline, result = (
        apply_filter(features, values, "symmetric", 1, name) for name in ("baseline", instructions)
    )
    assert np.allclose(result, baseline, rtol=2e-5, atol=1e-6)


def test_sixteen_dimensions_of_wide_range_need_no_narrow_keys() -> None:
    features, values = cloud(16, 300, spread=2000)
    assert np.allclose(apply_filter(features, values, "after"), values, rtol=1e-4)


def test_keys_of_one_two_and_eight_words_build_the_same_lattice() -> None:
    # A far away pixel widens the range of the keys, and changes nothing for the others.
    features, values = cloud(8, 600, spread=1)
    plain = apply_filter(features, values, "none")
    for far in (3e2, 3e4):
        outlier = np.full((8, 1), far, np.float32)
        result = apply_filter(np.hstack([features, outlier]), np.hstack([values, values[:, :1]]), "none")
        assert np.array_equal(result[:, :-1], plain)


def test_threads_give_the_serial_result() -> None:
    features, values = cloud(5, 40_000, spread=1)
    serial = apply_filter(features, values, "symmetric", threads=1)
    for threads in (2, 3, 8):
        assert np.allclose(apply_filter(features, values, "symmetric", threads), serial, rtol=1e-5, atol=1e-6)


def test_same_threads_give_the_same_bits() -> None:
    features, values = cloud(3, 40_000, spread=2)
    first = apply_filter(features, values, "symmetric", threads=4)
    for _ in range(3):
        assert np.array_equal(apply_filter(features, values, "symmetric", threads=4), first)


def test_gaussian_of_an_image_spreads_a_point_like_brute_force() -> None:
    shape = (21, 23)
    features = Gaussian(theta_gamma=(2, 3)).features(shape)
    values = np.zeros((1, 21 * 23), np.float32)
    values[0, 10 * 23 + 11] = 1
    expected = exact.likeness(features, "symmetric")[10 * 23 + 11].reshape(shape)
    got = apply_filter(features, values, "symmetric").reshape(shape)
    assert np.abs(got - expected).sum() < 0.25 * expected.sum()
    assert got.argmax() == expected.argmax()


def test_transform_full_and_diagonal_scale_features() -> None:
    array = np.random.default_rng(0).normal(size=(2, 4, 5)).astype(np.float32)
    diagonal = Features(array, transform=[2, 3]).features((4, 5))
    full = Features(array, transform=np.diag([2, 3])).features((4, 5))
    assert diagonal == pytest.approx(full)
    assert diagonal == pytest.approx(array.reshape(2, -1) * [[2], [3]])
