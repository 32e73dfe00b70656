"""The CRF in torch on a GPU: the core's beliefs, and the processor's gradients."""

import numpy as np
import pytest
import torch
from crf_cases import blurred_unary, small_case, two_kernels
from torch import Tensor

from pixelwise.crf import Bilateral, CRFLayer, Gaussian, dense_crf, torch_backend
from pixelwise.crf.potentials import Kernel, Normalization
from pixelwise.crf.torch_backend import mean_field

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


@pytest.mark.parametrize("normalization", ["before", "after", "symmetric"])
def test_beliefs_are_those_of_the_core(normalization: Normalization) -> None:
    cases = [small_case(5, 30, 40, seed) for seed in range(2)]
    kernels = [two_kernels(image, 8, 60, 3, normalization) for _, image in cases]
    q = mean_field(torch.from_numpy(np.stack([unary for unary, _ in cases])).cuda(), kernels)
    assert q.is_cuda
    for own, (unary, _), terms in zip(q.cpu().numpy(), cases, kernels, strict=True):
        assert np.abs(own - dense_crf.mean_field(unary, terms)).max() < 1e-3


def test_a_photo_of_many_labels_has_the_beliefs_of_the_core() -> None:
    unary, image = blurred_unary(21, 96, 128), small_case(1, 96, 128)[1]
    kernels = two_kernels(image)
    q = torch_backend.refined_on("cuda", unary, kernels, 10)
    assert np.abs(q - dense_crf.mean_field(unary, kernels)).max() < 1e-3


def test_gradients_are_those_of_the_processor() -> None:
    unary, image = small_case(3, 30, 40)
    kernels: list[Kernel] = [Gaussian(2, 2), Bilateral(image, 8, 60, 3)]
    found: list[list[Tensor]] = []
    for device in ("cpu", "cuda"):
        energies = torch.from_numpy(unary)[None].to(device).requires_grad_()
        weights = torch.tensor([2.0, 3.0], device=device, requires_grad=True)
        costs = (1 - torch.eye(3, device=device)).requires_grad_()
        q = mean_field(energies, [kernels], weights=weights, compatibility=costs, iterations=5)
        loss = (q[:, 0] * torch.linspace(0, 1, 40, device=device)).sum()
        found.append([part.cpu() for part in torch.autograd.grad(loss, [energies, weights, costs])])
    for processor, gpu in zip(*found, strict=True):
        assert processor.abs().max() > 1e-3
        assert (processor - gpu).abs().max() < 1e-3 * max(1.0, float(processor.abs().max()))


def test_the_layer_learns_on_the_gpu() -> None:
    unary, image = small_case(3, 30, 40)
    layer = CRFLayer(3).cuda()
    scores = torch.from_numpy(-unary)[None].cuda().requires_grad_()
    log_q = layer(scores, torch.from_numpy(image).movedim(2, 0)[None].cuda())
    loss = torch.nn.functional.nll_loss(log_q, torch.zeros(1, 30, 40, dtype=torch.long, device="cuda"))
    leaves = [scores, layer.weights, layer.compatibility]
    for gradient in torch.autograd.grad(loss, leaves):
        assert bool(gradient.isfinite().all()) and float(gradient.abs().max()) > 0
