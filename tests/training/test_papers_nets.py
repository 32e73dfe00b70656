"""The papers' nets in training: labels at stride 8, stages, sampling and balancing of the loss."""

from pathlib import Path

import pytest
import torch

from pixelwise.data import open_dataset
from pixelwise.errors import ModelError, TrainingError
from pixelwise.models.deeplab import DeepLab
from pixelwise.models.fcn import FCN
from pixelwise.training import checkpoint
from pixelwise.training.loop import train
from pixelwise.training.net import build_net, load_run
from pixelwise.training.recipe import NETS, Recipe

SETTINGS = [
    "backbone_weights=none",
    "freeze_stages=0",
    "dropout=0.5",
    "crop=33",
    "batch_size=2",
    "steps=2",
    "warmup_steps=0",
    "optimizer=sgd",
    "ema=0",
    "workers=0",
]


def run_squares(squares: Path, run: Path, *more: str) -> None:
    recipe = Recipe(name="squares", data=f"folder:{squares}").override([*SETTINGS, *more])
    sets = [open_dataset(recipe.data, split) for split in ("train", "val")]
    assert train(recipe, sets[0], sets[1], run)


@pytest.fixture(scope="module")
def googlenet(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the smallest of the papers' nets, with half of the cells and balanced classes."""
    run = tmp_path_factory.mktemp("runs") / "googlenet"
    run_squares(squares, run, "net=fcn32s_googlenet", "loss_sampling=0.5", "balance_classes=true")
    return run


def test_a_run_of_a_papers_net_loads_as_that_net(googlenet: Path) -> None:
    net, info = load_run(googlenet)
    assert isinstance(net, FCN)
    assert info.training["recipe"]["net"] == "fcn32s_googlenet"
    assert info.preprocessing["mean"] == pytest.approx([122.67892, 116.66877, 104.00699])


def test_a_stage_starts_from_the_run_it_names(
    squares: Path, googlenet: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rates = ("learning_rate=0", "head_learning_rate=0")
    run_squares(squares, tmp_path / "next", "net=fcn32s_googlenet", f"init_from={googlenet}", *rates)
    before, after = (checkpoint.load(run / checkpoint.LAST).mean for run in (googlenet, tmp_path / "next"))
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert f"from {googlenet}: {len(before)} copied" in capfd.readouterr().err


def test_a_run_says_which_stage_it_came_from_but_not_where_that_lay(
    squares: Path, googlenet: Path, tmp_path: Path
) -> None:
    run_squares(squares, tmp_path / "next", "net=fcn32s_googlenet", f"init_from={googlenet}")
    recipe = load_run(tmp_path / "next")[1].training["recipe"]
    assert recipe["init_from"] == "googlenet"


def test_a_stage_without_the_run_before_says_so(squares: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="has written a checkpoint"):
        run_squares(squares, tmp_path / "next", "net=fcn32s_googlenet", f"init_from={tmp_path}")


def test_a_run_of_another_net_is_no_start(squares: Path, googlenet: Path, tmp_path: Path) -> None:
    state = checkpoint.load(googlenet / checkpoint.LAST)
    names = {f"other.{name}": tensor for name, tensor in state.mean.items()}
    checkpoint.save(checkpoint.Checkpoint(**{**vars(state), "mean": names}), tmp_path / checkpoint.LAST)
    with pytest.raises(ModelError, match="no layer in common"):
        run_squares(squares, tmp_path / "next", "net=fcn32s_googlenet", f"init_from={tmp_path}")


def test_deeplab_learns_from_subsampled_labels(squares: Path, tmp_path: Path) -> None:
    run_squares(squares, tmp_path / "run", "net=deeplab_large_fov", "steps=3")
    net, _ = load_run(tmp_path / "run")
    assert isinstance(net, DeepLab)
    assert checkpoint.load(tmp_path / "run" / checkpoint.LAST).history[-1]["mean_iou"] > 0


@pytest.mark.parametrize("name", list(NETS))
def test_every_net_of_the_papers_is_built_for_a_recipe(name: str) -> None:
    recipe = Recipe(name="r", data="d").override([*SETTINGS, f"net={name}", "freeze_stages=2"])
    with torch.device("meta"):
        net = build_net(recipe, 11)
    first = next(net.named_parameters())
    assert "conv1" in first[0]
    assert not first[1].requires_grad
    assert any(p.requires_grad for p in net.parameters())
