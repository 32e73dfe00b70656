"""What a step does, and when a run ends: accumulation, clipping, losses that are no number, the best net."""

import json
import math
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
import torch
from squares_runs import assert_same, before_step, run_squares

from pixelwise import load
from pixelwise.core.errors import TrainingError
from pixelwise.data import open_dataset
from pixelwise.evaluation.evaluation import evaluate
from pixelwise.training import checkpoint
from pixelwise.training.learner import _synchronise
from pixelwise.training.losses.cross_entropy import cross_entropy
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.auto_precision import FULL, HALF, precision, step_seconds
from pixelwise.training.setup.recipe_net import build_net, load_run
from pixelwise.training.setup.run_start import settled
from pixelwise.training.stopping import is_best, learns_no_more

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

if TYPE_CHECKING:
    from lightning_fabric import Fabric

UNTRAINED = ("backbone_weights=none", "freeze_stages=0")
PLAIN = (
    *("workers=0", "dropout=0", "optimizer=sgd", "momentum=0", "weight_decay=0"),
    *("warmup_steps=0", "power=0", "ema=0", "steps=3"),
)


def weights(run: Path, name: str = checkpoint.LAST) -> dict[str, torch.Tensor]:
    return dict(checkpoint.load(run / name).mean)


def test_accumulated_batches_are_one_large_batch(squares: Path, tmp_path: Path) -> None:
    rates = ("learning_rate=0.1", "head_learning_rate=0.1")
    run_squares(squares, tmp_path / "large", *PLAIN, *rates, "batch_size=4")
    run_squares(squares, tmp_path / "parts", *PLAIN, *rates, "batch_size=1", "accumulate=4")
    large, parts = weights(tmp_path / "large"), weights(tmp_path / "parts")
    for name, tensor in large.items():
        torch.testing.assert_close(parts[name], tensor, rtol=1e-5, atol=1e-6)


def test_a_clipped_step_is_as_long_as_clip_says(squares: Path, tmp_path: Path) -> None:
    rates = ("learning_rate=1", "head_learning_rate=1", "clip=1e-3")
    run_squares(squares, tmp_path / "one", *PLAIN, *rates, "steps=1")
    run_squares(squares, tmp_path / "two", *PLAIN, *rates, "steps=2")
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    # The steps of two runs from one start differ by the second step alone.
    moved = math.sqrt(sum(float((two[name].double() - one[name]).square().sum()) for name in one))
    assert moved == pytest.approx(1e-3, rel=0.01)


def test_a_loss_that_is_no_number_ends_the_run_and_leaves_its_batch(squares: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(TrainingError, match=r"the loss of step \d+ is (nan|inf)") as caught:
        run_squares(squares, run, *PLAIN, "learning_rate=1e6", "head_learning_rate=1e6", "steps=20")
    assert caught.value.hint == "start another run with lower learning rates, or with clip=1"
    (place,) = (run / "not_finite").iterdir()
    assert f"the crops of this step are in {place}" in caught.value.message
    batch = open_dataset(f"folder:{place}", "all")
    assert len(batch) == 4
    assert batch.classes.names == ("ground", "square")
    assert batch.read(0).image.shape == (33, 33, 3)
    names = [entry.id for entry in batch.entries]
    assert [name.rsplit("_", 1)[0] for name in names] == ["0_0_0", "0_0_1", "0_0_2", "0_0_3"]
    sources = {entry.id for entry in open_dataset(f"folder:{squares}", "train").entries}
    assert {name.rsplit("_", 1)[1] for name in names} <= sources, "the sample's id is the last part"


def test_after_a_loss_that_is_no_number_another_run_can_start_from_what_was_learnt(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil() -> None:
        monkeypatch.setattr("pixelwise.training.learner.summed", lambda _, total: total * math.nan)

    run = tmp_path / "run"
    before_step(2, spoil, monkeypatch)
    with pytest.raises(TrainingError, match="the loss of step 3 is nan") as caught:
        run_squares(squares, run, *PLAIN, "checkpoint_minutes=0")
    assert f"from {run / checkpoint.LAST} if you like: --set init_from={run}" in str(caught.value.hint)
    monkeypatch.undo()
    assert run_squares(squares, tmp_path / "next", *PLAIN, f"init_from={run}", "clip=1")


def test_weights_that_are_no_numbers_are_not_written(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(optimizer: torch.optim.SGD, *_: object, **__: object) -> None:
        optimizer.param_groups[0]["params"][0].data.fill_(math.nan)

    monkeypatch.setattr(torch.optim.SGD, "step", spoil)
    with pytest.raises(TrainingError, match="the weights after step 1 are not all finite"):
        run_squares(squares, tmp_path, *PLAIN, "steps=1", "evaluate_every=1")
    assert not list(tmp_path.glob("*.pt"))


def test_a_run_that_gets_no_better_ends_early_and_its_best_net_is_used(
    squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    still = ("learning_rate=0", "head_learning_rate=0", "steps=50", "evaluate_every=2", "patience=2")
    assert run_squares(squares, tmp_path, *PLAIN, *still)
    last, best = (checkpoint.load(tmp_path / name) for name in (checkpoint.LAST, checkpoint.BEST))
    assert (last.step, best.step) == (6, 2), "two evaluations after the first, none better"
    assert [entry["step"] for entry in last.history] == [2, 4, 6]
    assert not best.net and not best.optimizer
    assert load_run(tmp_path)[1].training["steps"] == 2
    assert load_run(tmp_path)[1].training["val"]["step"] == 2
    first = load(tmp_path).identity
    assert load(tmp_path, precision="bfloat16").identity == f"{first} bfloat16"
    told = "note: early stopping after step 6 of 50: 2 evaluations without a better mean IoU"
    assert told in capsys.readouterr().err
    assert run_squares(squares, tmp_path, *PLAIN, *still, resume=True), "there is nothing left to do"
    assert told in capsys.readouterr().err
    (tmp_path / checkpoint.BEST).unlink()
    assert load_run(tmp_path)[1].training["steps"] == 6
    assert load(tmp_path).identity != first
    assert run_squares(squares, tmp_path, *PLAIN, *still, "patience=3", resume=True)
    assert checkpoint.load(tmp_path / checkpoint.LAST).step == 8, "with more patience it goes on"


def test_a_folder_that_holds_a_best_net_alone_is_not_trained_into(squares: Path, tmp_path: Path) -> None:
    (tmp_path / checkpoint.BEST).write_bytes(b"kept")
    with pytest.raises(TrainingError, match="already holds a run"):
        run_squares(squares, tmp_path, *PLAIN, "steps=1")
    assert (tmp_path / checkpoint.BEST).read_bytes() == b"kept"


def test_a_run_has_a_last_checkpoint_when_its_first_best_one_is_written(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    save = checkpoint.save

    def noted(state: checkpoint.Checkpoint, path: Path) -> None:
        save(state, path)
        written.append(path.name)

    monkeypatch.setattr(checkpoint, "save", noted)
    run_squares(squares, tmp_path, *PLAIN, "steps=1")
    assert written == [checkpoint.LAST, checkpoint.BEST, checkpoint.LAST]


def test_a_net_is_judged_as_it_will_segment_on_enlarged_copies_where_asked(
    squares: Path, tmp_path: Path
) -> None:
    run_squares(squares, tmp_path, "ema=0", "enlarge=true", "long_side=96", "workers=0")
    judged = load_run(tmp_path)[1].training["val"]["mean_iou"]
    val_set = open_dataset(f"folder:{squares}", "val")
    predictor = load(tmp_path)
    assert predictor(val_set.read(0).image).scored_size == (72, 96), "the pictures have 48x64 pixels"
    assert evaluate(predictor, val_set).summary()["mean_iou"] == pytest.approx(judged)
    predictor.info = replace(predictor.info, enlarge=False)
    assert evaluate(predictor, val_set).summary()["mean_iou"] != pytest.approx(judged)


def test_the_record_of_a_run_names_no_folder(squares: Path, tmp_path: Path) -> None:
    run_squares(squares, tmp_path, *PLAIN, "steps=1", f"val_data=folder:{squares}")
    recipe = load_run(tmp_path)[1].training["recipe"]
    assert recipe["data"] == recipe["val_data"] == f"folder:{squares.name}"


def history(*figures: float) -> list[dict[str, float]]:
    return [{"mean_iou": figure} for figure in figures]


def test_the_best_evaluation_is_higher_than_all_before() -> None:
    assert is_best(history(0.1))
    assert is_best(history(0.1, 0.3, 0.2, 0.4))
    assert not is_best(history(0.1, 0.3, 0.3))
    assert not is_best(history(0.1, math.nan))
    assert is_best(history(math.nan, 0.1))


def test_patience_counts_evaluations_since_the_best() -> None:
    assert not learns_no_more(history(0.3, 0.2), 2)
    assert learns_no_more(history(0.3, 0.2, 0.1), 2)
    assert not learns_no_more(history(0.3, 0.2, 0.4, 0.1), 2)
    assert not learns_no_more(history(0.3, 0.2, 0.1, 0.1), 0), "no patience is endless patience"
    assert not learns_no_more([], 1)


def test_deterministic_mode_computes_the_same_and_lasts_as_long_as_the_run(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    scores, labels = torch.randn(2, 3, 5, 7), torch.randint(0, 3, (2, 5, 7)).to(torch.uint8)
    labels[0, 0] = 255
    expected = cross_entropy(scores, labels)
    torch.use_deterministic_algorithms(True)
    try:
        assert cross_entropy(scores, labels).item() == pytest.approx(expected.item(), rel=1e-6)
    finally:
        torch.use_deterministic_algorithms(False)
    during: list[bool] = []
    before_step(0, lambda: during.append(torch.are_deterministic_algorithms_enabled()), monkeypatch)
    run_squares(squares, tmp_path, *PLAIN, "deterministic=true", "steps=1")
    assert during == [True]
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_sum_of_losses_is_the_mean_times_the_labelled_pixels() -> None:
    torch.manual_seed(0)
    scores, labels = torch.randn(1, 3, 4, 4), torch.zeros(1, 4, 4)
    labels[0, :2] = 255
    total = cross_entropy(scores, labels, pixels=1.0)
    assert total.item() == pytest.approx(8 * cross_entropy(scores, labels).item())


def test_the_precision_is_what_a_timed_step_finds_quicker(monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(full: float, half: float, *settings: str) -> str:
        times = {FULL: full, HALF: half}
        monkeypatch.setattr(
            "pixelwise.training.setup.auto_precision.step_seconds", lambda _, name: times[name]
        )
        settings = ("precision=auto", "accelerator=cpu", *settings)
        return precision(Recipe(name="r", data="d").override([*settings]))

    assert chosen(2.0, 1.0) == "bfloat16"
    assert chosen(1.1, 1.0) == "float32", "too little gained for the rounding"
    assert chosen(2.0, 1.0, "precision=float32") == "float32", "what is said counts"
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert chosen(2.0, 1.0) == "float32", "processes might measure different things"


@pytest.mark.parametrize("name", [FULL, HALF])
def test_timing_a_step_leaves_the_random_numbers_as_they_were(name: str) -> None:
    before = torch.get_rng_state()
    recipe = Recipe(name="r", data="d", backbone="efficientnet_lite0", backbone_weights="none")
    assert step_seconds(recipe, name) > 0
    assert torch.equal(before, torch.get_rng_state())


def test_a_resumed_run_keeps_the_precision_it_began_with(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixelwise.training.setup.run_start.precision", lambda _: "bfloat16")
    run_squares(squares, tmp_path, *PLAIN, "steps=1", "precision=auto", "accelerator=cpu")
    recipe = Recipe.from_dict(checkpoint.load(tmp_path / checkpoint.LAST).recipe)
    assert recipe.precision == "bfloat16"
    auto = replace(recipe, precision="auto")
    monkeypatch.setattr("pixelwise.training.setup.run_start.precision", lambda _: "float32")
    assert settled(auto, resumed=tmp_path).precision == "bfloat16"
    assert settled(auto).precision == "float32"


def test_a_net_learns_nearly_the_same_in_bfloat16(squares: Path, tmp_path: Path) -> None:
    rates = ("learning_rate=0.1", "head_learning_rate=0.1", "accelerator=cpu", "steps=20")
    losses = []
    for name in ("float32", "bfloat16"):
        run_squares(squares, tmp_path / name, *PLAIN, *rates, f"precision={name}")
        lines = (tmp_path / name / "log.jsonl").read_text().splitlines()
        losses += [record["loss"] for record in map(json.loads, lines) if "loss" in record]
    full, half = losses
    assert full != half, "other numbers were computed with"
    assert half == pytest.approx(full, rel=0.05)
    assert full < 0.97 * math.log(2), "less than before the first step"
    assert all(
        t.dtype == torch.float32 for t in weights(tmp_path / "bfloat16").values() if t.is_floating_point()
    )


def test_float16_on_a_processor_is_bfloat16_and_a_note_says_so(
    squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("bfloat16", "float16"):
        assert run_squares(
            squares, tmp_path / name, *PLAIN, "steps=2", "accelerator=cpu", f"precision={name}"
        )
        said = "processors do not train in float16, so this run trains in bfloat16" in capsys.readouterr().err
        assert said == (name == "float16")
    assert_same(tmp_path / "bfloat16", tmp_path / "float16")


def test_the_scale_of_16_bit_losses_is_kept(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lightning_fabric.plugins.precision import Precision

    loaded: list[object] = []
    monkeypatch.setattr(Precision, "state_dict", lambda _: {"scale": 8.0})
    monkeypatch.setattr(Precision, "load_state_dict", lambda _, state: loaded.append(state))
    before_step(1, lambda: signal.raise_signal(signal.SIGTERM), monkeypatch)
    assert not run_squares(squares, tmp_path, *PLAIN, "steps=3")
    assert run_squares(squares, tmp_path, *PLAIN, "steps=3", resume=True)
    assert loaded == [{"scale": 8.0}]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (("backbone=test_vit",), "no layer of stride 8 for a skip"),
        (("backbone=test_convnext", "skips=2"), "no layer of stride 2 for a skip"),
    ],
)
def test_a_net_that_cannot_be_built_is_a_fault_of_the_recipe(
    settings: tuple[str, ...], complaint: str
) -> None:
    with pytest.raises(TrainingError, match=f"the net cannot be built: .*{complaint}") as caught:
        build_net(Recipe("r", "d").override([*settings, *UNTRAINED]), 2)
    assert caught.value.hint == "try other skips, another backbone, or batch_norm=train"


def test_an_accelerator_that_is_not_there_is_told(squares: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="accelerator=abacus with precision=float32 fails here: "):
        run_squares(squares, tmp_path, *PLAIN, "accelerator=abacus")


def test_synchronised_batch_normalisation_needs_gpus(squares: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="batch_norm=sync needs GPUs, this is a cpu"):
        run_squares(squares, tmp_path, *PLAIN, "batch_norm=sync", "accelerator=cpu")


def test_on_gpus_every_normalisation_is_synchronised_under_its_name() -> None:
    torch.manual_seed(0)
    net = build_net(
        Recipe("r", "d").override(["backbone=test_efficientnet", *UNTRAINED, "batch_norm=sync"]), 2
    )
    names = {name for name, module in net.named_modules() if isinstance(module, torch.nn.BatchNorm2d)}
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    _synchronise(net, cast("Fabric", SimpleNamespace(device=torch.device("cuda"))))
    found = {name for name, module in net.named_modules() if isinstance(module, torch.nn.SyncBatchNorm)}
    assert len(found) > 10 and found == names
    assert net.state_dict().keys() == state.keys()
    assert all(torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items())


def test_a_second_ctrl_c_ends_the_run_at_once_and_leaves_it_sound(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = (*PLAIN, "workers=1", "steps=6", "checkpoint_minutes=0")

    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    before_step(2, twice, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run_squares(squares, tmp_path, *settings)
    monkeypatch.undo()
    assert checkpoint.load(tmp_path / checkpoint.LAST).step == 2, "the step under way is lost"
    assert signal.getsignal(signal.SIGINT) is before
    assert run_squares(squares, tmp_path, *settings, resume=True)
    assert checkpoint.load(tmp_path / checkpoint.LAST).step == 6
    assert not list(tmp_path.glob("*.tmp"))
