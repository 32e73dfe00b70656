"""What may happen to a run: kills at any moment, a full disk, files that vanish or change while it reads."""

import errno
import io
import json
import multiprocessing
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from squares_runs import (
    assert_same,
    before_step,
    command,
    run_squares,
    run_telling_steps,
    saved_step,
    steps_told,
)

from pixelwise.core.errors import DataError, PixelwiseError, TrainingError
from pixelwise.training import checkpoint

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

KILLS, STEPS = 10, 160
EVERY_STEP = ("checkpoint_minutes=0", f"steps={STEPS}", "evaluate_every=80", "workers=0", "batch_size=2")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As in the processes that are killed: equal bits need equally many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_no_kill_at_any_moment_costs_more_than_the_interval_or_a_bit(squares: Path, tmp_path: Path) -> None:
    """Ten kills at random moments; the interval between checkpoints is one step."""
    run, told = tmp_path / "killed", tmp_path / "killed.txt"
    server = multiprocessing.get_context("forkserver")
    heavy = ["pixelwise.training.loop", "lightning_fabric", "torch.utils.tensorboard", "timm"]
    server.set_forkserver_preload(heavy)
    first = server.Process(target=time.sleep, args=(0,))
    first.start()
    first.join()  # all is imported
    moments = random.Random(0)
    on_the_way = 0
    for _ in range(KILLS):
        last = run / checkpoint.LAST
        process = server.Process(target=run_telling_steps, args=(squares, run, EVERY_STEP, last.exists()))
        goal = steps_told(told) + moments.randint(0, STEPS // KILLS - 2)
        process.start()
        while steps_told(told) < goal and process.is_alive():
            time.sleep(0.01)
        process.join(moments.uniform(0, 0.01))
        process.kill()
        process.join()
        if last.exists():
            saved = saved_step(run)  # it loads
            assert saved >= steps_told(told) - 1, "no more than the step under way is lost"
            on_the_way += 0 < saved < STEPS
    assert on_the_way >= 3, "too few kills hit a run on its way"

    rarely = (*EVERY_STEP, "checkpoint_minutes=60")
    assert run_squares(squares, run, *rarely, resume=True)
    whole = tmp_path / "whole"
    assert run_squares(squares, whole, *rarely)
    assert_same(run, whole)
    best, expected = (checkpoint.load(place / checkpoint.BEST) for place in (run, whole))
    assert best.step == expected.step
    assert all(torch.equal(best.mean[name], expected.mean[name]) for name in expected.mean)
    logs = [(place / "log.jsonl").read_text().splitlines() for place in (run, whole)]
    steps = [[json.loads(line)["step"] for line in lines] for lines in logs]
    assert steps[0] == steps[1], "no line is lost or there twice"


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The system refuses to let any file grow beyond this, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_leaves_the_old_checkpoint_alone(squares: Path, tmp_path: Path) -> None:
    run_squares(squares, tmp_path, *EVERY_STEP, "steps=1")
    before = (tmp_path / checkpoint.LAST).read_bytes()
    state = checkpoint.load(tmp_path / checkpoint.LAST)
    with (
        files_of_at_most(len(before) // 2),
        pytest.raises(
            TrainingError, match=r"cannot write the checkpoint of step 1: File too large"
        ) as caught,
    ):
        checkpoint.save(state, tmp_path / checkpoint.LAST)
    assert "free space on the disk" in str(caught.value.hint)
    assert f"the one before, {tmp_path / checkpoint.LAST}, is intact" in caught.value.message
    assert (tmp_path / checkpoint.LAST).read_bytes() == before
    assert not list(tmp_path.glob("*.tmp"))


def test_a_disk_that_is_full_before_the_first_checkpoint_makes_no_one_resume(
    squares: Path, tmp_path: Path
) -> None:
    run_squares(squares, tmp_path / "run", *EVERY_STEP, "steps=1")
    state = checkpoint.load(tmp_path / "run" / checkpoint.LAST)
    (tmp_path / "stages" / "1_first").mkdir(parents=True)
    (tmp_path / "stages" / checkpoint.CHAIN).write_text("{}")
    hints = {}
    for folder in (tmp_path, tmp_path / "stages" / "1_first"):
        with files_of_at_most(50_000), pytest.raises(TrainingError, match="File too large") as caught:
            checkpoint.save(state, folder / checkpoint.LAST)
        hints[folder.name] = str(caught.value.hint)
    assert hints.pop("1_first") == "free space on the disk, then continue with --resume", "the plan is there"
    (hint,) = hints.values()
    assert hint == "free space on the disk, then start the run again, because it has no checkpoint yet"


def test_a_disk_that_fills_under_the_log_is_told(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.StringIO):
        name = "log.jsonl"

        def write(self, _: str) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pixelwise.training.monitor._log_up_to", lambda *_: Full())
    with pytest.raises(TrainingError, match=r"cannot write log\.jsonl: No space left on device") as caught:
        run_squares(squares, tmp_path, *EVERY_STEP, "steps=20", "checkpoint_minutes=60", "evaluate_every=20")
    assert "start the run again" in str(caught.value.hint), "nothing was saved before step 20"


def test_the_command_tells_of_a_full_disk_and_goes_on_when_there_is_room(
    squares: Path, tmp_path: Path
) -> None:
    script = (
        "import resource, runpy\n"
        "from pixelwise.training.learner import Learner\n"
        "original = Learner.step\n"
        "def step(self, step, parts):\n"
        "    if step == 5:\n"
        "        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]\n"
        "        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))\n"
        "    return original(self, step, parts)\n"
        "Learner.step = step\n"
        "runpy.run_module('pixelwise', run_name='__main__', alter_sys=True)"
    )
    train = command(squares, tmp_path, *EVERY_STEP, "steps=8", "evaluate_every=8")
    arguments = train[train.index("train") :]
    filled = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True)
    last = tmp_path / checkpoint.LAST
    assert filled.returncode == 1, filled.stderr
    assert f"error: cannot write the checkpoint of step 6: File too large; the one before, {last}, is" in (
        filled.stderr
    )
    assert "free space on the disk, then continue with --resume" in filled.stderr
    assert "Traceback" not in filled.stderr
    assert saved_step(tmp_path) == 5
    assert not list(tmp_path.glob("*.tmp"))

    again = [*train[:5], "--output", str(tmp_path), "--resume"]
    resumed = subprocess.run(again, capture_output=True, text=True)
    assert resumed.returncode == 0, resumed.stderr
    assert saved_step(tmp_path) == 8


FIVE_EPOCHS = (*EVERY_STEP, "checkpoint_minutes=60", "steps=30", "evaluate_every=30")
"""12 pictures, 2 a step: an epoch has 6 steps."""


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_vanishes_costs_nothing_once_it_is_back(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    root, run = tmp_path / "squares", tmp_path / "run"
    shutil.copytree(squares, root)
    gone = root / "train/images/7.png"
    content = gone.read_bytes()
    before_step(8, gone.unlink, monkeypatch)
    settings = (*FIVE_EPOCHS, f"workers={workers}")
    with pytest.raises(DataError) as caught:
        run_squares(root, run, *settings)
    assert caught.value.message == f"the image {gone}: no such file"
    assert 8 < saved_step(run) < 30, "what was learnt so far is saved"

    gone.write_bytes(content)
    monkeypatch.undo()
    assert run_squares(root, run, *settings, resume=True)
    run_squares(root, tmp_path / "whole", *settings)
    assert_same(run, tmp_path / "whole")


def test_a_picture_that_cannot_be_judged_costs_no_step(squares: Path, tmp_path: Path) -> None:
    """It is damaged at the end of the run, after which everything is learnt but not judged."""
    root, run = tmp_path / "squares", tmp_path / "run"
    shutil.copytree(squares, root)
    damaged = root / "val/images/3.png"
    content = damaged.read_bytes()
    settings = (*FIVE_EPOCHS, "steps=12", "evaluate_every=6")
    with pytest.MonkeyPatch.context() as patch:
        before_step(11, lambda: damaged.write_bytes(b""), patch)
        with pytest.raises(PixelwiseError, match=r"3\.png: expected an image, got an empty file"):
            run_squares(root, run, *settings)
    state = checkpoint.load(run / checkpoint.LAST)
    assert (state.step, [entry["step"] for entry in state.history]) == (12, [6])

    damaged.write_bytes(content)
    assert run_squares(root, run, *settings, resume=True)
    run_squares(root, tmp_path / "whole", *settings)
    assert_same(run, tmp_path / "whole")


def test_an_evaluation_that_a_kill_hid_from_the_checkpoint_is_logged_once(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = (*EVERY_STEP, "checkpoint_minutes=60", "steps=20", "evaluate_every=20")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pixelwise.training.loop.stopping.is_best", killed)
        with pytest.raises(KeyboardInterrupt):
            run_squares(squares, tmp_path, *settings)
    assert run_squares(squares, tmp_path, *settings, resume=True)
    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [("loss" in record, record["step"]) for record in records] == [(True, 20), (False, 20)]


def test_an_id_that_appears_in_a_later_epoch_is_named_with_its_file(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, run = tmp_path / "squares", tmp_path / "run"
    shutil.copytree(squares, root)
    changed = root / "train/labels/3.png"

    def change() -> None:
        Image.fromarray(np.full((48, 64), 7, np.uint8)).save(changed)

    before_step(7, change, monkeypatch)
    with pytest.raises(DataError, match=r"holds the ids 7, but only ids 0 to 1, 255 are known") as caught:
        run_squares(root, run, *FIVE_EPOCHS)
    assert str(changed) in caught.value.message
    assert 6 < saved_step(run) < 30, "the first epoch went well"


def test_a_worker_that_is_killed_ends_the_run_with_a_checkpoint(
    squares: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill_workers() -> None:
        for worker in multiprocessing.active_children():
            worker.kill()
            worker.join()

    before_step(20, kill_workers, monkeypatch)
    with pytest.raises(TrainingError, match=r"a process that prepares samples has died") as caught:
        run_squares(squares, tmp_path, *FIVE_EPOCHS, "workers=1", "steps=200", "evaluate_every=200")
    assert "continue with --resume" in str(caught.value.hint)
    assert saved_step(tmp_path) >= 20


def test_a_run_that_somebody_else_is_training_is_left_alone(squares: Path, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    script = (
        "import fcntl, sys\nfile = open(sys.argv[1], 'w')\nfcntl.lockf(file, fcntl.LOCK_EX)\n"
        "print('locked', flush=True)\nsys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"locked\n"
        with pytest.raises(TrainingError, match="another process is training in"):
            run_squares(squares, tmp_path, *EVERY_STEP, "steps=1")
        other.kill()
    assert not list(tmp_path.glob("*.pt"))
    assert run_squares(squares, tmp_path, *EVERY_STEP, "steps=1"), "the lock ends with its process"
