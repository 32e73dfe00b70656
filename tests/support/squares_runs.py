"""Runs of a tiny net on the generated squares of tests/training/conftest.py."""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from pixelwise.data import open_dataset
from pixelwise.training import checkpoint
from pixelwise.training.learner import Learner
from pixelwise.training.loop import train
from pixelwise.training.monitor import Monitor
from pixelwise.training.recipe import Recipe

SETTINGS = [
    "backbone=test_efficientnet",
    "backbone_weights=none",
    "freeze_stages=0",
    "context=8",
    "hidden=4",
    "crop=33",
    "batch_size=4",
    "dropout=0.2",
    "steps=40",
    "warmup_steps=5",
    "evaluate_every=20",
    "checkpoint_minutes=60",
]


def run_squares(squares: Path, run: Path, *more: str, resume: bool = False) -> bool:
    return run_recipe(squares, run, *SETTINGS, *start(squares), *more, resume=resume)


def start(squares: Path) -> list[str]:
    """The weights of the trunk, where the data bring some: with random ones, batch normalisation is not
    frozen.
    """
    trunk = squares / "trunk.safetensors"
    return [f"backbone_weights={trunk}"] if trunk.exists() else []


def run_recipe(folder: Path, run: Path, *settings: str, resume: bool = False) -> bool:
    """Train on a folder with a recipe of these settings."""
    recipe = Recipe(name="squares", data=f"folder:{folder}").override([*settings])
    sets = [open_dataset(recipe.data, split) for split in ("train", "val")]
    return train(recipe, sets[0], sets[1], run, resume)


def command(squares: Path, run: Path, *more: str) -> list[str]:
    all_settings = [f"data=folder:{squares}", *SETTINGS, *start(squares), *more]
    settings = [part for setting in all_settings for part in ("--set", setting)]
    return [sys.executable, "-m", "pixelwise", "train", "finetune", *settings, "--output", str(run)]


def signalled(squares: Path, run: Path, number: signal.Signals, step: int, *more: str) -> list[str]:
    """A command that trains and, when step `step` (from 0) begins, sends the signal to its process group."""
    script = (
        "import os, runpy\n"
        "from pixelwise.training.learner import Learner\n"
        "original = Learner.step\n"
        "def step(self, step, parts):\n"
        f"    if step == {step}:\n"
        f"        os.killpg(os.getpgid(0), {int(number)})\n"
        "    return original(self, step, parts)\n"
        "Learner.step = step\n"
        "runpy.run_module('pixelwise', run_name='__main__', alter_sys=True)"
    )
    train = command(squares, run, *more)
    return [sys.executable, "-c", script, *train[train.index("train") :]]


def assert_same(first: Path, second: Path) -> None:
    a, b = checkpoint.load(first / checkpoint.LAST), checkpoint.load(second / checkpoint.LAST)
    assert a.step == b.step
    assert a.net.keys() == b.net.keys() == a.mean.keys() == b.mean.keys() != set()
    for name in a.net:
        assert torch.equal(a.net[name], b.net[name]), name
        assert torch.equal(a.mean[name], b.mean[name]), name
    assert a.optimizer["param_groups"] == b.optimizer["param_groups"] != []
    assert a.optimizer["state"].keys() == b.optimizer["state"].keys()
    for key, moments in a.optimizer["state"].items():
        assert moments.keys() == b.optimizer["state"][key].keys()
        for name, value in moments.items():
            other = b.optimizer["state"][key][name]
            assert value is other or torch.equal(value, other), name
    assert a.history == b.history


def saved_step(run: Path) -> int:
    return checkpoint.load(run / checkpoint.LAST).step


def before_step(number: int, act: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have `act` called when step `number` (from 0) begins."""
    original = Learner.step

    def step(self: Learner, step: int, parts: object) -> float:
        if step == number:
            act()
        return original(self, step, parts)  # type: ignore[arg-type]

    monkeypatch.setattr(Learner, "step", step)


def run_telling_steps(squares: Path, run: Path, settings: Sequence[str], resume: bool) -> None:
    """A run that writes the number of each step, when it is done, into the text file beside its folder."""
    torch.set_num_threads(1)
    told = os.open(run.with_suffix(".txt"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    original = Monitor.step

    def step(self: Monitor, done: int, loss: float, rate: float) -> None:
        os.write(told, f"{done}\n".encode())
        time.sleep(0.01)  # on a machine of any speed few steps pass before a kill that follows
        original(self, done, loss, rate)

    Monitor.step = step  # type: ignore[method-assign]
    run_squares(squares, run, *settings, resume=resume)


def steps_told(told: Path) -> int:
    """The last step that `run_telling_steps` told, 0 if none."""
    return int(told.read_text().split()[-1]) if told.exists() and told.stat().st_size else 0
