"""The loss, its weights and its sampling."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from squares_runs import run_squares

from pixelwise.core.types import VOID
from pixelwise.models.nets.deeplab import deeplab
from pixelwise.models.nets.fcn import FCN, fcn
from pixelwise.training import checkpoint
from pixelwise.training.losses.balancing import balancing_weights, sampled_by_class
from pixelwise.training.losses.cell_sampling import LossSampling
from pixelwise.training.losses.cross_entropy import cross_entropy
from pixelwise.training.losses.labelled_pixels import among


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_scores_of_16_bits_are_summed_in_float32(kind: torch.dtype) -> None:
    scores = torch.randn(2, 3, 40, 50, generator=torch.Generator().manual_seed(0)).to(kind)
    labels = torch.randint(0, 3, (2, 40, 50), generator=torch.Generator().manual_seed(1))
    assert torch.allclose(cross_entropy(scores, labels), cross_entropy(scores.float(), labels), rtol=1e-6)


def test_loss_is_the_mean_over_labelled_pixels() -> None:
    scores = torch.tensor([[2.0, 0.0], [0.0, 0.0]]).T.reshape(1, 2, 1, 2)
    labels = torch.tensor([[[0, 255]]], dtype=torch.uint8)
    assert cross_entropy(scores, labels).item() == pytest.approx(
        torch.log1p(torch.exp(torch.tensor(-2.0))).item(), abs=1e-6
    )


def test_loss_and_gradient_do_not_depend_on_the_memory_order() -> None:
    torch.manual_seed(0)
    scores, weights = torch.randn(2, 21, 9, 12), torch.rand(21) + 0.5
    labels = torch.randint(0, 21, (2, 9, 12), dtype=torch.uint8)
    labels[0, 3] = 255
    found = []
    for order in (torch.contiguous_format, torch.channels_last):
        x = scores.clone(memory_format=order).requires_grad_()
        loss = cross_entropy(x, labels, weights)
        (3 * loss).backward()  # type: ignore[no-untyped-call]
        assert x.grad is not None
        found.append((loss.detach(), x.grad))
    (torchs, torchs_gradient), (ours, our_gradient) = found
    assert torch.allclose(ours, torchs, rtol=1e-6)
    assert torch.allclose(our_gradient, torchs_gradient, atol=1e-8)


def test_loss_of_void_alone_is_zero_with_gradient_zero() -> None:
    scores = torch.randn(1, 2, 2, 2, requires_grad=True)
    loss = cross_entropy(scores, torch.full((1, 2, 2), 255, dtype=torch.uint8))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert scores.grad is not None
    assert not scores.grad.any()


def test_weights_multiply_the_losses_of_their_class() -> None:
    scores = torch.zeros(1, 2, 1, 4)
    labels = torch.tensor([[[0, 0, 1, 255]]])
    # log 2 everywhere; the mean over three labelled pixels of 1, 1 and 4.
    found = cross_entropy(scores, labels, torch.tensor([1.0, 4.0]))
    assert found.item() == pytest.approx(6 / 3 * torch.log(torch.tensor(2.0)).item())


def test_balanced_classes_weigh_the_same_and_pixels_1_on_average() -> None:
    pixels = [69, 30, 1, 0]
    weights = balancing_weights(pixels)
    assert [float(w) * n for w, n in zip(weights, pixels, strict=True)] == pytest.approx([100 / 3] * 3 + [0])
    weights = balancing_weights(pixels, power=0.5)
    assert weights[0] / weights[1] == pytest.approx((pixels[1] / pixels[0]) ** 0.5)
    assert (weights * torch.tensor(pixels)).sum().item() == pytest.approx(sum(pixels))
    with pytest.raises(ValueError, match="no pixel has a label"):
        balancing_weights([0, 0])


def test_all_cells_count_by_default() -> None:
    labels = torch.zeros(2, 5, 7, dtype=torch.uint8)
    before = torch.get_rng_state()
    assert LossSampling()(labels, 8) is labels
    assert torch.equal(before, torch.get_rng_state())
    assert LossSampling().grown(20) == 20


def test_cells_count_whole_and_with_their_probability_while_batches_grow() -> None:
    torch.manual_seed(0)
    sampling = LossSampling(0.25)
    labels = torch.ones(8, 300, 333, dtype=torch.uint8)
    kept = sampling(labels, 10, 4.5) == 1
    assert kept.float().mean().item() == pytest.approx(0.25, abs=0.02)  # 8 * 30 * 34 cells: 0.005
    cells = kept[:, :, :330].reshape(8, 30, 10, 33, 10).float().mean((2, 4))
    assert set(cells.flatten().tolist()) == {0, 1}, "a cell counts as a whole"
    assert sampling.grown(20) == 80
    assert not (sampling(labels, 10, 4.5) == 1).equal(kept), "every step has its own cells"


@pytest.mark.parametrize("padding", ["release", "same"])
@pytest.mark.parametrize(("backbone", "stride"), [("vgg16", 32), ("vgg16", 8), ("alexnet", 32)])
def test_blocks_of_labels_lie_around_the_cells_they_are_left_out_with(
    padding: str, backbone: str, stride: int
) -> None:
    """A cell's block holds the pixels nearest to it: where the last upsampling gives one cell the most."""
    torch.manual_seed(0)
    widths: dict[str, Any] = {"widths": (1, 1, 1, 1, 1)} if backbone == "vgg16" else {}
    net = fcn(backbone, stride, padding=padding, filters=1, classes=1, **widths)
    assert isinstance(net, FCN) and net.score_stride == stride
    labels = torch.zeros(1, 120, 120, dtype=torch.uint8)
    kept = LossSampling(0.5)(labels, stride, net.score_offset)[0] != VOID
    changes = (kept[:, 1:] != kept[:, :-1]).any(0).nonzero().flatten() + 1
    assert len(changes) >= 2
    # Where a lone cell of the last map reaches in the image, its middle is the cell's place.
    cells = torch.zeros(1, 1, 11, 11)
    cells[..., 5, 5] = 1
    upscore = net.get_submodule(net.upscores[-1])
    reached = upscore(cells)[0, 0, :, upscore(cells)[0, 0].sum(0).argmax()].nonzero().flatten().float()
    place = reached.mean().item() - net.score.offset
    assert {(change - 0.5 - place) % stride for change in changes.tolist()} <= {
        stride / 2 - 0.5,
        stride / 2,
    }, "borders lie between two cells"


def test_cells_of_deeplab_are_its_labels() -> None:
    net = deeplab("large_fov", widths=(1, 1, 1, 1, 1), filters=1)
    assert net.score_stride // net.label_stride == 1


@pytest.mark.parametrize("share", [0, -0.5, 1.5])
def test_a_share_outside_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=r"must be in \(0, 1\]"):
        LossSampling(share)


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[torch.Tensor, torch.Tensor | None]]:
    """Targets and weights that training hands to the loss."""
    seen: list[tuple[torch.Tensor, torch.Tensor | None]] = []

    def spy(scores: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
        seen.append((labels, weights))
        return cross_entropy(scores, labels, weights, 1)

    monkeypatch.setattr("pixelwise.training.learner.total_loss", lambda _: spy)
    return seen


ONE_STEP = ("steps=1", "workers=0", "scale=1,1", "batch_size=4", "crop=33")


@pytest.mark.slow
def test_training_balances_classes_by_their_pixels(
    squares: Path, tmp_path: Path, compared: list[tuple[torch.Tensor, torch.Tensor | None]]
) -> None:
    run_squares(squares, tmp_path, *ONE_STEP, "balance_classes=0.5")
    ((labels, weights),) = compared
    assert labels.shape == (4, 33, 33)
    assert not (labels == VOID).any()
    square, picture = 24 * 24, 48 * 64
    assert weights is not None
    assert torch.equal(weights, balancing_weights([12 * (picture - square), 12 * square], 0.5))


@pytest.mark.slow
def test_training_samples_cells_of_larger_batches(
    squares: Path, tmp_path: Path, compared: list[tuple[torch.Tensor, torch.Tensor | None]]
) -> None:
    run_squares(squares, tmp_path, *ONE_STEP, "loss_sampling=0.5")
    ((labels, weights),) = compared
    assert labels.shape == (8, 33, 33)
    # At least 8 * 9 * 9 cells: their share deviates by 0.5 / sqrt(648) = 0.02.
    assert (labels == VOID).float().mean().item() == pytest.approx(0.5, abs=0.1)
    assert weights is None


@pytest.mark.slow
def test_whole_pictures_of_other_sizes_are_sampled_in_more_batches_of_one(
    squares: Path, tmp_path: Path, compared: list[tuple[torch.Tensor, torch.Tensor | None]]
) -> None:
    """FCN's patches with its whole pictures: half of the cells of twice as many, in the same step."""
    sizes = ("scale=0.5,2", "crop=0", "batch_size=1", "accumulate=3")
    run_squares(squares, tmp_path, *ONE_STEP[:2], *sizes, "loss_sampling=0.5")
    assert len(compared) == 6
    assert {len(labels) for labels, _ in compared} == {1}
    assert len({labels.shape for labels, _ in compared}) > 1
    assert checkpoint.load(tmp_path / checkpoint.LAST).images_per_step == 6


def test_a_pixel_is_judged_among_the_classes_that_its_data_set_labels() -> None:
    scores = torch.tensor([2.0, 1.0, 5.0]).view(1, 3, 1, 1).requires_grad_()
    labels = torch.zeros(1, 1, 1, dtype=torch.uint8)
    known = torch.tensor([[True, True, False]])
    loss = cross_entropy(among(scores, known), labels)
    torch.autograd.backward(loss)
    share = math.exp(2) / (math.exp(2) + math.exp(1))
    assert loss.item() == pytest.approx(-math.log(share))
    assert scores.grad is not None
    assert scores.grad.flatten().tolist() == pytest.approx([share - 1, 1 - share, 0])
    assert among(scores, torch.ones(1, 3, dtype=torch.bool)) is scores


def test_classes_are_balanced_by_sampling_pixels() -> None:
    torch.manual_seed(0)
    labels = torch.zeros(4, 100, 100, dtype=torch.uint8)
    labels[:, :20] = 1
    labels[:, 99] = VOID
    weights = balancing_weights([79 * 400, 20 * 400, 0])
    kept = sampled_by_class(labels, weights)
    counts = [int((kept == id_).sum()) for id_ in (0, 1, VOID)]
    assert counts[1] == 20 * 400, "the rarest class stays whole"
    assert counts[0] == pytest.approx(20 * 400, rel=0.05), "and the other is thinned to as many pixels"
    assert sum(counts) == labels.numel()
    assert bool(((kept == labels) | (kept == VOID)).all())


def test_training_can_balance_by_sampling(
    squares: Path, tmp_path: Path, compared: list[tuple[torch.Tensor, torch.Tensor | None]]
) -> None:
    run_squares(squares, tmp_path, *ONE_STEP, "balance_classes=1", "balance_by=sampling", "loss=sum")
    ((labels, weights),) = compared
    assert weights is None
    assert 0.2 < (labels == VOID).float().mean() < 0.9
