"""The losses by name against plain numpy, their gradients, void, and losses of one's own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from squares_runs import run_squares

from pixelwise.core.errors import TrainingError
from pixelwise.core.types import VOID
from pixelwise.training import checkpoint
from pixelwise.training.losses import list_losses, register, registry
from pixelwise.training.losses.labelled_pixels import among
from pixelwise.training.losses.registry import of_batches, parse, total_loss
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.run_start import judged_by_batch

Array = npt.NDArray[Any]
SHIPPED = ["cross_entropy", "focal", "dice", "lovasz", "ohem"]


def batch(seed: int = 0, spread: float = 2.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores of 4 classes in double precision, and labels of three of them with void between."""
    rng = np.random.default_rng(seed)
    scores = torch.from_numpy(rng.normal(0, spread, (2, 4, 5, 6)))
    labels = rng.integers(0, 3, (2, 5, 6)).astype(np.uint8)
    labels[rng.random((2, 5, 6)) < 0.3] = VOID
    return scores, torch.from_numpy(labels)


def sure_batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Nearly all pixels are right, those of class 1 surest; class 2 has a single one, which is wrong."""
    scores, labels = batch(4)
    labels[labels == 2] = VOID
    right = torch.nn.functional.one_hot(labels.long() % VOID, 4).movedim(-1, 1)
    scores = scores + right * torch.tensor([4.0, 9, 0, 0]).view(1, 4, 1, 1)
    labels[0, 0, 0] = 2
    return scores, labels


def pixels_of(scores: torch.Tensor, labels: torch.Tensor) -> tuple[Array, list[int]]:
    """The probabilities (P, C) and true classes of the labelled pixels, one after the other."""
    rows, truth = [], []
    for n, y, x in np.ndindex(*labels.shape):
        if labels[n, y, x] != VOID:
            powers = np.exp(scores[n, :, y, x].numpy())
            rows.append(powers / powers.sum())
            truth.append(int(labels[n, y, x]))
    return np.array(rows), truth


def plain_cross_entropy(p: Array, truth: list[int], weights: Array) -> float:
    return float(sum(-weights[t] * np.log(row[t]) for row, t in zip(p, truth, strict=True)))


def plain_focal(p: Array, truth: list[int], weights: Array) -> float:
    return float(
        sum(weights[t] * (1 - row[t]) ** 2 * -np.log(row[t]) for row, t in zip(p, truth, strict=True))
    )


def plain_dice(p: Array, truth: list[int], weights: Array) -> float:
    losses = {}
    for class_ in set(truth):
        g = np.array([t == class_ for t in truth], float)
        losses[class_] = 1 - 2 * (p[:, class_] * g).sum() / (p[:, class_].sum() + g.sum())
    total = sum(weights[c] * loss for c, loss in losses.items()) / sum(weights[c] for c in losses)
    return float(total * len(truth))


def plain_lovasz(p: Array, truth: list[int], weights: Array) -> float:
    """By the definition of the Lovasz extension: Jaccard losses of growing sets of wrong pixels."""

    def jaccard_loss(wrong: set[int], true: set[int]) -> float:
        return len(wrong) / len(true | wrong)

    losses = {}
    for class_ in set(truth):
        true = {i for i, t in enumerate(truth) if t == class_}
        errors = [1 - p[i, class_] if i in true else p[i, class_] for i in range(len(truth))]
        wrong: set[int] = set()
        losses[class_] = 0.0
        for i in sorted(range(len(truth)), key=lambda i: -errors[i]):
            before = jaccard_loss(wrong, true)
            wrong.add(i)
            losses[class_] += errors[i] * (jaccard_loss(wrong, true) - before)
    total = sum(weights[c] * loss for c, loss in losses.items()) / sum(weights[c] for c in losses)
    return float(total * len(truth))


def plain_ohem(p: Array, truth: list[int], weights: Array) -> float:
    each = sorted((row[t], -weights[t] * np.log(row[t])) for row, t in zip(p, truth, strict=True))
    hard = [loss for probability, loss in each if probability < 0.7]
    least = -(-len(each) // 16)
    chosen = hard if len(hard) >= least else [loss for _, loss in each[:least]]
    return float(np.mean(chosen) * len(truth))


PLAIN: dict[str, Callable[[Array, list[int], Array], float]] = {
    "cross_entropy": plain_cross_entropy,
    "focal": plain_focal,
    "dice": plain_dice,
    "lovasz": plain_lovasz,
    "ohem": plain_ohem,
}


def test_every_loss_that_ships_is_tested_here() -> None:
    assert list_losses()[: len(SHIPPED)] == SHIPPED == list(PLAIN)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", SHIPPED)
def test_a_loss_is_what_plain_numpy_computes(name: str, weighted: bool) -> None:
    for scores, labels in (*map(batch, range(3)), sure_batch()):
        weights = torch.tensor([0.5, 2.0, 1.25, 3.0]).double() if weighted else None
        expected = PLAIN[name](*pixels_of(scores, labels), np.ones(4) if weights is None else weights.numpy())
        assert total_loss(name)(scores, labels, weights).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_loss_in_float32_is_that_in_float64(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (2, 100, 100), generator=generator, dtype=torch.uint8)
    right = torch.nn.functional.one_hot(labels.long(), 4).movedim(-1, 1)
    scores = torch.randn(2, 4, 100, 100, generator=generator) + 2 * right  # all but 30 % are right
    found, exact = scores.requires_grad_(), scores.detach().double().requires_grad_()
    losses = [total_loss(name)(x, labels, None) for x in (found, exact)]
    torch.autograd.backward(losses)
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-5)
    assert found.grad is not None and exact.grad is not None
    torch.testing.assert_close(found.grad.double(), exact.grad, rtol=1e-3, atol=1e-7)


def test_ohem_of_easy_pixels_counts_a_sixteenth() -> None:
    scores = torch.zeros(1, 2, 1, 33).double()
    scores[0, 0] = torch.linspace(3, 9, 33)  # all above 0.7
    expected = np.log1p(np.exp(-scores[0, 0, 0, :3].numpy())).mean() * 33  # 33 / 16, rounded up
    found = total_loss("ohem")(scores, torch.zeros(1, 1, 33, dtype=torch.uint8), None)
    assert found.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SHIPPED, "cross_entropy+dice", "0.5*lovasz+2*focal"])
def test_gradients_are_those_of_differences(name: str) -> None:
    scores, labels = batch(7)
    loss = total_loss(name)
    assert torch.autograd.gradcheck(lambda x: loss(x, labels, None), scores.requires_grad_(), eps=1e-6)


@pytest.mark.parametrize("name", SHIPPED)
def test_void_pixels_change_nothing_and_get_no_gradient(name: str) -> None:
    scores, labels = batch(1)
    changed = torch.where((labels == VOID)[:, None], scores + torch.randn(scores.shape), scores)
    first, second = (total_loss(name)(x, labels, None) for x in (scores, changed.requires_grad_()))
    assert first.item() == second.item()
    torch.autograd.backward(second)
    assert changed.grad is not None
    assert not changed.grad.movedim(1, -1)[labels == VOID].any()
    assert changed.grad.movedim(1, -1)[labels != VOID].any()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_batch_without_labels_has_no_loss(name: str) -> None:
    scores = torch.randn(1, 3, 4, 4, requires_grad=True)
    loss = total_loss(name)(scores, torch.full((1, 4, 4), VOID, dtype=torch.uint8), None)
    torch.autograd.backward(loss)
    assert scores.grad is not None
    assert (loss.item(), scores.grad.abs().max().item()) == (0, 0)


@pytest.mark.parametrize("name", SHIPPED)
def test_classes_that_a_data_set_does_not_label_get_no_gradient(name: str) -> None:
    scores, labels = batch(2)
    scores.requires_grad_()
    judged = among(scores, torch.tensor([[True, True, True, False]] * 2))
    torch.autograd.backward(total_loss(name)(judged, labels, None))
    assert scores.grad is not None
    assert scores.grad.isfinite().all()
    assert not scores.grad[:, 3].any()
    assert scores.grad[:, :3].any()


@pytest.mark.parametrize("name", SHIPPED)
def test_losses_of_pixels_add_up_over_batches_and_others_are_named(name: str) -> None:
    """The training adds up the totals of a step's batches."""
    scores, labels = batch(3)
    whole = total_loss(name)(scores, labels, None).item()
    parts = sum(total_loss(name)(scores[i : i + 1], labels[i : i + 1], None).item() for i in range(2))
    assert (parts == pytest.approx(whole, rel=1e-9)) == (of_batches(name) == [])


def test_a_recipe_says_which_losses_judge_each_batch_by_itself() -> None:
    recipe = Recipe("r", "folder:x").override(["losses=cross_entropy+0.5*lovasz+dice"])
    assert judged_by_batch(recipe) is None
    several = judged_by_batch(recipe.override(["accumulate=4"]))
    assert several is not None
    assert several.startswith("lovasz and dice judge each of a step's 4 batches by itself")
    assert judged_by_batch(recipe.override(["accumulate=4", "losses=cross_entropy+focal"])) is None
    whole = recipe.override(["crop=0", "batch_size=1", "loss_sampling=0.5"])  # two pictures a step
    assert judged_by_batch(whole) is not None


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        (["batch_norm=train", "accumulate=4"], 4),
        (["batch_norm=train"], 1),
        (["batch_norm=sync", "accumulate=4"], 4),
        (["batch_norm=frozen", "accumulate=4"], 1),
        (["batch_norm=frozen", "accumulate=4", "backbone_weights=none"], 4),  # trained from the start
        (["batch_norm=train", "accumulate=4", "net=fcn8s-vgg16", "backbone_weights=none"], 1),  # it has none
    ],
)
def test_a_recipe_says_that_normalisation_sees_each_batch_by_itself(settings: list[str], parts: int) -> None:
    told = judged_by_batch(Recipe("r", "folder:x").override(settings))
    assert (f"takes statistics of each of a step's {parts} batches by itself" in (told or "")) == (parts > 1)


def test_a_sum_weighs_its_terms() -> None:
    scores, labels = batch()
    parts = [total_loss(name)(scores, labels, None) for name in ("cross_entropy", "lovasz")]
    found = total_loss("cross_entropy + 0.5*lovasz")(scores, labels, None)
    assert found.item() == pytest.approx((parts[0] + 0.5 * parts[1]).item(), rel=1e-12)
    found = total_loss("3*cross_entropy+lovasz")(scores, labels, None)
    assert found.item() == pytest.approx((3 * parts[0] + parts[1]).item(), rel=1e-12)
    assert parse("2*dice+focal") == [(2.0, "dice"), (1.0, "focal")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("dise", "there is no loss 'dise', expected a sum of cross_entropy, focal, dice, lovasz, ohem"),
        ("", "there is no loss ''"),
        ("dice+", "there is no loss ''"),
        ("-1*dice", "dice needs a weight above 0"),
        ("0*dice", "dice needs a weight above 0"),
        ("1000001*dice", "at most 1,000,000, got '1000001'"),
        ("nan*dice", "dice needs a weight above 0"),
        ("half*dice", "got 'half'"),
        ("\x1b[2J", r"there is no loss '\x1b[2J'"),
    ],
)
def test_a_recipe_names_what_is_wrong_with_its_losses(text: str, complaint: str) -> None:
    with pytest.raises(TrainingError, match="losses: ") as caught:
        Recipe("r", "folder:x").override([f"losses={text}"])
    assert complaint in caught.value.message


@pytest.fixture
def own_loss() -> Iterator[str]:
    @register("halved")
    def halved(scores: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
        return 0.5 * total_loss("cross_entropy")(scores, labels, weights)

    yield "halved"
    del registry._REGISTERED["halved"]


@pytest.mark.slow
def test_a_loss_of_ones_own_trains_a_net_in_a_sum(own_loss: str, squares: Path, tmp_path: Path) -> None:
    assert "halved" in list_losses()
    with pytest.raises(
        ValueError, match="expected letters, digits and _ as the name of a loss, got '2 dice'"
    ):
        register("2 dice")
    with pytest.raises(ValueError, match="already a loss"):
        register("halved")(total_loss("dice"))
    with pytest.raises(ValueError, match="already a loss"):
        register("dice")(lambda scores, labels, weights: scores.sum())
    for name, losses in (("one", "halved+0.5*cross_entropy"), ("other", "cross_entropy")):
        assert run_squares(squares, tmp_path / name, "steps=2", f"losses={losses}")
    one, other = (checkpoint.load(tmp_path / name / checkpoint.LAST).net for name in ("one", "other"))
    assert all(torch.allclose(one[key].float(), other[key].float(), atol=1e-5) for key in other)
