"""Trunks in training: what random ones change, and that every layout is tried before the first step."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from squares_runs import run_squares
from torch import nn

from pixelwise.core.errors import ModelError, TrainingError
from pixelwise.training import checkpoint
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup import recipe_net
from pixelwise.training.setup.recipe_net import build_net, load_run
from pixelwise.training.setup.run_start import settled
from pixelwise.training.setup.start import start_of

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

PLAIN = ("workers=0", "dropout=0", "optimizer=sgd", "warmup_steps=0", "ema=0", "steps=3")


def test_random_weights_are_neither_frozen_nor_kept_from_learning_and_the_user_hears_it(
    squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Frozen, their batch normalisation would have mean 0 and variance 1 for good."""
    random = ("backbone_weights=none", "freeze_stages=2", "batch_norm=frozen")
    assert run_squares(squares, tmp_path / "run", *PLAIN, *random)
    told = capsys.readouterr().err
    assert told.count("note: ") == 1
    assert (
        "random weights (backbone_weights=none), so batch_norm=train (not frozen) and freeze_stages=0" in told
    )
    state = checkpoint.load(tmp_path / "run" / checkpoint.LAST)
    assert (state.recipe["batch_norm"], state.recipe["freeze_stages"]) == ("train", 0)
    assert max(float(t.max()) for name, t in state.net.items() if name.endswith("num_batches_tracked")) == 3
    assert load_run(tmp_path / "run")[1].training["recipe"]["batch_norm"] == "train"
    assert run_squares(squares, tmp_path / "run", *PLAIN, *random, resume=True), "the same settings resume it"


@pytest.mark.parametrize(
    ("settings", "norm", "stages"),
    [
        (("backbone_weights=none",), "train", 0),
        (("backbone_weights=none", "batch_norm=sync"), "sync", 0),
        (("backbone_weights=none", "init_from=runs/a"), "frozen", 2),
        (("backbone_weights=timm",), "frozen", 2),
        (("backbone_weights=none", "net=fcn8s-vgg16"), "frozen", 0),
    ],
)
def test_only_random_weights_change_what_is_frozen(settings: tuple[str, ...], norm: str, stages: int) -> None:
    recipe = settled(Recipe("r", "d").override(["accelerator=cpu", *settings]))
    assert (recipe.batch_norm, recipe.freeze_stages) == (norm, stages)


@pytest.mark.parametrize(("before", "now"), [("train", "sync"), ("sync", "train"), ("train", "frozen")])
def test_a_start_keeps_normalisations_that_learn(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, now: str
) -> None:
    assert run_squares(squares, tmp_path / "run", *PLAIN, "steps=1", "batch_norm=train")
    start = replace(start_of(str(tmp_path / "run")), batch_norm=before)
    monkeypatch.setattr(recipe_net, "start_of", lambda _: start)
    recipe = Recipe("r", "d").override([*PLAIN, f"init_from={tmp_path / 'run'}", f"batch_norm={now}"])
    norms = [each for each in build_net(recipe, 3).modules() if isinstance(each, nn.BatchNorm2d)]
    assert bool(norms) == (now != "frozen")


def test_a_trunk_that_the_run_started_from_has_not_is_not_left_random(squares: Path, tmp_path: Path) -> None:
    assert run_squares(squares, tmp_path / "run", *PLAIN, "steps=1")
    start = (f"init_from={tmp_path / 'run'}", "backbone=test_resnet", "backbone_weights=none")
    with pytest.raises((TrainingError, ModelError), match=r"has no weights for all of the backbone"):
        run_squares(squares, tmp_path / "next", *PLAIN, *start)


@pytest.mark.parametrize("name", ["test_convnext", "hrnet_w18_small"])
def test_trunks_of_other_layouts_learn_are_judged_and_load_again(
    squares: Path, tmp_path: Path, name: str
) -> None:
    """To the first evaluation, on pictures of another size than the crops."""
    settings = (f"backbone={name}", "backbone_weights=none", "steps=1", "evaluate_every=1", "batch_size=2")
    assert run_squares(squares, tmp_path / "run", *PLAIN, *settings)
    assert [entry["step"] for entry in checkpoint.load(tmp_path / "run" / checkpoint.BEST).history] == [1]
    net, _ = load_run(tmp_path / "run")
    with torch.inference_mode():
        assert net(torch.zeros(1, 3, 50, 71)).shape == (1, 2, 50, 71)


def test_what_would_fail_in_the_first_step_is_refused_before_it(squares: Path, tmp_path: Path) -> None:
    """One crop of one cell has no variance."""
    settings = ("backbone=test_convnext", "backbone_weights=none", "crop=1", "batch_size=1")
    recipe = Recipe("r", "d").override([*settings, "skips=16,8,4", "context=0"])
    assert build_net(recipe, 2) is not None, "it has no batch normalisation"
    normalised = ("backbone=dla46_c", "backbone_weights=none", "crop=1", "batch_size=1", "batch_norm=train")
    with pytest.raises(
        TrainingError, match=r"dla46_c does not work on crops of 1 x 1 pixels: Expected more than 1"
    ):
        build_net(Recipe("r", "d").override([*normalised]), 2)


def test_a_run_with_learnt_statistics_goes_on_with_frozen_ones(squares: Path, tmp_path: Path) -> None:
    plain = ("backbone=resnet10t", "backbone_weights=none", "steps=2", "skips=8", "context=8", "hidden=0")
    run_squares(squares, tmp_path / "first", *plain, "batch_norm=train")
    recipe = Recipe("r", "d").override([*plain, f"init_from={tmp_path / 'first'}", "batch_norm=frozen"])
    net, image = build_net(recipe, 2).eval(), torch.rand(1, 3, 65, 65) * 255
    before, _ = load_run(tmp_path / "first")
    assert torch.allclose(net(image), before(image), atol=1e-4)
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in net.modules())


def test_frozen_statistics_do_not_learn_again(squares: Path, tmp_path: Path) -> None:
    plain = ("backbone=resnet10t", "backbone_weights=none", "skips=8", "context=8", "hidden=0")
    run_squares(squares, tmp_path / "first", *plain, "steps=2", "batch_norm=train")
    frozen = (*plain, f"init_from={tmp_path / 'first'}", "batch_norm=frozen")
    run_squares(squares, tmp_path / "second", *frozen, "steps=2")
    recipe = Recipe("r", "d").override([*plain, f"init_from={tmp_path / 'second'}", "batch_norm=train"])
    with pytest.raises(TrainingError, match="was trained with batch_norm=frozen"):
        build_net(recipe, 2)
