"""Training end to end on generated squares: it learns, survives SIGKILL bit for bit, and refuses nonsense."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from squares_runs import SETTINGS, assert_same, command, run_squares, saved_step, signalled

from pixelwise.core.errors import TrainingError
from pixelwise.data import open_dataset
from pixelwise.training import checkpoint
from pixelwise.training.loop import train
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.recipe_net import load_run

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes


@pytest.fixture(scope="module")
def uninterrupted(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "whole"
    done = subprocess.run(command(squares, run), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return run


def test_training_learns_the_squares(squares: Path, tmp_path: Path) -> None:
    assert run_squares(
        squares, tmp_path / "run", "steps=120", "head_learning_rate=1e-2", "learning_rate=1e-2"
    )
    history = checkpoint.load(tmp_path / "run" / checkpoint.LAST).history
    assert history[-1]["step"] == 120
    assert history[-1]["mean_iou"] > 0.8
    assert list((tmp_path / "run/tensorboard").iterdir())


def test_a_run_killed_by_sigkill_resumes_to_the_same_weights(
    squares: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    run = tmp_path / "killed"
    killing = signalled(squares, run, signal.SIGKILL, 20, "checkpoint_minutes=0")
    killed = subprocess.run(killing, capture_output=True, text=True, start_new_session=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert saved_step(run) == 20
    resumed = subprocess.run(
        [*command(squares, run)[:5], "--output", str(run), "--resume"], capture_output=True, text=True
    )
    assert resumed.returncode == 0, resumed.stderr
    assert_same(run, uninterrupted)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_after_a_checkpoint(
    squares: Path, uninterrupted: Path, tmp_path: Path, number: signal.Signals
) -> None:
    run = tmp_path / "stopped"
    stopping = signalled(squares, run, number, 25)
    stopped = subprocess.run(stopping, capture_output=True, text=True, start_new_session=True)
    assert stopped.returncode == 130, stopped.stderr
    assert "continue with: pixelwise train finetune" in stopped.stderr
    assert saved_step(run) == 26, "the step under way is finished"
    assert run_again(run) == 0
    assert_same_weights(run, uninterrupted)


def run_again(run: Path) -> int:
    again = [sys.executable, "-m", "pixelwise", "train", "finetune", "--output", str(run), "--resume"]
    return subprocess.run(again, capture_output=True).returncode


def assert_same_weights(first: Path, second: Path) -> None:
    a, b = (checkpoint.load(run / checkpoint.LAST).mean for run in (first, second))
    assert all(torch.equal(a[name], b[name]) for name in b)


def test_a_folder_with_a_run_is_not_overwritten(squares: Path, uninterrupted: Path) -> None:
    with pytest.raises(TrainingError, match="already holds a run"):
        run_squares(squares, uninterrupted)


def test_resuming_with_other_settings_is_refused(squares: Path, uninterrupted: Path) -> None:
    with pytest.raises(TrainingError, match=r"learning_rate was .*, is now 0.5"):
        run_squares(squares, uninterrupted, "learning_rate=0.5", resume=True)


def test_resuming_what_never_started_says_so(squares: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="has written a checkpoint"):
        run_squares(squares, tmp_path, resume=True)


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "last.pt").write_bytes(b"half a checkpoint")
    with pytest.raises(TrainingError, match=r"last\.pt is damaged: it is cut off, or not a checkpoint"):
        checkpoint.load(tmp_path / "last.pt")


@pytest.mark.parametrize(
    ("damaged", "sound"), [(checkpoint.LAST, checkpoint.BEST), (checkpoint.BEST, checkpoint.LAST)]
)
def test_beside_a_damaged_checkpoint_the_sound_one_is_named(
    uninterrupted: Path, tmp_path: Path, damaged: str, sound: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    (run / damaged).write_bytes(b"half a checkpoint")
    with pytest.raises(TrainingError, match=rf"{damaged} is damaged") as caught:
        checkpoint.load(run / damaged)
    assert re.search(rf"{run / sound},? is intact", str(caught.value.hint))
    (run / sound).write_bytes(b"half a checkpoint")
    with pytest.raises(TrainingError) as caught:
        checkpoint.load(run / damaged)
    assert caught.value.hint == "start a new run"


def test_what_is_said_of_a_damaged_last_checkpoint_can_be_done(
    squares: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    best = checkpoint.load(run / checkpoint.BEST)
    (run / checkpoint.LAST).write_bytes(b"half a checkpoint")
    with pytest.raises(TrainingError) as caught:
        run_squares(squares, run, resume=True)
    assert f"take it from {run}, and another run starts from it with --set init_from={run}" in str(
        caught.value.hint
    )
    assert load_run(run)[1].training["steps"] == best.step
    still = ("learning_rate=0", "head_learning_rate=0", "steps=1")
    assert run_squares(squares, tmp_path / "next", f"init_from={run}", *still)
    begun = checkpoint.load(tmp_path / "next" / checkpoint.LAST).net
    assert all(torch.equal(begun[name], tensor) for name, tensor in best.mean.items())


def test_a_checkpoint_that_the_system_does_not_let_be_read_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(checkpoint, "regular_file", refused)
    with pytest.raises(TrainingError, match=r"^cannot read .*last\.pt: Permission denied") as caught:
        checkpoint.load(tmp_path / "last.pt")
    assert "new run" not in str(caught.value)


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(
    uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = checkpoint.load(uninterrupted / checkpoint.LAST)
    path = tmp_path / "last.pt"
    checkpoint.save(state, path)
    before = path.read_bytes()

    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", disk_full)
    with pytest.raises(TrainingError, match=r"step 40: No space left.*the one before, .*last\.pt, is intact"):
        checkpoint.save(state, path)
    assert path.read_bytes() == before


def test_classes_that_changed_since_the_run_was_started_are_told(squares: Path, tmp_path: Path) -> None:
    root, run = tmp_path / "squares", tmp_path / "run"
    shutil.copytree(squares, root)
    run_squares(root, run, "steps=1")
    before = (run / checkpoint.LAST).read_bytes()
    for names in ("ground square circle", "square ground", "ground box"):
        (root / "classes.txt").write_text("\n".join(names.split()))
        complaint = f"has the classes ground, square, but the data now has {', '.join(names.split())}"
        with pytest.raises(TrainingError) as caught:
            run_squares(root, run, "steps=1", resume=True)
        assert caught.value.message.endswith(complaint)
    assert (run / checkpoint.LAST).read_bytes() == before


@pytest.mark.parametrize("names", ["square ground", "ground square tree"])
def test_what_is_judged_must_have_the_classes_that_are_learnt(
    squares: Path, tmp_path: Path, names: str
) -> None:
    other = tmp_path / "other"
    shutil.copytree(squares, other)
    (other / "classes.txt").write_text("\n".join(names.split()))
    recipe = Recipe("squares", f"folder:{squares}").override([*SETTINGS, "steps=1"])
    sets = open_dataset(recipe.data, "train"), open_dataset(f"folder:{other}", "val")
    with pytest.raises(TrainingError) as caught:
        train(recipe, *sets, tmp_path / "run")
    assert caught.value.message == (
        f"folder:{squares} train has the classes ground, square, "
        f"but folder:{other} val {', '.join(names.split())}"
    )
    assert not (tmp_path / "run").exists()


def test_an_output_that_is_a_file_is_told(squares: Path, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    with pytest.raises(TrainingError, match=r"cannot make the run folder .*notes\.txt: File exists"):
        run_squares(squares, file)
    with pytest.raises(TrainingError, match=r"cannot make the run folder .*run: Not a directory"):
        run_squares(squares, file / "run")
    with pytest.raises(TrainingError, match=r"notes\.txt/last\.pt does not exist"):
        run_squares(squares, file, resume=True)
    assert file.read_text() == "mine"


def test_a_run_folder_that_may_not_be_written_into_is_told_before_anything_is_learnt(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):  # as the superuser may
        monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(TrainingError, match="is not writable"):
        run_squares(squares, tmp_path)
    assert not list(tmp_path.iterdir())
