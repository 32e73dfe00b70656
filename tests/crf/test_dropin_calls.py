"""The calls of docs/crf.md's table, one by one: equal to pydensecrf2's result, or refused with the reason."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import pixelwise.crf.pydensecrf.densecrf as our_classes
import pixelwise.crf.pydensecrf.utils as our_functions
from pixelwise.crf import Gaussian, mean_field, unary_from_labels

W, H, C = 9, 8, 2
generator = np.random.default_rng(0)
IMAGE = generator.integers(0, 256, (H, W, 3)).astype(np.uint8)
P = np.ascontiguousarray(generator.dirichlet(np.ones(C), (H, W)).transpose(2, 0, 1), np.float32)
U = np.ascontiguousarray(-np.log(P).reshape(C, -1))
SOME_INFINITE = U.copy()
SOME_INFINITE[1, ::3] = np.inf  # -log 0
LABELS = generator.integers(0, 3, (H, W))
FEATURES = generator.normal(0, 1, (4, H * W)).astype(np.float32)
MASKS = np.stack([LABELS == 0, LABELS != 0])
CAMS = generator.uniform(0, 1, (3, H, W)) - 1e-5
CAMS[:, 0, 0] = -0.2  # normalised maps reach below 0 where they were cut off
ACTIVATIONS = np.concatenate([(1 - CAMS.max(0, keepdims=True)) ** 4, CAMS])  # the background comes first
MATRIX = np.array([[-1, 2], [0.5, -2]], np.float32)

Call = Callable[[Any, Any], Any]


def result(d: Any, add: Callable[[Any], object], make: Callable[[Any], Any] | None = None) -> Any:
    crf = d.DenseCRF2D(W, H, C) if make is None else make(d)
    crf.setUnaryEnergy(U)
    add(crf)
    return np.array(crf.inference(2))


def run(d: Any, u: Any, name: str, *arguments: Any, **named: Any) -> Any:
    return result(d, lambda crf: getattr(crf, name)(*arguments, **named))


def without_clip(d: Any, u: Any) -> Any:
    with np.errstate(divide="ignore"):
        energies = u.unary_from_softmax(MASKS, clip=None)
    return result(d, lambda crf: crf.setUnaryEnergy(energies))


EQUAL: dict[str, Call] = {
    "sizes as whole floats": lambda d, u: result(d, lambda crf: None, lambda d: d.DenseCRF2D(9.0, 8.0, 2.0)),
    "sizes as arrays": lambda d, u: result(d, lambda crf: None, lambda d: d.DenseCRF(np.array(72), 2)),
    "pixels as a whole float": lambda d, u: result(d, lambda crf: None, lambda d: d.DenseCRF(72.0, 2)),
    "further arguments": lambda d, u: result(d, lambda crf: None, lambda d: d.DenseCRF2D(9, 8, 2, 7, x=3)),
    "DenseCRF by keyword": lambda d, u: result(d, lambda crf: None, lambda d: d.DenseCRF(nvar=72, nlabels=2)),
    "no unary": lambda d, u: np.array(d.DenseCRF2D(W, H, C).inference(1)),
    "ConstUnary": lambda d, u: result(d, lambda crf: crf.setUnary(d.ConstUnary(U))),
    "impossible labels": lambda d, u: result(d, lambda crf: crf.setUnaryEnergy(SOME_INFINITE)),
    "unary twice": lambda d, u: result(d, lambda crf: crf.setUnaryEnergy(U * 2)),
    "one label": lambda d, u: np.array(d.DenseCRF2D(W, H, 1).inference(1)),
    "one width": lambda d, u: run(d, u, "addPairwiseGaussian", 3, 3),
    "widths in a tuple": lambda d, u: run(d, u, "addPairwiseGaussian", (3, 2), 3.0),
    "widths in a list": lambda d, u: run(d, u, "addPairwiseGaussian", [3, 2], 3),
    "widths in an array": lambda d, u: run(d, u, "addPairwiseGaussian", np.array([3, 2]), 3),
    "numpy numbers": lambda d, u: run(d, u, "addPairwiseGaussian", np.float32(3), np.float32(3)),
    "compat below 0": lambda d, u: run(d, u, "addPairwiseGaussian", 3, -1),
    "compat 0": lambda d, u: run(d, u, "addPairwiseGaussian", 3, 0),
    "compat True": lambda d, u: run(d, u, "addPairwiseGaussian", 3, True),
    "compat of labels": lambda d, u: run(d, u, "addPairwiseGaussian", 3, np.array([1, 2], np.float32)),
    "compat of pairs": lambda d, u: run(d, u, "addPairwiseGaussian", 3, MATRIX),
    "kernel as a number": lambda d, u: run(d, u, "addPairwiseGaussian", 3, 3, 1, 3),
    "CONST_KERNEL": lambda d, u: run(d, u, "addPairwiseGaussian", 3, 3, d.CONST_KERNEL),
    "FULL_KERNEL": lambda d, u: run(d, u, "addPairwiseGaussian", 3, 3, d.FULL_KERNEL),
    "not normalised": lambda d, u: run(d, u, "addPairwiseGaussian", 3, 0.1, normalization=d.NO_NORMALIZATION),
    "before": lambda d, u: run(d, u, "addPairwiseGaussian", 3, 3, normalization=d.NORMALIZE_BEFORE),
    "after": lambda d, u: run(d, u, "addPairwiseGaussian", 3, 3, normalization=d.NORMALIZE_AFTER),
    "bilateral": lambda d, u: run(d, u, "addPairwiseBilateral", 80, 13, IMAGE, 10),
    "bilateral by keyword": lambda d, u: run(
        d, u, "addPairwiseBilateral", sxy=(80, 70), srgb=(13, 12, 11), rgbim=IMAGE, compat=10
    ),
    "energy": lambda d, u: run(d, u, "addPairwiseEnergy", FEATURES, compat=3),
    "inference(5.0)": lambda d, u: np.array(filled(d).inference(5.0)),
    "inference(int64)": lambda d, u: np.array(filled(d).inference(np.int64(5))),
    "inference(0)": lambda d, u: np.array(filled(d).inference(0)),
    "argmax of Q": lambda d, u: np.argmax(filled(d).inference(2), axis=0),
    "Q as an array": lambda d, u: np.asarray(filled(d).inference(2)),
    "startInference": lambda d, u: np.array(filled(d).startInference()[0]),
    "klDivergence": lambda d, u: np.array(divergence(filled(d))),
    "softmax": lambda d, u: u.unary_from_softmax(P),
    "softmax float64": lambda d, u: u.unary_from_softmax(P.astype(float)),
    "softmax float16": lambda d, u: u.unary_from_softmax(P.astype(np.float16)),
    "softmax of truth values": lambda d, u: u.unary_from_softmax(MASKS),
    "softmax of uint8": lambda d, u: u.unary_from_softmax(MASKS.astype(np.uint8)),
    "softmax of int64": lambda d, u: u.unary_from_softmax(MASKS.astype(np.int64)),
    "softmax of masks and scale": lambda d, u: u.unary_from_softmax(MASKS, scale=0.7, clip=None),
    "softmax scale": lambda d, u: u.unary_from_softmax(P, 0.5, None),
    "softmax scale 1": lambda d, u: u.unary_from_softmax(P, 1),
    "softmax clip": lambda d, u: u.unary_from_softmax(P, clip=0.1),
    "softmax of a pixel": lambda d, u: u.unary_from_softmax(P[:, 0, 0]),
    "softmax of a volume": lambda d, u: u.unary_from_softmax(P.reshape(2, 2, 4, 9)),
    "softmax of one label": lambda d, u: u.unary_from_softmax(np.ones((1, 3))),
    "masks without clip": lambda d, u: without_clip(d, u),
    "activation maps": lambda d, u: u.unary_from_softmax(ACTIVATIONS),
    "sums of 2": lambda d, u: u.unary_from_softmax(np.ones((2, 1, 1))),
    "softmax_to_unary": lambda d, u: u.softmax_to_unary(P, 0.7),
    "compute_unary": lambda d, u: u.compute_unary(LABELS, 2),
    "labels": lambda d, u: u.unary_from_labels(LABELS, 2, 0.7),
    "labels without unsure": lambda d, u: u.unary_from_labels(LABELS, 3, 0.7, zero_unsure=False),
    "labels of truth values": lambda d, u: u.unary_from_labels(LABELS > 0, 2, 0.7),
    "labels mostly wrong": lambda d, u: u.unary_from_labels(LABELS, 2, 0.2),
    "gaussian features": lambda d, u: u.create_pairwise_gaussian((3, 2), (H, W)),
    "gaussian features of a volume": lambda d, u: u.create_pairwise_gaussian([3, 2, 1], [4, 5, 6]),
    "bilateral features": lambda d, u: u.create_pairwise_bilateral((80, 80), (13, 12, 11), IMAGE, 2),
    "one width of channels": lambda d, u: u.create_pairwise_bilateral((80, 80), 13, IMAGE, 2),
    "grey features": lambda d, u: u.create_pairwise_bilateral((80, 80), (13,), IMAGE[..., 0]),
    "channels first": lambda d, u: u.create_pairwise_bilateral((80, 80), 13, IMAGE.transpose(2, 0, 1), 0),
    "channels of 0 to 1": lambda d, u: u.create_pairwise_bilateral(
        (10, 10), (0.01,), IMAGE[..., :1] / 255, 2
    ),
}


def filled(d: Any) -> Any:
    crf = d.DenseCRF2D(W, H, C)
    crf.setUnaryEnergy(U)
    return crf


def divergence(crf: Any) -> float:
    q, *_ = crf.startInference()
    return float(crf.klDivergence(q))


REFUSED: dict[str, tuple[Call, str]] = {
    "9.5 columns": (lambda d, u: d.DenseCRF2D(9.5, 8, 2), "whole and positive"),
    "one label that differs": (
        lambda d, u: d.DenseCRF2D(W, H, 1).setUnaryEnergy(U[:1].copy()),
        "background as a second label",
    ),
    "no label possible": (
        lambda d, u: filled(d).setUnaryEnergy(np.full_like(U, np.inf)),
        "needs a finite one",
    ),
    "a label beyond doubt": (lambda d, u: filled(d).setUnaryEnergy(np.full_like(U, -np.inf)), "-infinity"),
    "negative width": (lambda d, u: run(d, u, "addPairwiseGaussian", -3, 3), "positive"),
    "three widths": (lambda d, u: run(d, u, "addPairwiseGaussian", (3, 3, 3), 3), "one number or two"),
    "infinite compat": (lambda d, u: run(d, u, "addPairwiseGaussian", 3, np.inf), "finite"),
    "compat beyond floats": (lambda d, u: run(d, u, "addPairwiseGaussian", 3, 1e300), r"to 1e\+20"),
    "image of NaN": (lambda d, u: u.create_pairwise_bilateral((9, 9), 9, IMAGE * np.nan, 2), "NaN"),
    "infinite image": (
        lambda d, u: u.create_pairwise_bilateral((9, 9), 9, np.full((H, W, 3), np.inf), 2),
        "infinite",
    ),
    "complex image": (lambda d, u: u.create_pairwise_bilateral((9, 9), 9, IMAGE * 1j, 2), "real numbers"),
    "image of objects": (
        lambda d, u: u.create_pairwise_bilateral((9, 9), 9, IMAGE.astype(object), 2),
        "real numbers",
    ),
    "2.5 labels": (lambda d, u: u.unary_from_labels(LABELS, 2.5, 0.7), "integers of 2 or more"),
    "a billion labels": (lambda d, u: u.unary_from_labels(LABELS, 10**9, 0.7), "up to 65536"),
    "confidence as a text": (lambda d, u: u.unary_from_labels(LABELS, 2, "0.7"), "between 0 and 1"),
    "image of 0 to 1": (
        lambda d, u: run(d, u, "addPairwiseBilateral", 80, 13, IMAGE / 255, 10),
        "a srgb of 13 sees no edges.*or give srgb",
    ),
    "no width": (lambda d, u: run(d, u, "addPairwiseGaussian", 0, 3), "sxy must be positive.*0"),
    "a width of x alone": (
        lambda d, u: run(d, u, "addPairwiseBilateral", (80, 0), 13, IMAGE, 10),
        r"sxy must be positive.*\(80, 0\)",
    ),
    "no width of colours": (
        lambda d, u: run(d, u, "addPairwiseBilateral", 80, -1, IMAGE, 10),
        "srgb must be positive.*-1",
    ),
    "image of 16 bits": (
        lambda d, u: run(d, u, "addPairwiseBilateral", 80, 13, IMAGE.astype(np.uint16) * 257, 10),
        "nothing but edges",
    ),
    "swapped sides": (
        lambda d, u: run(d, u, "addPairwiseBilateral", 80, 13, IMAGE.transpose(1, 0, 2).copy(), 10),
        "transposed",
    ),
    "inference(5.7)": (lambda d, u: filled(d).inference(5.7), "whole"),
    "inference(-1)": (lambda d, u: filled(d).inference(-1), "from 0 to 1,000,000"),
    "inference(True)": (lambda d, u: filled(d).inference(True), "whole"),
    "inference(nan)": (lambda d, u: filled(d).inference(float("nan")), "whole"),
    "Q of NaN": (lambda d, u: filled(d).klDivergence(np.full((C, H * W), np.nan)), "Q must be finite"),
    "scores": (lambda d, u: u.unary_from_softmax(np.array([[5.0, -3], [2, 8]])), "scores need a softmax"),
    "0 to 255": (lambda d, u: u.unary_from_softmax(P * 255), "division by 255"),
    "masks of 255": (lambda d, u: u.unary_from_softmax(MASKS * np.uint8(255)), "division by 255"),
    "foreground alone": (lambda d, u: u.unary_from_softmax(P[:1]), r"np.stack\(\[1 - p, p\]\)"),
    "foreground mask alone": (lambda d, u: u.unary_from_softmax(MASKS[:1]), "needs the background"),
    "channels last": (lambda d, u: u.unary_from_softmax(P.transpose(1, 2, 0)), r"moveaxis\(p, 2, 0\)"),
    "NaN": (lambda d, u: u.unary_from_softmax(np.full((2, 3), np.nan)), "within"),
    "below 0 without clip": (lambda d, u: u.unary_from_softmax(ACTIVATIONS, clip=None), "below 0.*clip"),
    "clip above 1": (lambda d, u: u.unary_from_softmax(P, clip=1e300), "clip must be a probability"),
    "255 for void": (lambda d, u: u.unary_from_labels(np.array([0, 1, 255]), 2, 0.7), "255 is not among"),
    "labels of one class": (lambda d, u: u.unary_from_labels(LABELS > 0, 1, 0.7), "2 or more"),
    "a width missing": (lambda d, u: u.create_pairwise_gaussian((3,), (H, W)), "each of 2 axes"),
    "a channel's width missing": (
        lambda d, u: u.create_pairwise_bilateral((9, 9), (13,), IMAGE, 2),
        "one for each of 3 channels",
    ),
    "0 to 1 by 13": (
        lambda d, u: u.create_pairwise_bilateral((9, 9), 13, IMAGE / 255, 2),
        "a schan of 13 sees no edges",
    ),
}


@pytest.mark.parametrize("name", EQUAL)
def test_what_the_peer_runs_gives_its_numbers(name: str) -> None:
    their_classes = pytest.importorskip("pydensecrf.densecrf")
    their_functions = pytest.importorskip("pydensecrf.utils")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        ours = EQUAL[name](our_classes, our_functions)
        theirs = EQUAL[name](their_classes, their_functions)
    assert np.shape(ours) == np.shape(theirs)
    assert np.allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("name", EQUAL)
def test_what_the_peer_runs_is_run_without_the_peer(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        found: npt.NDArray[np.generic] = EQUAL[name](our_classes, our_functions)
    assert found.size > 0
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_have_no_meaning_is_refused_with_the_reason(name: str) -> None:
    call, reason = REFUSED[name]
    with pytest.raises(ValueError, match=reason):
        call(our_classes, our_functions)


@pytest.mark.parametrize("name", REFUSED)
def test_errors_have_the_names_that_pydensecrf_gives_to_arguments(name: str) -> None:
    with pytest.raises(ValueError) as refused:
        REFUSED[name][0](our_classes, our_functions)
    assert "theta_" not in str(refused.value)


def test_unsure_labels_are_void_ones_in_pixelwise_itself() -> None:
    unsure = unary_from_labels(LABELS.astype(int) - 1, 2, 0.7, void=-1)
    assert np.allclose(unsure.reshape(2, -1), our_functions.unary_from_labels(LABELS, 2, 0.7))
    sure = unary_from_labels(LABELS, 3, 0.7)
    assert np.allclose(
        sure.reshape(3, -1), our_functions.unary_from_labels(LABELS, 3, 0.7, zero_unsure=False)
    )


@pytest.mark.parametrize(
    ("compat", "compatibility"), [(np.array([1, 2]), np.array([-1, -2])), (MATRIX, (MATRIX + MATRIX.T) / 2)]
)
def test_calls_are_translated_as_the_tutorial_says(
    compat: npt.NDArray[Any], compatibility: npt.NDArray[Any]
) -> None:
    theirs = run(our_classes, our_functions, "addPairwiseGaussian", (3, 2), compat)
    ours = mean_field(
        U.reshape(C, H, W), [Gaussian((2, 3), weight=1)], iterations=2, compatibility=compatibility
    )
    assert np.allclose(theirs, ours.reshape(C, -1), atol=1e-6)
