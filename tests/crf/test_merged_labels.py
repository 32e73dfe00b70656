"""Labels that cannot win are merged, and beliefs stay those of all labels."""

import numpy as np
import numpy.typing as npt
import pytest
from crf_cases import blurred_unary, two_kernels

from pixelwise.crf import Bilateral, DenseCRF, Gaussian, mean_field
from pixelwise.crf.potentials import Kernel

Floats = npt.NDArray[np.float32]
HEIGHT, WIDTH, LABELS = 64, 96, 21
TOLERANCE = 1e-4


def picture(seed: int = 0) -> npt.NDArray[np.uint8]:
    """Four areas of one colour each, with noise."""
    generator = np.random.default_rng(seed)
    areas = generator.integers(0, 256, (2, 2, 3)).repeat(HEIGHT // 2, 0).repeat(WIDTH // 2, 1)
    return np.asarray(np.clip(areas + generator.normal(0, 4, areas.shape), 0, 255), np.uint8)


def likely(labels: int, peak: float = 0.0, seed: int = 0) -> Floats:
    """Energies of `labels` likely labels among LABELS; the others have probabilities of at most about 1e-4,
    but `peak` on a patch."""
    generator = np.random.default_rng(seed)
    unary = 10 + generator.random((LABELS, HEIGHT, WIDTH), np.float32)
    unary[:: LABELS // labels][:labels] = blurred_unary(labels, HEIGHT, WIDTH, seed)
    if peak:
        unary[1, 20:24, 20:24] = -np.log(peak)
    return unary


def both(unary: Floats, kernels: list[Kernel], threads: int = 1) -> tuple[DenseCRF, DenseCRF]:
    """A CRF that may merge labels and one that may not, after ten iterations."""
    merging = DenseCRF(unary, kernels, threads=threads)
    whole = DenseCRF(unary, kernels, threads=threads, merge_labels=False)
    merging.step(10)
    whole.step(10)
    return merging, whole


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("labels", [1, 2, 5, 14])
def test_beliefs_are_those_of_all_labels(labels: int, threads: int) -> None:
    merging, whole = both(likely(labels), two_kernels(picture()), threads)
    assert merging.labels_apart <= labels + 1 and whole.labels_apart == LABELS
    assert np.abs(merging.q - whole.q).max() < TOLERANCE
    np.testing.assert_allclose(merging.q.sum(0), 1, atol=1e-5)
    np.testing.assert_array_equal(merging.labels(), whole.labels())
    np.testing.assert_array_equal(merging.labels(), merging.q.argmax(0))


def test_a_merged_label_wins_where_hundreds_are_about_equally_likely() -> None:
    labels, merged = 400, 16
    unary = np.full((labels, HEIGHT, WIDTH), 12, np.float32)
    sure = np.random.default_rng(0).integers(0, labels - merged, (1, HEIGHT, WIDTH))
    np.put_along_axis(unary, sure, 0, axis=0)
    unary[:, :6, :6] = 3
    unary[-merged:, :6, :6] = 14
    unary[-1, :6, :6] = 2.6
    crf = DenseCRF(unary, [Gaussian(0.5, weight=1)])
    crf.step(4)
    assert crf.labels_apart == labels - merged
    assert (crf.labels()[:6, :6] == labels - 1).all()
    np.testing.assert_array_equal(crf.labels(), crf.q.argmax(0))


def test_beliefs_of_merged_labels_keep_their_proportions() -> None:
    merging, whole = both(likely(2), two_kernels(picture()))
    assert merging.labels_apart == 2
    merged = np.setdiff1d(np.arange(LABELS), [0, 10])
    np.testing.assert_allclose(merging.q[merged], whole.q[merged], rtol=0.01, atol=1e-9)


def test_labels_are_merged_in_two_stages() -> None:
    """Seven labels have a likely patch of four pixels, which its surroundings overrule soon."""
    unary = likely(2)
    for label in range(1, 8):
        unary[label, 8 * label - 6 : 8 * label - 4, 10:12] = 1.0
    merging, whole = both(unary, two_kernels(picture()))
    assert merging.labels_apart < 7
    assert np.abs(merging.q - whole.q).max() < TOLERANCE


def test_near_ties_of_labels_are_decided_as_with_all_labels() -> None:
    unary = likely(2)
    unary[10] = unary[0] + np.float32(1e-3) * np.sin(np.arange(WIDTH, dtype=np.float32))
    merging, whole = both(unary, two_kernels(picture()))
    assert merging.labels_apart < LABELS
    assert np.abs(merging.q - whole.q).max() < TOLERANCE
    np.testing.assert_array_equal(merging.labels(), whole.labels())


@pytest.mark.parametrize("kind", ["uniform", "one-hot", "noise"])
def test_extreme_unaries_are_decided_as_with_all_labels(kind: str) -> None:
    generator = np.random.default_rng(0)
    if kind == "uniform":
        unary = np.zeros((LABELS, HEIGHT, WIDTH), np.float32)
    elif kind == "one-hot":
        unary = np.full((LABELS, HEIGHT, WIDTH), 1e4, np.float32)
        np.put_along_axis(unary, generator.integers(0, 4, (1, HEIGHT, WIDTH)), np.float32(0), 0)
    else:
        unary = generator.normal(0, 2, (LABELS, HEIGHT, WIDTH)).astype(np.float32)
    merging, whole = both(unary, two_kernels(picture()))
    assert (merging.labels_apart < LABELS) == (kind == "one-hot")
    assert np.abs(merging.q - whole.q).max() < TOLERANCE


def test_merged_labels_that_become_likely_are_parted_again() -> None:
    """In a patch label 2 is overruled by label 0, as long as that has most of the picture. But label 1 is a
    little likelier outside, takes over there in a few iterations, and decides nothing in the patch."""
    unary = np.full((LABELS, HEIGHT, WIDTH), 14.0, np.float32)
    unary[0], unary[1] = 0.0, -0.15
    unary[:3, 28:36, 44:52] = np.array([0.0, 10.0, 2.7], np.float32)[:, None, None]
    merging = DenseCRF(unary, [Gaussian(20.0, 10.0)], threads=1)
    whole = DenseCRF(unary, [Gaussian(20.0, 10.0)], threads=1, merge_labels=False)
    apart = []
    for _ in range(12):
        merging.step()
        whole.step()
        apart.append(merging.labels_apart)
        assert np.abs(merging.q - whole.q).max() < TOLERANCE
    assert min(apart) == 2 and apart[-1] == LABELS
    assert whole.q[2].max() > 0.01


@pytest.mark.parametrize(
    "case", ["few labels", "matrix", "labels' weights", "negative weight", "without normalisation", "before"]
)
def test_labels_are_not_merged_where_that_is_not_valid(case: str) -> None:
    labels = 8 if case == "few labels" else LABELS
    unary = likely(2)[:labels]
    compatibility = {"matrix": 1 - np.eye(LABELS), "labels' weights": np.ones(LABELS)}.get(case)
    normalization = {"without normalisation": "none", "before": "before"}.get(case, "symmetric")
    weight = -1.0 if case == "negative weight" else 5.0
    kernels = [Gaussian(3, weight, normalization)]  # type: ignore[arg-type]
    crf = DenseCRF(unary, kernels, compatibility=compatibility, threads=1)
    crf.step(5)
    assert crf.labels_apart == labels


def test_another_unary_starts_with_all_labels() -> None:
    kernels = two_kernels(picture())
    crf = DenseCRF(likely(2), kernels, threads=2)
    crf.step(5)
    assert crf.labels_apart == 2
    other = blurred_unary(LABELS, HEIGHT, WIDTH, 1)
    crf.set_unary(other)
    assert crf.labels_apart == LABELS
    crf.step(5)
    np.testing.assert_allclose(crf.q, mean_field(other, kernels, iterations=5, threads=2), atol=1e-6)


def test_the_objective_of_merged_labels_is_that_of_all() -> None:
    merging, whole = both(likely(2), two_kernels(picture()))
    assert merging.labels_apart < LABELS
    assert merging.kl_divergence() == pytest.approx(whole.kl_divergence(), rel=1e-6)
    merging.step()
    whole.step()
    np.testing.assert_allclose(merging.q, whole.q, atol=1e-6)


def test_iterations_end_when_beliefs_stand_still() -> None:
    unary, kernels = likely(5), two_kernels(picture())
    crf = DenseCRF(unary, kernels, threads=2)
    crf.step(200, tolerance=1e-3)
    assert 3 < crf.iterations < 200
    last = DenseCRF(unary, kernels, threads=2, merge_labels=False)
    last.step(crf.iterations - 2)
    before = last.q
    last.step()
    assert np.abs(last.q - before).max() <= 1.2e-3
    np.testing.assert_array_equal(
        mean_field(unary, kernels, iterations=200, tolerance=1e-3, threads=2), crf.q
    )


def test_one_more_iteration_follows_the_one_that_changes_little() -> None:
    """Changes are those of all pixels and labels, computed from beliefs."""
    unary, kernels = likely(5), two_kernels(picture())
    whole, changes = DenseCRF(unary, kernels, threads=1, merge_labels=False), []
    for _ in range(12):
        before = whole.q
        whole.step()
        changes.append(float(np.abs(whole.q - before).max()))
    wanted = 8
    assert changes[wanted - 1] < min(changes[: wanted - 1])
    crf = DenseCRF(unary, kernels, threads=1, merge_labels=False)
    crf.step(100, tolerance=(changes[wanted - 1] + changes[wanted - 2]) / 2)
    assert crf.iterations == wanted + 1


@pytest.mark.parametrize("tolerance", [-1e-3, 1.0, float("nan")])
def test_a_tolerance_is_a_change_of_a_probability(tolerance: float) -> None:
    with pytest.raises(ValueError, match="tolerance"):
        mean_field(likely(2), [Gaussian()], tolerance=tolerance)


@pytest.mark.parametrize("normalization", ["none", "before", "after", "symmetric"])
def test_other_weights_give_what_a_new_crf_gives(normalization: str) -> None:
    image, unary = picture(), likely(5)
    crf = DenseCRF(unary, two_kernels(image, normalization=normalization), threads=2)  # type: ignore[arg-type]
    crf.step(3)
    for weights in ((3.0, 5.0), (0.0, 7.0), (1.0, 0.0), (2.0, 30.0)):
        crf.set_weights(weights)
        assert crf.iterations == 0 and crf.weights == weights
        crf.step(4)
        kernels: list[Kernel] = [
            Gaussian(3, weights[0], normalization),  # type: ignore[arg-type]
            Bilateral(image, 80, 13, weights[1], normalization),  # type: ignore[arg-type]
        ]
        np.testing.assert_allclose(crf.q, mean_field(unary, kernels, iterations=4, threads=2), atol=2e-5)


def test_weights_that_cannot_be_set_are_refused() -> None:
    unary = likely(2)
    crf = DenseCRF(unary, [Gaussian()])
    for wrong in ([], [1.0, 2.0], [-1.0], [float("nan")], [1e30]):
        with pytest.raises(ValueError, match="expected 1 weights from 0"):
            crf.set_weights(wrong)
    for other in (
        DenseCRF(unary, [Gaussian()], compatibility=np.ones(LABELS)),
        DenseCRF(unary, [Gaussian(weight=-1.0)]),
    ):
        with pytest.raises(ValueError, match="make a new DenseCRF"):
            other.set_weights([1.0])


def test_beliefs_may_replace_the_unary() -> None:
    unary, kernels = likely(5), two_kernels(picture())
    expected = mean_field(unary, kernels)
    own = unary.copy()
    assert mean_field(own, kernels, out=own) is own
    np.testing.assert_array_equal(own, expected)


def test_an_array_that_cannot_take_beliefs_is_refused() -> None:
    crf = DenseCRF(likely(2), [Gaussian()])
    fixed = np.empty((LABELS, HEIGHT, WIDTH), np.float32)
    fixed.setflags(write=False)
    packed = np.zeros(fixed.shape, [("id", "u1"), ("belief", "f4")])["belief"]
    for wrong, why in (
        (np.empty((LABELS, WIDTH, HEIGHT), np.float32), "shape"),
        (np.empty((LABELS, HEIGHT, WIDTH)), "float32"),
        ([0.0], "list"),
        (fixed, "read-only"),
        (packed, "packed records"),
    ):
        with pytest.raises(ValueError, match=why):
            crf.beliefs(wrong)  # type: ignore[type-var]
        with pytest.raises(ValueError, match=why):
            mean_field(likely(2), [Gaussian()], iterations=-1, out=wrong)  # type: ignore[arg-type]
