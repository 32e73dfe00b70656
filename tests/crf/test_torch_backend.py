"""The CRF in torch: the core's beliefs, and gradients that differences confirm."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from crf_cases import blurred_unary, small_case
from PIL import Image
from torch import Tensor

from pixelwise.crf import Bilateral, Features, Gaussian, dense_crf, exact, torch_backend
from pixelwise.crf.potentials import Kernel, Normalization
from pixelwise.crf.torch_backend import mean_field

GOLDEN = Path(__file__).parents[1] / "golden" / "crf.npz"
EXAMPLES = Path(__file__).parents[2] / "examples"
NORMALIZATIONS: list[Normalization] = ["none", "before", "after", "symmetric"]
COSTS = [[0, 1, 3], [1, 0, 1], [2, 1, 0]]


def by_torch(
    unary: npt.NDArray[np.float32], kernels: list[Kernel], **options: Any
) -> npt.NDArray[np.float32]:
    """Beliefs of one picture by the way that gradients take."""
    batch = torch.from_numpy(unary)[None].requires_grad_()
    q: npt.NDArray[np.float32] = mean_field(batch, [kernels], **options)[0].detach().numpy()
    return q


@pytest.mark.slow
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("compatibility", [None, [1.0, 2.0, 0.5], COSTS])
def test_noise_has_the_beliefs_of_the_core(normalization: Normalization, compatibility: object) -> None:
    unary, image = small_case(3, 30, 40)
    strength = 0.02 if normalization == "none" else 1.0  # which sums over pixels instead of averaging
    kernels: list[Kernel] = [
        Gaussian((2, 3), 2 * strength, normalization),
        Bilateral(image, 8, 60, 3 * strength, normalization),
    ]
    costs = None if compatibility is None else torch.tensor(compatibility)
    got = by_torch(unary, kernels, compatibility=costs)
    expected = dense_crf.mean_field(unary, kernels, compatibility=compatibility)  # type: ignore[arg-type]
    assert np.abs(got - expected).max() < 1e-4
    assert np.array_equal(got.argmax(0), expected.argmax(0))


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_kept_values_of_a_photo(normalization: Normalization) -> None:
    with np.load(GOLDEN) as stored:
        unary, image = stored["unary"].astype(np.float32), stored["image"]
        expected = stored[f"normalization_{NORMALIZATIONS.index(normalization)}"] / 65535
    kernels: list[Kernel] = [Gaussian(3, 3, normalization), Bilateral(image, 20, 13, 4, normalization)]
    assert np.abs(by_torch(unary, kernels).reshape(5, -1) - expected).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize(("name", "widths"), [("chelsea", (80, 13, 10)), ("astronaut", (60, 5, 5))])
def test_photos_have_the_beliefs_of_the_core(name: str, widths: tuple[float, float, float]) -> None:
    with Image.open(EXAMPLES / f"{name}.png") as file:
        image = np.asarray(file.convert("RGB").resize((160, 120), Image.Resampling.BILINEAR))
    unary = blurred_unary(21, 120, 160)
    kernels: list[Kernel] = [Gaussian(3, 3), Bilateral(image, *widths)]
    got, expected = by_torch(unary, kernels), dense_crf.mean_field(unary, kernels)
    assert np.abs(got - expected).max() < 1e-4
    assert (got.argmax(0) == expected.argmax(0)).mean() >= 0.9999


@pytest.mark.parametrize("shape", [(120,), (10, 12), (4, 5, 6)])
def test_pictures_volumes_and_lists_of_points_are_taken(shape: tuple[int, ...]) -> None:
    generator = np.random.default_rng(0)
    unary = generator.normal(size=(2, *shape)).astype(np.float32)
    kernels: list[Kernel] = [Features(generator.normal(size=(4, *shape)), 2.0), Gaussian(2, 1)]
    assert np.allclose(by_torch(unary, kernels), dense_crf.mean_field(unary, kernels), atol=1e-5)


def test_weights_replace_those_of_the_kernels() -> None:
    unary, image = small_case(3, 8, 9)
    got = by_torch(unary, [Gaussian(2, 7), Bilateral(image, 8, 60, 7)], weights=torch.tensor([2.0, -3.0]))
    expected = dense_crf.mean_field(unary, [Gaussian(2, 2), Bilateral(image, 8, 60, -3)])
    assert np.allclose(got, expected, atol=1e-5)


def test_weights_by_class_count_the_belief_in_that_class() -> None:
    # What l costs where alike pixels have l' is mu[l, l'] * weights[k, l'].
    unary, image = small_case(3, 8, 9)
    kernels: list[Kernel] = [Gaussian(2, 1), Bilateral(image, 8, 60, 1)]
    weights, mu = np.array([[1, 2, 3], [0.5, 0, -1]]), np.array(COSTS)
    got = by_torch(unary, kernels, weights=torch.tensor(weights), compatibility=torch.tensor(mu))
    costs = [mu @ np.diag(weights[0]), mu @ np.diag(weights[1])]
    assert np.allclose(got, dense_crf.mean_field(unary, kernels, compatibility=costs), atol=1e-5)


def test_no_iteration_and_no_kernel_are_the_softmax() -> None:
    unary, _ = small_case()
    expected = exact.softmax(-unary.astype(np.float64))
    assert by_torch(unary, [Gaussian()], iterations=0) == pytest.approx(expected, abs=1e-6)
    assert by_torch(unary, []) == pytest.approx(expected, abs=1e-6)


GRADIENT_CASES: dict[str, tuple[tuple[int, ...], int, list[Kernel]]] = {
    "two kernels": ((2, 3, 3, 4), 2, [Gaussian(1.5), Features(np.random.default_rng(0).random((3, 12)) * 2)]),
    "five iterations": ((1, 2, 3, 3), 5, [Gaussian((1, 2))]),
    "points": ((1, 4, 5), 3, [Features(np.random.default_rng(1).random((6, 5)))]),
    "volume": ((1, 2, 2, 2, 3), 2, [Gaussian(1.0)]),
}


@pytest.mark.slow
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("case", GRADIENT_CASES)
def test_gradients_are_those_of_differences(case: str, normalization: Normalization) -> None:
    shape, iterations, prototypes = GRADIENT_CASES[case]
    generator = torch.Generator().manual_seed(0)
    kernels = [dataclasses.replace(kernel, normalization=normalization) for kernel in prototypes]  # type: ignore[type-var]

    def random(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator, dtype=torch.float64).requires_grad_()

    def beliefs(unary: Tensor, weights: Tensor, compatibility: Tensor) -> Tensor:
        return mean_field(
            unary,
            [kernels] * shape[0],
            weights=weights,
            compatibility=compatibility,
            iterations=iterations,
        )

    count, classes = len(kernels), shape[1]
    for weights, compatibility in (
        (random(count), random(classes)),
        (random(count, classes), random(classes, classes)),
    ):
        inputs = (random(*shape), weights, compatibility)
        assert torch.autograd.gradcheck(beliefs, inputs, rtol=1e-6, atol=1e-8)


def test_gradient_in_float32_is_that_in_float64() -> None:
    unary, image = small_case(4, 12, 15)
    kernels: list[Kernel] = [Gaussian(2, 2), Bilateral(image, 8, 60, 3)]
    gradients = []
    for dtype in (torch.float32, torch.float64):
        inputs = [
            torch.from_numpy(unary)[None].to(dtype),
            torch.ones(2, dtype=dtype),
            1 - torch.eye(4, dtype=dtype),
        ]
        leaves = [tensor.requires_grad_() for tensor in inputs]
        q = mean_field(leaves[0], [kernels], weights=leaves[1], compatibility=leaves[2])
        gradients.append(torch.autograd.grad(q[:, 0].square().sum(), leaves))
    for single, double in zip(*gradients, strict=True):
        assert torch.allclose(single.double(), double, rtol=1e-3, atol=1e-5 * double.abs().max().item())


@pytest.mark.slow
def test_batch_gives_what_its_pictures_give() -> None:
    cases = [small_case(3, 9, 11, seed) for seed in range(3)]
    shared = Gaussian(2, 2)
    kernels: list[list[Kernel]] = [[shared, Bilateral(image, 8, 60, 3)] for _, image in cases]
    batch = torch.from_numpy(np.stack([unary for unary, _ in cases])).requires_grad_()
    q = mean_field(batch, kernels)
    gradient = torch.autograd.grad(q.square().sum(), batch)[0]
    for i in range(3):
        single = batch[i : i + 1].detach().requires_grad_()
        alone = mean_field(single, kernels[i : i + 1])
        assert torch.equal(q[i : i + 1], alone)
        assert torch.equal(gradient[i : i + 1], torch.autograd.grad(alone.square().sum(), single)[0])


def test_without_gradient_the_core_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the lattice of torch was built")

    monkeypatch.setattr(torch_backend, "Lattice", refuse)
    unary, image = small_case()
    kernels: list[Kernel] = [Gaussian(2, 2), Bilateral(image, 8, 60, 3)]
    expected = dense_crf.mean_field(unary, kernels)
    batch = torch.from_numpy(unary)[None]
    assert np.array_equal(mean_field(batch, [kernels])[0].numpy(), expected)
    weights, costs = torch.tensor([2.0, 3.0], requires_grad=True), 1 - torch.eye(3)
    with torch.no_grad():
        q = mean_field(batch, [kernels], weights=weights, compatibility=costs)
    assert np.allclose(q[0], expected, atol=1e-6)
    with pytest.raises(AssertionError, match="was built"):
        mean_field(batch, [kernels], weights=weights)


def test_logarithm_is_that_of_beliefs_and_finite() -> None:
    unary = 1000 * torch.from_numpy(small_case()[0])[None]
    for batch, least in ((unary, -88), (unary.double(), -1e5)):
        log_q = mean_field(batch, [[Gaussian(2, 2)]], log=True)
        assert torch.allclose(log_q.exp(), mean_field(batch, [[Gaussian(2, 2)]]), atol=1e-6)
        assert bool((log_q >= least).all())


def test_narrow_types_and_autocast_are_calculated_in_float32() -> None:
    unary, image = small_case(3, 8, 9)
    narrow = torch.from_numpy(unary)[None].bfloat16()
    kernels: list[Kernel] = [Bilateral(image, 8, 60, 3)]
    gradients = []
    for autocast in (False, True):
        leaf = narrow.clone().requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            q = mean_field(leaf, [kernels])
            assert q.dtype == torch.float32
            gradients.append(torch.autograd.grad(q[:, 0].sum(), leaf)[0])
    assert gradients[0].abs().max() > 0
    assert torch.equal(*gradients)


UNARY = torch.zeros(2, 3, 4, 5)
FOREGROUND = torch.arange(20.0).reshape(1, 1, 4, 5)
ONE: list[list[Kernel]] = [[Gaussian()]] * 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_field(UNARY.long(), ONE), "floats.*int64"),
        (lambda: mean_field(UNARY[0, 0], []), r"got \(4, 5\)"),
        (lambda: mean_field(UNARY[:0], []), "not empty"),
        (lambda: mean_field(UNARY, ONE[:1]), r"each of 2 pictures.*lengths \[1\]"),
        (lambda: mean_field(UNARY, [[Gaussian()], []]), r"equally long; got lengths \[1, 0\]"),
        (lambda: mean_field(UNARY, [[3.0], [3.0]]), "kernel 0 must be"),  # type: ignore[list-item]
        (lambda: mean_field(UNARY, ONE, weights=torch.ones(2)), r"\(1,\) or \(1, 3\).*got \(2,\)"),
        (lambda: mean_field(UNARY, ONE, compatibility=torch.ones(4, 4)), r"\(3, 3\).*got \(4, 4\)"),
        (lambda: mean_field(UNARY, ONE, iterations=-1), "iterations.*-1"),
        (lambda: mean_field(UNARY / 0, ONE), "finite"),
        (lambda: mean_field((UNARY / 0).requires_grad_(), ONE), "finite"),
        (lambda: mean_field(FOREGROUND, ONE[:1]), "one label.*second label"),
        (lambda: mean_field(FOREGROUND.clone().requires_grad_(), ONE[:1]), "one label.*second label"),
        (lambda: mean_field(UNARY.double(), [[Gaussian(1e-12)]] * 2), "kernel 0.*theta.*raise them"),
        (lambda: mean_field(UNARY.double(), [[Bilateral(np.zeros((5, 4)))]] * 2), "4 x 5.*transposed"),
    ],
)
def test_misuse_is_refused_with_the_reason(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
