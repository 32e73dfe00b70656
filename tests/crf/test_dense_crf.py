import dataclasses
import threading
from typing import Literal

import numpy as np
import pytest
from crf_cases import blurred_unary, small_case, two_kernels
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.crf import (
    DEEPLAB,
    PRESETS,
    Bilateral,
    DenseCRF,
    Features,
    Gaussian,
    exact,
    mean_field,
    refine,
    unary_from_labels,
    unary_from_probabilities,
)
from pixelwise.crf.potentials import Kernel


def test_beliefs_are_near_brute_force() -> None:
    unary, image = small_case(4, 20, 24)
    kernels: list[Kernel] = [Gaussian(2, 2), Bilateral(image, 6, 80, 3)]
    got, expected = mean_field(unary, kernels), exact.mean_field(unary, kernels)
    assert np.abs(got - expected).mean() < 0.01
    assert (got.argmax(0) == expected.argmax(0)).mean() > 0.98


@pytest.mark.parametrize(
    "compatibility",
    [None, [1.0, 2.0, 0.5], [[0, 1, 3], [1, 0, 1], [3, 1, 0]], [[[0, 1, 3], [1, 0, 1], [3, 1, 0]]]],
)
def test_compatibilities_are_near_brute_force(compatibility: object) -> None:
    unary, _ = small_case(3, 16, 16)
    got = mean_field(unary, [Gaussian(2, 1)], compatibility=compatibility)  # type: ignore[arg-type]
    expected = exact.mean_field(unary, [Gaussian(2, 1)], compatibility=compatibility)  # type: ignore[arg-type]
    assert np.abs(got - expected).max() < 0.05


def test_each_kernel_may_have_its_own_compatibility() -> None:
    unary, image = small_case(3)
    mu = np.array([[0, 1, 3], [1, 0, 1], [3, 1, 0]], np.float32)
    got = mean_field(unary, [Gaussian(2, 1), Bilateral(image, 8, 50, 1)], compatibility=[2 * mu, 3 * mu])
    expected = mean_field(unary, [Gaussian(2, 2), Bilateral(image, 8, 50, 3)], compatibility=mu)
    assert np.allclose(got, expected, atol=1e-6)


def test_no_iteration_is_the_softmax_of_the_unary() -> None:
    unary, _ = small_case(21, 9, 11)
    assert mean_field(unary, [Gaussian()], iterations=0) == pytest.approx(exact.softmax(-unary), abs=1e-6)


def test_no_kernel_is_the_softmax_of_the_unary() -> None:
    unary, _ = small_case(2)
    assert mean_field(unary, []) == pytest.approx(exact.softmax(-unary), abs=1e-6)


def test_extreme_energies_and_messages_keep_beliefs_within_bounds() -> None:
    # Without normalisation messages reach weight * pixels, far beyond what 2^x can take in float32.
    unary, _ = small_case(3, 30, 30)
    for scale, weight in ((1e30, 3.0), (1.0, 1e6), (1e30, -1e6)):
        q = mean_field(unary * np.float32(scale), [Gaussian(50, weight, "none")])
        assert np.isfinite(q).all()
        assert q.sum(axis=0) == pytest.approx(1, abs=1e-5)


def test_result_has_the_layout_of_the_unary() -> None:
    unary, image = small_case()
    kernels = two_kernels(image)
    expected = mean_field(unary, kernels)
    channels_last = np.ascontiguousarray(unary.transpose(1, 2, 0))
    got = mean_field(channels_last.transpose(2, 0, 1), kernels)
    assert got.transpose(1, 2, 0).flags.c_contiguous
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("order", ["C", "F"])
def test_beliefs_in_float16_are_the_nearest_of_float32(order: Literal["C", "F"]) -> None:
    # From 0 to 1, with some below 2^-14, where float16 has only multiples of 2^-24.
    unary, image = small_case(classes=9)
    crf = DenseCRF(np.asarray(unary * 8, order=order), two_kernels(image))
    crf.step(3)
    exact = crf.q
    assert exact.min() < 2.0**-24 < exact[exact < 2.0**-14].max()
    half = np.empty_like(exact, np.float16)
    assert crf.beliefs(half) is half
    assert np.array_equal(half, exact.astype(np.float16))
    padded = np.full((9, 10, 24), 7, np.float16)
    crf.beliefs(padded[:, :, ::2])
    assert np.array_equal(padded[:, :, ::2], half)
    assert (padded[:, :, 1::2] == 7).all()


def test_any_strides_and_read_only_arrays_are_taken() -> None:
    unary, image = small_case()
    kernels = two_kernels(image)
    expected = mean_field(unary, kernels)
    padded = np.zeros((6, 13, 30), np.float32)
    padded[::2, 3:, 5:29:2] = unary
    view = padded[::2, 3:, 5:29:2]
    view.flags.writeable = False
    packed = np.zeros(unary.shape, [("tag", np.int8), ("value", np.float32)])
    packed["value"] = unary
    backwards = unary[::-1, ::-1].copy()[::-1, ::-1]
    for variant in (view, packed["value"], backwards, np.asfortranarray(unary), unary.astype(">f4")):
        assert np.array_equal(mean_field(variant, kernels), expected)
    broadcast = np.broadcast_to(unary[:, :1], unary.shape)
    assert np.array_equal(mean_field(broadcast, kernels), mean_field(broadcast.copy(), kernels))


@pytest.mark.parametrize("dtype", ["f2", "f8", "i2", "u1"])
def test_any_real_type_is_taken(dtype: str) -> None:
    unary, image = small_case()
    whole = np.round(np.abs(unary) * 3)
    expected = mean_field(whole.astype(np.float32), two_kernels(image))
    assert np.array_equal(mean_field(whole.astype(dtype), two_kernels(image)), expected)


def test_volumes_and_lists_of_points_are_taken() -> None:
    generator = np.random.default_rng(0)
    unary = generator.normal(size=(2, 5, 6, 7)).astype(np.float32)
    volume = generator.random((5, 6, 7))
    kernels: list[Kernel] = [Gaussian((1, 2, 2), 1), Bilateral(volume, (2, 4, 4), 0.3, 1)]
    assert np.abs(mean_field(unary, kernels) - exact.mean_field(unary, kernels)).mean() < 0.01
    points = Features(generator.normal(size=(3, 50)))
    assert mean_field(unary[:, 0].reshape(2, -1), [Features(generator.normal(size=(3, 42)))]).shape == (2, 42)
    assert mean_field(generator.normal(size=(2, 50)), [points]).shape == (2, 50)


def test_images_of_any_channels_and_type_are_taken() -> None:
    unary, _ = small_case()
    generator = np.random.default_rng(0)
    for image, theta_beta in (
        (generator.random((10, 12)), 0.1),
        (generator.random((10, 12, 14)), 0.5),
        (generator.integers(0, 60000, (10, 12, 2)).astype(np.uint16), 5000),
        (generator.random((10, 12)) > 0.5, 0.5),
    ):
        assert mean_field(unary, [Bilateral(image, 5, theta_beta)]).shape == unary.shape


def test_steps_are_the_iterations_of_mean_field_and_lower_the_divergence() -> None:
    unary, image = small_case(4, 32, 40)
    crf = DenseCRF(unary, [Gaussian(2, 1), Bilateral(image, 10, 60, 1)])
    divergences = []
    for iteration in range(4):
        assert crf.iterations == iteration
        expected = mean_field(unary, [Gaussian(2, 1), Bilateral(image, 10, 60, 1)], iterations=iteration)
        assert np.allclose(crf.q, expected, atol=1e-6)
        assert np.array_equal(crf.labels(), expected.argmax(axis=0))
        divergences.append(crf.kl_divergence())
        crf.step()
    assert divergences == sorted(divergences, reverse=True)


def test_divergence_is_that_of_brute_force() -> None:
    unary, _ = small_case(3, 8, 9)
    crf = DenseCRF(unary, [Gaussian(1, 2)])
    crf.step(2)
    q = crf.q.reshape(3, -1).astype(np.float64)
    k = 2 * exact.likeness(Gaussian(1, 2).features((8, 9)), "symmetric")
    expected = (q * np.log(q)).sum() + (q * unary.reshape(3, -1)).sum() - (q * (q @ k.T)).sum()
    assert crf.kl_divergence() == pytest.approx(expected, rel=0.01)


def test_one_object_serves_many_unaries() -> None:
    unary, image = small_case()
    other, _ = small_case(seed=5)
    crf = DenseCRF(unary, two_kernels(image))
    crf.step(3)
    crf.set_unary(other)
    assert crf.iterations == 0
    crf.step(3)
    assert np.array_equal(crf.q, mean_field(other, two_kernels(image), iterations=3))


def test_threads_of_the_core_give_the_serial_result() -> None:
    unary = blurred_unary(5, 120, 160)
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3)).astype(np.uint8)
    serial = mean_field(unary, two_kernels(image), threads=1)
    for threads in (2, 4):
        assert np.abs(mean_field(unary, two_kernels(image), threads=threads) - serial).max() < 1e-5


def test_threads_of_python_may_share_an_object_and_run_side_by_side() -> None:
    unary, image = small_case(3, 60, 80)
    expected = mean_field(unary, two_kernels(image), iterations=8, threads=1)
    shared = DenseCRF(unary, two_kernels(image), threads=2)
    results: list[bool] = []

    def work() -> None:
        shared.step(2)
        own = mean_field(unary, two_kernels(image), iterations=8, threads=2)
        results.append(bool(np.allclose(own, expected, atol=1e-5)))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert results == [True] * 4
    assert np.allclose(shared.q, expected, atol=1e-5)


def test_refine_pulls_labels_to_the_edge_of_the_image() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, 20:] = 200
    labels = np.zeros((40, 40), np.uint8)
    labels[:, 23:] = 1  # three columns off
    labels[:5, :5] = 255
    q = refine(image, labels)
    assert q.shape == (2, 40, 40)
    assert np.array_equal(q.argmax(axis=0), np.broadcast_to(np.arange(40) >= 20, (40, 40)))


def test_refine_takes_labels_of_one_class_and_images_in_units_of_their_own() -> None:
    image = np.zeros((8, 9, 3), np.uint8)
    labels = np.zeros((8, 9), np.uint8)
    assert np.allclose(refine(image, labels), 1)
    assert np.allclose(refine(image.astype(float), labels), 1)
    labels[2:4] = 255
    assert refine(image, labels, classes=2).shape == (2, 8, 9)
    unary, picture = small_case()
    probabilities = exact.softmax(-unary.astype(np.float64))
    own = dataclasses.replace(DEEPLAB, theta_beta=DEEPLAB.theta_beta / 255)
    shares = refine(picture / 255, probabilities, preset=own)
    assert np.allclose(shares, refine(picture, probabilities, preset=DEEPLAB), atol=1e-3)


def test_refine_of_probabilities_is_mean_field_of_their_energies() -> None:
    unary, image = small_case()
    probabilities = exact.softmax(-unary.astype(np.float64))
    got = refine(image, probabilities, preset=DEEPLAB, iterations=4)
    expected = mean_field(-np.log(probabilities), DEEPLAB.kernels(image), iterations=4)
    assert np.allclose(got, expected, atol=1e-4)


def test_presets_go_by_their_names() -> None:
    assert all(preset.name == name for name, preset in PRESETS.items())
    assert (DEEPLAB.w1, DEEPLAB.theta_alpha, DEEPLAB.theta_beta) == (5, 50, 10)


def test_unary_from_labels_by_hand() -> None:
    energies = unary_from_labels(np.array([[0, 2, 255]]), classes=3, confidence=0.6)
    assert np.exp(-energies[:, 0].T) == pytest.approx(
        np.array([[0.6, 0.2, 0.2], [0.2, 0.2, 0.6], [1 / 3, 1 / 3, 1 / 3]])
    )


def test_unary_from_probabilities_has_a_floor() -> None:
    energies = unary_from_probabilities(np.array([[1.0, 0.5], [0.0, 0.5]]))
    assert energies == pytest.approx(-np.log([[1, 0.5], [1e-5, 0.5]]))


@settings(deadline=None, max_examples=60)
@given(
    classes=st.integers(1, 20),
    shape=st.one_of(
        st.tuples(st.integers(1, 40)),
        st.tuples(st.integers(1, 40), st.integers(1, 40)),
        st.tuples(st.integers(1, 6), st.integers(1, 12), st.integers(1, 12)),
    ),
    theta=st.floats(1e-2, 1e12),
    weight=st.floats(-20, 100),
    iterations=st.integers(0, 5),
    dtype=st.sampled_from(["f2", "f4", "f8"]),
    order=st.sampled_from("CF"),
    seed=st.integers(0, 2**32 - 1),
)
def test_beliefs_are_probabilities_whatever_comes(
    classes: int,
    shape: tuple[int, ...],
    theta: float,
    weight: float,
    iterations: int,
    dtype: str,
    order: str,
    seed: int,
) -> None:
    unary = np.random.default_rng(seed).normal(0, 3, (classes, *shape)).astype(dtype, order=order)  # type: ignore[call-overload]
    if classes == 1:
        unary[:] = 2  # others are refused
    q = mean_field(unary, [Gaussian(theta, weight)], iterations=iterations)
    assert q.shape == unary.shape
    assert q.dtype == np.float32
    assert np.isfinite(q).all()
    assert q.min() >= 0
    assert q.sum(axis=0) == pytest.approx(1, abs=1e-5)
