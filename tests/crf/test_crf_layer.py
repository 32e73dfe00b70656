"""The CRF as a layer: it starts as the preset's CRF, and learns."""

import numpy as np
import pytest
import torch
from crf_cases import small_case
from torch import Tensor, nn
from torch.nn import functional as F

from pixelwise.crf import DEEPLAB, DENSECRF, Preset, dense_crf
from pixelwise.crf.torch_backend import CRFLayer


def batch(classes: int = 3, height: int = 10, width: int = 12) -> tuple[Tensor, Tensor]:
    """Scores (2, C, H, W) and images (2, 3, H, W) of grey levels: noise."""
    cases = [small_case(classes, height, width, seed) for seed in range(2)]
    scores = torch.from_numpy(np.stack([-unary for unary, _ in cases]))
    return scores, torch.from_numpy(np.stack([image for _, image in cases])).permute(0, 3, 1, 2)


@pytest.mark.parametrize("preset", [DENSECRF, DEEPLAB])
@pytest.mark.parametrize("learning", [True, False])
def test_layer_starts_as_the_crf_of_its_preset(preset: Preset, learning: bool) -> None:
    scores, images = batch()
    layer = CRFLayer(3, preset, iterations=4)
    with torch.set_grad_enabled(learning):
        log_q = layer(scores, images)
    assert log_q.requires_grad == learning
    for i in range(2):
        kernels = preset.kernels(images[i].permute(1, 2, 0).numpy())
        expected = dense_crf.mean_field(-scores[i].numpy(), kernels, iterations=4)
        assert np.abs(log_q[i].detach().exp().numpy() - expected).max() < 1e-4


def test_log_probabilities_are_what_cross_entropy_would_make_of_them() -> None:
    scores, images = batch()
    log_q = CRFLayer(3)(scores, images)
    labels = torch.arange(240).reshape(2, 10, 12) % 3
    assert F.cross_entropy(log_q, labels).item() == pytest.approx(F.nll_loss(log_q, labels).item(), rel=1e-5)


@pytest.mark.slow
def test_state_goes_into_another_layer() -> None:
    scores, images = batch()
    trained = CRFLayer(3)
    with torch.no_grad():
        trained.weights.add_(torch.arange(6).reshape(2, 3))
        trained.compatibility.add_(torch.arange(9).reshape(3, 3) / 9)
    fresh = CRFLayer(3)
    assert set(fresh.state_dict()) == {"weights", "compatibility"}
    assert not torch.allclose(fresh(scores, images), trained(scores, images), atol=1e-2)
    fresh.load_state_dict(trained.state_dict())
    assert torch.equal(fresh(scores, images), trained(scores, images))


def striped_pictures() -> tuple[Tensor, Tensor]:
    """Images (2, 3, 24, 24) of dark and light stripes with noise, and which is which, (2, 24, 24)."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.arange(24) // 6 % 2
    labels = torch.stack([rows[:, None].expand(24, 24), rows[None, :].expand(24, 24)])
    noise = torch.randn(2, 3, 24, 24, generator=generator)
    return (90 + 60 * labels[:, None] + 15 * noise).clamp(0, 255), labels


@pytest.mark.slow
def test_net_and_layer_learn_together() -> None:
    images, labels = striped_pictures()
    torch.manual_seed(0)
    net, layer = nn.Conv2d(3, 2, 1), CRFLayer(2, iterations=3)
    nn.init.normal_(net.weight, std=0.1)
    before = [parameter.detach().clone() for parameter in layer.parameters()]
    optimizer = torch.optim.SGD([*net.parameters(), *layer.parameters()], lr=0.05)
    losses = []
    for _ in range(12):
        loss = F.nll_loss(layer(net(images / 255 - 0.5), images), labels)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    for parameter, start in zip(layer.parameters(), before, strict=True):
        assert not torch.equal(parameter, start)


@pytest.mark.slow
def test_layer_alone_learns_to_contradict_scores_that_are_wrong() -> None:
    # No net learns here: it must come to cost more to be like what is alike than to be unlike.
    images, labels = striped_pictures()
    scores = torch.stack([labels, 1 - labels], dim=1).float()
    layer = CRFLayer(2, iterations=2)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.3)
    losses = []
    for _ in range(10):
        loss = F.nll_loss(layer(scores, images), labels)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    ("scores", "images", "message"),
    [
        ((2, 3, 8, 9), (2, 3, 9, 8), r"scores are \(8, 9\).*images \(9, 8\).*resample"),
        ((2, 3, 8, 9), (1, 3, 8, 9), r"got \(2, 3, 8, 9\) and \(1, 3, 8, 9\)"),
        ((3, 8, 9), (3, 8, 9), "scores must be"),
        ((0, 3, 8, 9), (0, 3, 8, 9), "something in them"),
        ((2, 4, 8, 9), (2, 3, 8, 9), r"weights must be.*\(2, 4\).*got \(2, 3\)"),
    ],
)
def test_misfits_are_refused(scores: tuple[int, ...], images: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CRFLayer(3)(torch.zeros(scores), torch.zeros(images))
