import numpy as np
import pytest
from crf_cases import small_case

from pixelwise.crf import Features, Gaussian, exact


def test_likeness_of_two_points_one_deviation_apart() -> None:
    k = exact.likeness(np.array([[0.0, 1.0]], np.float32))
    assert k == pytest.approx(np.array([[1, np.exp(-0.5)], [np.exp(-0.5), 1]]))


def test_normalised_likeness_has_sums_of_one_where_it_should() -> None:
    features = np.random.default_rng(0).normal(size=(2, 7)).astype(np.float32)
    assert exact.likeness(features, "before").sum(axis=0) == pytest.approx(np.ones(7))
    assert exact.likeness(features, "after").sum(axis=1) == pytest.approx(np.ones(7))
    symmetric = exact.likeness(features, "symmetric")
    assert symmetric == pytest.approx(symmetric.T)


def test_one_iteration_by_hand() -> None:
    # Two pixels, two classes, one kernel of weight 2 without normalisation: l gains 2 (q_l + q'_l exp(-1/2)).
    unary = np.array([[[0.0, 1.0]], [[1.0, 0.0]]])
    q = 1 / (1 + np.exp(-1))
    gain = 2 * (q + (1 - q) * np.exp(-0.5)), 2 * ((1 - q) + q * np.exp(-0.5))
    expected = 1 / (1 + np.exp(-(1 + gain[0] - gain[1])))
    kernel = Features(np.array([[[0.0, 1.0]]]), weight=2, normalization="none")
    assert exact.mean_field(unary, [kernel], iterations=1)[0, 0, 0] == pytest.approx(expected)


def test_potts_as_matrix_and_as_vector_of_ones_is_the_default() -> None:
    unary, _ = small_case()
    default = exact.mean_field(unary, [Gaussian()], iterations=3)
    for compatibility in (np.ones(3), 1 - np.eye(3)):
        assert exact.mean_field(
            unary, [Gaussian()], iterations=3, compatibility=compatibility
        ) == pytest.approx(default)
