"""A recipe's net with the CRF as its last layer: learnt, saved, resumed, judged, not exported."""

import dataclasses
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from squares_runs import SETTINGS, assert_same, before_step, run_squares

from pixelwise import export, load
from pixelwise.core.errors import TrainingError
from pixelwise.crf import PRESETS, dense_crf
from pixelwise.data import open_dataset
from pixelwise.evaluation.evaluation import evaluate
from pixelwise.models.nets.segmentation_net import SegmentationNet
from pixelwise.training import checkpoint
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.recipe_net import build_net, load_run

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

WITH_CRF = ("crf_layer=deeplab", "steps=3", "evaluate_every=3", "batch_size=2")


@pytest.fixture(scope="module")
def run(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs") / "crf"
    assert run_squares(squares, place, *WITH_CRF)
    return place


def net_of(*settings: str) -> SegmentationNet:
    torch.manual_seed(0)
    return build_net(Recipe("x", "folder:x").override([*SETTINGS, *settings]), 2)


def test_scores_are_what_the_preset_makes_of_the_nets_own() -> None:
    plain, refined = net_of().eval(), net_of("crf_layer=deeplab").eval()
    image = torch.randint(0, 256, (1, 3, 40, 56), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        scores, log_q = plain(image)[0].numpy(), refined(image)[0].numpy()
    kernels = PRESETS["deeplab"].kernels(image[0].permute(1, 2, 0).numpy())
    assert np.abs(np.exp(log_q) - dense_crf.mean_field(-scores, kernels, iterations=10)).max() < 1e-4


@pytest.mark.parametrize("training", [True, False])
def test_nearly_black_pictures_are_no_fault(training: bool) -> None:
    net = net_of("crf_layer=deeplab").train(training)
    dark = torch.randint(0, 2, (1, 3, 40, 56), dtype=torch.uint8)
    with torch.no_grad():
        for image in (dark, dark.float(), dark * 0.7):  # bytes, and as engines and other channels make them
            assert net(image).isfinite().all()


def test_scores_of_every_eighth_pixel_have_widths_of_every_eighth_pixel() -> None:
    settings = ("net=deeplab-large-fov", "dropout=0", "padding=same")
    plain, refined = net_of(*settings).train(), net_of(*settings, "crf_layer=deeplab").train()
    image = torch.randint(0, 256, (1, 3, 65, 97), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        scores, log_q = plain(image)[0].numpy(), refined(image)[0].numpy()
    assert scores.shape == (2, 9, 13)
    seen = plain.sampled(image[0]).permute(1, 2, 0).numpy()
    kernels = PRESETS["deeplab"].scaled(1 / 8).kernels(seen)
    assert np.abs(np.exp(log_q) - dense_crf.mean_field(-scores, kernels, iterations=5)).max() < 1e-4


def test_net_and_crf_learn_together(run: Path) -> None:
    state = checkpoint.load(run / checkpoint.LAST)
    preset = PRESETS["deeplab"]
    start = torch.tensor([[preset.w2], [preset.w1]]).repeat(1, 2)
    assert state.net["crf.weights"].shape == (2, 2)
    assert not torch.equal(state.net["crf.weights"], start)
    assert not torch.equal(state.net["crf.compatibility"], 1 - torch.eye(2))
    fresh = net_of("crf_layer=deeplab").state_dict()
    moved = [name for name, tensor in fresh.items() if not torch.equal(tensor, state.net[name])]
    assert any(name.startswith("backbone.") for name in moved)


def test_resume_gives_the_weights_of_an_uninterrupted_run(
    squares: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        before_step(1, lambda: signal.raise_signal(signal.SIGINT), patch)
        assert not run_squares(squares, tmp_path, *WITH_CRF)
    assert checkpoint.load(tmp_path / checkpoint.LAST).step == 2
    assert run_squares(squares, tmp_path, *WITH_CRF, resume=True)
    assert_same(tmp_path, run)


def test_the_run_is_judged_with_its_crf(squares: Path, run: Path) -> None:
    net, info = load_run(run)
    assert info.training["recipe"]["crf_layer"] == "deeplab"
    predictor = load(run)
    sample = open_dataset(f"folder:{squares}", "val").read(0)
    with torch.no_grad():
        expected = net(torch.from_numpy(sample.image).permute(2, 0, 1)[None])[0].exp().numpy()
    assert np.abs(predictor(sample.image).probabilities - expected).max() < 1e-3
    judged = evaluate(predictor, open_dataset(f"folder:{squares}", "val")).summary()
    last = checkpoint.load(run / checkpoint.LAST).history[-1]
    assert judged["mean_iou"] == pytest.approx(last["mean_iou"], abs=1e-3)


def test_a_run_without_crf_is_a_start(run: Path, squares: Path, tmp_path: Path) -> None:
    before = tmp_path / "before"
    assert run_squares(squares, before, "steps=2", "evaluate_every=2")
    weights = checkpoint.load(before / checkpoint.LAST).mean
    net = net_of("crf_layer=deeplab", f"init_from={before}")
    assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in weights.items())
    again = net_of("crf_layer=deeplab", f"init_from={run}").state_dict()
    learnt = checkpoint.load(checkpoint.chosen(run)).mean
    assert torch.equal(again["crf.weights"], learnt["crf.weights"])
    export(run, tmp_path / "model.onnx")
    exported = net_of("crf_layer=deeplab", f"init_from={tmp_path / 'model.onnx'}").state_dict()
    for name in ("crf.weights", "crf.compatibility"):
        torch.testing.assert_close(exported[name], learnt[name])


def test_a_loss_that_is_no_number_is_told_as_without_crf(squares: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="the loss of step"):
        run_squares(squares, tmp_path / "run", *WITH_CRF, "learning_rate=1e6", "head_learning_rate=1e6")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (["crf_layer=gauss"], 'crf_layer must be one of densecrf, deeplab, .*got "gauss"'),
        (["crf_layer=deeplab", "heads=semantic,geometric"], "one head, got heads=semantic,geometric"),
    ],
)
def test_what_cannot_be_refined_is_told(settings: list[str], complaint: str) -> None:
    with pytest.raises(TrainingError, match=complaint):
        Recipe("x", "folder:x").override(settings)


def test_the_recipe_learns_the_net_first_and_then_both() -> None:
    from pixelwise.recipes.finetune_crf import RECIPE

    net, both = RECIPE.stages
    assert (net.crf_layer, both.crf_layer) == (None, "deeplab-coco")
    assert both.learning_rate < net.learning_rate
    assert dataclasses.replace(both, crf_layer=None).faults() == RECIPE.faults() == []
