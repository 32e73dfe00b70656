"""Stages as one recipe, and the search for a learning rate."""

import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import torch
import typer
from squares_runs import SETTINGS, before_step

from pixelwise import recipes
from pixelwise.cli.train import train
from pixelwise.core.errors import TrainingError
from pixelwise.data import LabelledImages, open_dataset
from pixelwise.models.paper_nets import CATALOGUE
from pixelwise.training import checkpoint, rate_search
from pixelwise.training.checkpoint import CHAIN
from pixelwise.training.loop import train as fit
from pixelwise.training.rate_search import Trial, best, find_rate
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.recipe_net import load_run
from pixelwise.training.stages import Chain, read_chain, train_chain
from pixelwise.training.validation import Judge

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

FCN = (
    *("backbone_weights=none", "freeze_stages=0", "crop=33", "batch_size=2", "warmup_steps=0", "workers=0"),
    *("optimizer=sgd", "learning_rate=1e-3", "head_learning_rate=1e-3", "steps=6", "evaluate_every=3"),
)


@pytest.fixture(scope="module", autouse=True)
def narrow_nets() -> Iterator[None]:
    narrow = {"widths": (8, 8, 16, 16, 16), "filters": 16}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fcn32s-vgg16", "fcn16s-vgg16", "fcn8s-vgg16"):
            arguments = {**CATALOGUE[name].arguments, **narrow}
            patch.setitem(CATALOGUE, name, replace(CATALOGUE[name], arguments=arguments))
        yield


@pytest.fixture
def sets(squares: Path) -> tuple[LabelledImages, LabelledImages]:
    return open_dataset(f"folder:{squares}", "train"), open_dataset(f"folder:{squares}", "val")


def stages(*more: str) -> Chain:
    recipes = [
        Recipe(name=f"fcn{stride}s", data="folder:x").override([*FCN, f"net=fcn{stride}s-vgg16", *more])
        for stride in (32, 16, 8)
    ]
    return Chain("all", tuple(recipes))


def test_a_chain_goes_on_in_the_stage_that_was_under_way(
    sets: tuple[LabelledImages, LabelledImages], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, run = tmp_path / "whole", tmp_path / "run"
    assert train_chain(stages(), *sets, whole)
    assert sorted(place.name for place in whole.iterdir()) == ["1_fcn32s", "2_fcn16s", "3_fcn8s", CHAIN]

    second: list[None] = []

    def stop_in_the_second_stage() -> None:
        second.append(None)
        if len(second) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    before_step(2, stop_in_the_second_stage, monkeypatch)
    assert not train_chain(stages(), *sets, run)
    monkeypatch.undo()
    assert checkpoint.load(run / "2_fcn16s/last.pt").step == 3
    assert not (run / "3_fcn8s").exists()
    assert load_run(run)[1].training["recipe"]["net"] == "fcn16s-vgg16", "the latest stage there is"

    with pytest.raises(TrainingError, match="already holds a run"):
        train_chain(stages(), *sets, run)
    assert train_chain(read_chain(run), *sets, run, resume=True)
    for place in ("1_fcn32s", "2_fcn16s", "3_fcn8s"):
        one, other = (checkpoint.load(folder / place / checkpoint.LAST) for folder in (run, whole))
        assert one.step == other.step == 6
        assert all(torch.equal(one.net[name], other.net[name]) for name in other.net)
    assert load_run(run)[1].training["recipe"]["net"] == "fcn8s-vgg16"


def test_a_signal_during_the_last_evaluation_of_a_stage_stops_the_chain(
    sets: tuple[LabelledImages, LabelledImages], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = Judge.__call__

    def interrupted(self: Judge, weights: Mapping[str, torch.Tensor]) -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGTERM)
        return judged(self, weights)

    monkeypatch.setattr(Judge, "__call__", interrupted)
    assert not train_chain(stages("steps=3"), *sets, tmp_path)
    monkeypatch.undo()
    assert sorted(place.name for place in tmp_path.iterdir()) == ["1_fcn32s", CHAIN]
    assert checkpoint.load(tmp_path / "1_fcn32s/last.pt").history[-1]["step"] == 3, "it was judged to the end"


def test_the_command_goes_on_with_a_chain_as_it_was_begun(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(recipes, "get_recipe", lambda name: stages())
    settings = [f"data=folder:{squares}", "steps=4"]
    before_step(3, lambda: os.kill(os.getpid(), signal.SIGTERM), monkeypatch)
    run = tmp_path / "run"
    assert command("all", settings, run, False) == "stopped", "at the last step of the first stage"
    assert [place.name for place in sorted(run.iterdir())] == ["1_fcn32s", CHAIN]
    assert command("all", [], run, True) == "stopped", "at the last step of the second"
    assert command("all", [], run, True) == "stopped", "at the last step of all"
    assert command("all", [], run, True) == "finished"
    assert checkpoint.load(run / "3_fcn8s/last.pt").step == 4
    assert capsys.readouterr().out.count("finished") == 1
    assert command("all", settings, run, False) == "already holds a run"


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [("steps=3", "steps was 6, is now 3, but a run can only be made longer"), ("batch_size=4", "has now 4")],
)
def test_settings_that_forbid_to_go_on_are_not_noted(
    sets: tuple[LabelledImages, LabelledImages],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    complaint: str,
) -> None:
    before_step(2, lambda: os.kill(os.getpid(), signal.SIGTERM), monkeypatch)
    assert not train_chain(stages(), *sets, tmp_path)
    monkeypatch.undo()
    noted = (tmp_path / CHAIN).read_bytes()
    with pytest.raises(TrainingError, match=complaint):
        train_chain(read_chain(tmp_path).override([setting]), *sets, tmp_path, resume=True)
    assert (tmp_path / CHAIN).read_bytes() == noted

    chain = read_chain(tmp_path)
    later = [stage.override(["steps=1"]) for stage in chain.stages[1:]]
    assert train_chain(Chain("all", (chain.stages[0], *later)), *sets, tmp_path, resume=True)
    assert [checkpoint.load(place / "last.pt").step for place in chain.places(tmp_path)] == [6, 1, 1]
    assert read_chain(tmp_path).stages[1].steps == 1, "what has not begun may change"


def command(recipe: str, settings: list[str], run: Path, resume: bool) -> str:
    try:
        train(recipe, settings, run, resume)
    except TrainingError as error:
        return error.message[-len("already holds a run") :]
    except typer.Exit as end:
        assert end.exit_code == 130
        return "stopped"
    return "finished"


def test_the_command_that_finds_a_rate_writes_nothing(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rate_search.find_rate, "__defaults__", (2,))  # steps
    monkeypatch.setattr(recipes, "get_recipe", lambda name: stages())
    train("all", [f"data=folder:{squares}", "classes=square, ground"], tmp_path / "run", find_rate=True)
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert len(lines) == 1 + 7 + 1
    given = f"--set data=folder:{squares} --set 'classes=square, ground'"
    assert lines[-1].startswith(f"lowest loss: pixelwise train all {given} --set learning_rate=")
    assert "note: this is for the first of 3 stages, but --set changes all of them" in printed.err
    assert not (tmp_path / "run").exists()


def test_a_stage_begins_with_the_best_net_of_the_one_before(
    sets: tuple[LabelledImages, LabelledImages], tmp_path: Path
) -> None:
    assert train_chain(stages("learning_rate=0", "head_learning_rate=0"), *sets, tmp_path)
    first, last = (checkpoint.load(tmp_path / place / "best.pt") for place in ("1_fcn32s", "3_fcn8s"))
    assert last.recipe["init_from"] == str(tmp_path / "2_fcn16s")
    names = [name for name in first.mean if name.startswith("backbone.")]
    assert len(names) == 26
    assert all(torch.equal(first.mean[name], last.mean[name]) for name in names)


def test_settings_count_in_every_stage_and_faults_name_theirs() -> None:
    chain = stages().override(["steps=9", "data=folder:y"])
    assert [(stage.steps, stage.data) for stage in chain.stages] == [(9, "folder:y")] * 3
    with pytest.raises(
        TrainingError, match="fcn32s cannot run with these settings: steps must be at least 1"
    ):
        stages("steps=0")


def test_a_stage_whose_checkpoints_are_damaged_can_start_again(
    sets: tuple[LabelledImages, LabelledImages], tmp_path: Path
) -> None:
    assert train_chain(stages("steps=1"), *sets, tmp_path)
    second = tmp_path / "2_fcn16s"
    for name in (checkpoint.BEST, checkpoint.LAST):
        (second / name).write_bytes(b"")
    with pytest.raises(TrainingError) as caught:
        train_chain(read_chain(tmp_path), *sets, tmp_path, resume=True)
    assert caught.value.hint == f"remove {second}, and --resume starts this stage again"
    shutil.rmtree(second)
    assert train_chain(read_chain(tmp_path), *sets, tmp_path, resume=True)
    assert checkpoint.load(second / checkpoint.LAST).step == 1


@pytest.mark.parametrize("content", ["", "{}", "[1]"])
def test_a_damaged_chain_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / CHAIN).write_text(content)
    with pytest.raises(TrainingError, match=r"chain\.json is damaged"):
        read_chain(tmp_path)
    with pytest.raises(TrainingError, match="holds no run of stages"):
        read_chain(tmp_path / "nowhere")


def test_the_search_tries_rates_around_the_best_and_none_that_explode_wins(squares: Path) -> None:
    rates = ["optimizer=sgd", "learning_rate=0.05", "head_learning_rate=0.1", "workers=0", "dropout=0"]
    recipe = Recipe(name="squares", data=f"folder:{squares}").override([*SETTINGS, *rates])
    trials = list(find_rate(recipe, open_dataset(recipe.data, "train"), steps=9))
    coarse, fine = trials[:5], trials[5:]
    assert [trial.learning_rate for trial in coarse] == pytest.approx([5e-4, 5e-3, 0.05, 0.5, 5])
    assert all(trial.head_learning_rate == pytest.approx(2 * trial.learning_rate) for trial in trials)
    middle = best(coarse).learning_rate
    assert [trial.learning_rate for trial in fine] == pytest.approx([middle / 3, middle * 3])
    assert best(trials).loss == min(trial.loss for trial in trials) < coarse[0].loss
    assert find_rate(recipe, open_dataset(recipe.data, "train"), steps=9).__next__() == trials[0], (
        "repeatable"
    )


def test_a_rate_at_which_the_loss_is_no_number_comes_last(squares: Path) -> None:
    recipe = Recipe(name="squares", data=f"folder:{squares}").override([*SETTINGS, "optimizer=sgd"])
    recipe = replace(recipe, learning_rate=1e15, head_learning_rate=1e15, workers=0)
    first = next(find_rate(recipe, open_dataset(recipe.data, "train"), steps=4))
    assert first.loss == float("inf")
    assert best([first, Trial(1e-3, 1e-2, 0.5)]).settings() == [
        "learning_rate=0.001",
        "head_learning_rate=0.01",
    ]
    with pytest.raises(TrainingError, match=r"gave a finite loss, down to 1e\+13 and 1e\+13"):
        best([first])


def test_the_search_goes_on_around_the_best_even_where_one_rate_is_0(
    squares: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    factors: list[float] = []
    audits: list[Recipe] = []

    def trial(recipe: Recipe, *rest: object) -> Trial:
        factors.append(cast(float, rest[-1]))
        return Trial(0.0, factors[-1], abs(10 - factors[-1]))

    monkeypatch.setattr(rate_search, "_trial", trial)
    monkeypatch.setattr(rate_search, "class_weights", lambda recipe, _: audits.append(recipe))
    recipe = Recipe(name="squares", data=f"folder:{squares}").override([*SETTINGS, "learning_rate=0"])
    list(find_rate(recipe, open_dataset(recipe.data, "train")))
    assert factors == pytest.approx([0.01, 0.1, 1, 10, 100, 10 / 3, 30])
    assert len(audits) == 1, "the pixels of the classes are counted once"


def test_a_run_and_a_run_of_stages_do_not_share_a_folder(
    squares: Path,
    sets: tuple[LabelledImages, LabelledImages],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain, several = tmp_path / "plain", tmp_path / "several"
    single = stages("steps=1").stages[0]
    assert fit(single, *sets, plain)
    assert train_chain(stages("steps=1"), *sets, several)
    with pytest.raises(TrainingError, match="plain already holds a run"):
        train_chain(stages("steps=1"), *sets, plain)
    with pytest.raises(TrainingError, match="several already holds a run"):
        fit(single, *sets, several)
    assert sorted(place.name for place in several.iterdir()) == ["1_fcn32s", "2_fcn16s", "3_fcn8s", CHAIN]

    known = {"all": stages(), "fcn32s": single, "fcn16s": stages().stages[1]}
    monkeypatch.setattr(recipes, "get_recipe", known.__getitem__)
    for name, run, complaint in (
        ("fcn16s", plain, "plain holds a run of fcn32s, not of fcn16s"),
        ("all", plain, "plain holds no run of stages"),
        ("fcn32s", several, "last.pt does not exist"),
    ):
        with pytest.raises(TrainingError, match=complaint):
            train(name, [], run, resume=True)
