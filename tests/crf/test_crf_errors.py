"""What does not fit is refused by name."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from crf_cases import small_case

from pixelwise.crf import (
    Bilateral,
    DenseCRF,
    Features,
    Gaussian,
    Preset,
    mean_field,
    refine,
    unary_from_labels,
    unary_from_probabilities,
)
from pixelwise.crf.potentials import Kernel, Normalization

UNARY, IMAGE = small_case()
SURE = np.exp(-UNARY) / np.exp(-UNARY).sum(0)
NAN = np.where(np.arange(12) == 7, np.nan, UNARY)
MASK = np.arange(12) < np.full((10, 1), 6)
INFINITE_IMAGE = np.where(np.arange(12)[:, None] == 7, np.inf, IMAGE)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_field(NAN, []), r"finite, but that of class 0 at \(0, 7\) is nan"),
        (lambda: mean_field(np.full((2, 3, 4), -np.inf), []), "finite.*-inf"),
        (lambda: mean_field(np.full((2, 3, 4), 1e300), []), "finite.*inf"),
        (lambda: mean_field(np.zeros((2, 0, 4)), []), "no pixels"),
        (lambda: mean_field(np.zeros((0, 3, 4)), []), "no classes"),
        (lambda: mean_field(np.zeros(4), []), r"\(classes, height, width\)"),
        (lambda: mean_field(np.zeros((2, 2, 2, 2, 2)), []), "5 dimensions"),
        (lambda: mean_field(np.zeros((2, 3, 4), complex), []), "real numbers"),
        (lambda: mean_field(np.full((2, 3, 4), "x"), []), "real numbers"),
        (lambda: mean_field(np.zeros((70000, 1, 1)), []), "65536 classes"),
        (lambda: mean_field(UNARY, [Gaussian()], iterations=-1), r"iterations.*got -1"),
        (lambda: mean_field(UNARY, [Gaussian()], iterations=1.5), r"iterations.*got 1\.5"),  # type: ignore[arg-type]
        (lambda: mean_field(UNARY, [], threads=0), "threads.*0"),
        (lambda: mean_field(UNARY, [], threads=10**6), "threads.*1024"),
        (lambda: mean_field(UNARY, [3.0]), "kernel 0 must be"),  # type: ignore[list-item]
        (lambda: mean_field(UNARY, [Gaussian()], compatibility=np.ones(4)), r"compatibility.*\(3,\).*\(4,\)"),
        (lambda: mean_field(UNARY, [Gaussian()], compatibility=np.full(3, np.nan)), "compatibility.*NaN"),
        (lambda: Gaussian(0), "theta_gamma must be positive.*0"),
        (lambda: Gaussian(-1), "theta_gamma must be positive.*-1"),
        (lambda: Gaussian(float("nan")), "theta_gamma.*nan"),
        (lambda: Gaussian((3, 0)), "theta_gamma"),
        (lambda: Gaussian(3, float("inf")), "weight.*inf"),
        (lambda: Gaussian(3, 1e39), "weight"),
        (lambda: Gaussian(3, -1e30), r"weight must be a number from -1e\+20 to 1e\+20"),
        (
            lambda: mean_field(UNARY, [Gaussian(3, 1e15)], compatibility=np.full((3, 3), 1e15)),
            r"may reach 1e\+20, got 1e\+30",
        ),
        (lambda: unary_from_labels(MASK.astype(int), 10**9), "at most 65536, got 1000000000"),
        (lambda: unary_from_labels(MASK.astype(int), 3, "x"), "confidence.*x"),  # type: ignore[arg-type]
        (lambda: refine(IMAGE, np.where(MASK, 60_000, 0)), "60001 classes; if labels number objects"),
        (lambda: Gaussian(3, 3, "both"), "normalization.*symmetric.*'both'"),  # type: ignore[arg-type]
        (lambda: mean_field(UNARY, [Gaussian((1, 2, 3))]), "theta_gamma.*2, one for each of the axes"),
        (lambda: mean_field(UNARY, [Gaussian(1e-12)]), r"theta\).*raise them"),
        (lambda: mean_field(UNARY, [Gaussian(1e-44)]), "theta"),
        (lambda: mean_field(UNARY, [Bilateral(IMAGE, 80, 1e-6)]), r"theta\).*raise them"),
        (lambda: Bilateral(IMAGE, 80, 0), "theta_beta"),
        (lambda: mean_field(UNARY, [Bilateral(IMAGE, 80, (1, 2))]), "theta_beta.*3"),
        (
            lambda: mean_field(UNARY, [Bilateral(IMAGE.transpose(1, 0, 2))]),
            "10 x 12.*12 x 10 x 3.*transposed",
        ),
        (lambda: mean_field(UNARY, [Bilateral(IMAGE[:5])]), "10 x 12.*5 x 12 x 3"),
        (
            lambda: mean_field(UNARY.reshape(3, -1), [Bilateral(IMAGE)]),
            r"120 like.*reshape the unary to \(classes, 10, 12\)",
        ),
        (lambda: mean_field(UNARY.reshape(3, -1), [Bilateral(IMAGE[..., :0])]), "120 like.*10 x 12 x 0"),
        (lambda: mean_field(UNARY, [Bilateral(INFINITE_IMAGE)]), "image holds NaN, infinite"),
        (
            lambda: mean_field(UNARY.transpose(1, 2, 0), [Bilateral(IMAGE)]),
            r"12 x 3 like the unary.*got 10 x 12 x 3.*classes last.*transpose\(2, 0, 1\)",
        ),
        (lambda: refine(IMAGE.transpose(2, 0, 1), SURE), r"channels last, got \(3, 10, 12\)"),
        (lambda: refine(IMAGE.transpose(2, 0, 1), SURE.argmax(0)), r"image\.transpose\(1, 2, 0\)"),
        (lambda: refine(IMAGE[None], SURE[None]), "one picture.*refine_many"),
        (lambda: refine(IMAGE.transpose(2, 0, 1)[None], SURE[None]), "one picture.*refine_many"),
        (lambda: mean_field(UNARY, [Bilateral(np.zeros((10, 12, 15)))]), "14 channels.*15"),
        (lambda: mean_field(UNARY, [Features(np.zeros((17, 10, 12)))]), "16 features.*17"),
        (lambda: mean_field(UNARY, [Features(np.zeros((2, 12, 10)))]), r"features must be \(d, 10, 12\)"),
        (lambda: mean_field(UNARY, [Features(np.full((2, 120), np.nan))]), "features hold NaN"),
        (
            lambda: mean_field(UNARY, [Features(np.linspace(1e7, 1e7 + 64, 120).reshape(1, 120))]),
            r"reaches 1e\+07 standard.*within 64 of them: subtract their mean",
        ),
        (lambda: mean_field(UNARY, [Features(np.zeros((2, 120)), transform=np.eye(3))]), "transform"),
        (lambda: DenseCRF(UNARY, []).set_unary(UNARY[:2]), "as before.*make a new DenseCRF"),
        (lambda: unary_from_probabilities(UNARY), "softmax first"),
        (lambda: unary_from_probabilities(np.full((2, 5), 0.2)), "add up to 1.*of sigmoids, by their sum"),
        (lambda: unary_from_probabilities(np.full((1, 5), 0.2)), r"add the background.*\[1 - p, p\]"),
        (lambda: unary_from_probabilities(np.full((2, 5), np.nan)), "within.*reach from nan to nan"),
        (lambda: unary_from_probabilities(np.full((2, 5), 0.5), floor=0), "floor"),
        (
            lambda: unary_from_labels(np.array([3]), 3),
            r"label 3 is neither a class, from 0 to 2, nor void \(255\)",
        ),
        (lambda: unary_from_labels(np.array([-1]), 3), "label -1 is neither"),
        (lambda: unary_from_labels(np.array([0.5]), 3), "integers"),
        (lambda: refine(IMAGE, MASK.astype(int), void="255"), "void must be .* or None, got '255'"),  # type: ignore[arg-type]
        (lambda: mean_field(UNARY, [], tolerance="0.1"), "tolerance must be None or .*got '0.1'"),  # type: ignore[arg-type]
        (lambda: unary_from_labels(np.array([0]), 3, confidence=0.2), "confidence.*0.333"),
        (lambda: unary_from_labels(np.array([0]), 3, confidence=1), "confidence"),
        (lambda: unary_from_labels(np.array([0]), 0), "classes.*at least 1"),
        (lambda: refine(IMAGE, np.full((10, 12), 255, np.uint8)), "pass classes="),
        (lambda: refine(IMAGE, np.full((2, 10, 12), 0.5), classes=3), "2 classes along axis 0"),
        (lambda: refine(IMAGE, np.where(MASK, 255, 0)), "only label is 0.*make it 1, or else pass classes="),
        (
            lambda: refine(IMAGE / 255, MASK.astype(int)),
            r"reach from .* to 0\.9.*theta_beta of 13 sees no edges.* by 255",
        ),
        (
            lambda: refine(IMAGE, MASK.astype(float)),
            r"must be \(C, H, W\), got \(10, 12\).*np\.stack\(\[1 - p, p\]\)",
        ),
        (lambda: refine(IMAGE, MASK * 2.0), r"integers, labels\.astype\(int\), got an array of float64"),
        (lambda: refine(IMAGE, np.full((10, 12), -1)), "label -1 is neither"),
        (lambda: refine(IMAGE, np.stack([MASK] * 3, 2) * 1), r"labels must be \(10, 12\).*labels\[..., 0\]"),
        (lambda: refine(IMAGE, MASK[..., np.newaxis] * 1), r"labels must be \(10, 12\).*got \(10, 12, 1\)"),
        (lambda: refine(IMAGE, np.stack([MASK, ~MASK])), "one mask a class take argmax"),
        (lambda: mean_field(UNARY, Gaussian(3)), "kernels must be a list, got one kernel"),  # type: ignore[arg-type]
        (lambda: DenseCRF(UNARY, [Gaussian()] * 2).set_weights(3), r"expected 2 weights.*\[3\.0\]"),  # type: ignore[arg-type]
        (lambda: refine(MASK, MASK.astype(int)), "multiply an image of 0 to 1 by 255"),
    ],
)
def test_misuse_is_refused_with_the_reason(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("weight", [1e20, -1e20, 1e-45, 0])
@pytest.mark.parametrize("normalization", ["symmetric", "none"])
def test_beliefs_add_up_to_one_with_the_largest_weights(weight: float, normalization: Normalization) -> None:
    kernels: list[Kernel] = [Gaussian(3, weight, normalization), Bilateral(IMAGE, 80, 13, 10)]
    q = mean_field(UNARY, kernels, iterations=4)
    assert np.abs(q.sum(0) - 1).max() < 1e-5
    costs = np.full((3, 3), 1e10) * (1 - np.eye(3))
    q = mean_field(UNARY, [Gaussian(3, 1e10)], compatibility=costs, iterations=4)
    assert np.abs(q.sum(0) - 1).max() < 1e-5


def test_a_width_may_be_an_array_of_no_axes() -> None:
    number: Any = np.array(3.0)
    kernels: list[Kernel] = [Gaussian(number), Bilateral(IMAGE, number, number)]
    plain: list[Kernel] = [Gaussian(3.0), Bilateral(IMAGE, 3.0, 3.0)]
    assert np.array_equal(mean_field(UNARY, kernels), mean_field(UNARY, plain))


def test_a_mask_of_truth_values_is_a_map_of_the_labels_0_and_1() -> None:
    image = np.asarray(IMAGE, np.uint8)
    np.testing.assert_array_equal(refine(image, MASK), refine(image, MASK.astype(np.uint8)))
    assert refine(image, np.zeros_like(MASK)).shape == refine(image, MASK).shape
    np.testing.assert_array_equal(unary_from_labels(MASK, 2), unary_from_labels(MASK.astype(int), 2))


def test_presets_take_numbers_of_numpy_and_stay_json() -> None:
    given = Preset("a", "b", np.float32(3), np.int64(50), np.float64(7), iterations=np.uint8(5))  # type: ignore[arg-type]
    assert given == Preset("a", "b", 3.0, 50, 7.0, iterations=5)
    assert Preset.from_json(given.to_json()) == given
