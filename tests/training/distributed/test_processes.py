"""Several processes train as one, are judged as one, and end together."""

import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from squares_runs import command, saved_step

from pixelwise.cli.train import train
from pixelwise.core.errors import DataError, TrainingError
from pixelwise.data import open_dataset
from pixelwise.training import checkpoint
from pixelwise.training.distributed.launcher import is_first, is_first_here, launch
from pixelwise.training.distributed.processes import connected, count
from pixelwise.training.recipe import Recipe
from pixelwise.training.validation import Judge

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

# Adam would divide rounding errors by tiny gradients.
SGD = ("optimizer=sgd", "learning_rate=0.1", "head_learning_rate=0.1", "dropout=0", "workers=0", "clip=1")


def sharing(squares: Path, run: Path, *more: str) -> list[str]:
    return [*command(squares, run, *SGD, "batch_size=2", "steps=40", *more), "--devices", "2"]


def run_of(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@contextmanager
def started(command: list[str], **more: str) -> Iterator["subprocess.Popen[str]"]:
    """A command with more environment variables; at the end it and all that it has started are killed."""
    environment = {**os.environ, **more}
    with subprocess.Popen(
        command, stdout=PIPE, stderr=PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def wait_for_two_steps(process: "subprocess.Popen[str]", run: Path) -> None:
    deadline = time.monotonic() + 200
    while not (run / "last.pt").exists() or saved_step(run) < 2:
        assert process.poll() is None and time.monotonic() < deadline, "it has not come to its second step"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def alone(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 steps of one process with batches of 4."""
    run = tmp_path_factory.mktemp("runs") / "alone"
    done = run_of(command(squares, run, *SGD, "batch_size=4", "steps=40"))
    assert done.returncode == 0, done.stderr
    return run


def assert_alike(run: Path, other: Path) -> None:
    one, two = (checkpoint.load(place / checkpoint.LAST) for place in (run, other))
    assert one.step == two.step == 40
    for name, tensor in one.net.items():
        torch.testing.assert_close(tensor, two.net[name], rtol=1e-5, atol=1e-5)
    for before, after in zip(one.history, two.history, strict=True):
        assert after == pytest.approx(before, abs=2 / (4 * 48 * 64)), "but for two pixels"


def losses(run: Path) -> list[float]:
    lines = (run / "log.jsonl").read_text().splitlines()
    return [record["loss"] for record in map(json.loads, lines) if "loss" in record]


def test_two_processes_learn_as_one_with_batches_twice_as_large(
    squares: Path, alone: Path, tmp_path: Path
) -> None:
    run = tmp_path / "two"
    done = run_of(sharing(squares, run))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("finished") == 1, "one of them tells"
    assert "GLOBAL_RANK" not in done.stderr and "Warning" not in done.stderr
    assert_alike(run, alone)
    assert losses(run) == pytest.approx(losses(alone), abs=1e-5)
    assert len(losses(run)) == 2


def test_torchrun_does_the_same_and_accumulated_batches_count_like_processes(
    squares: Path, alone: Path, tmp_path: Path
) -> None:
    run = tmp_path / "two"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    arguments = command(squares, run, *SGD, "batch_size=1", "accumulate=2", "steps=40")[1:]
    done = run_of([*torchrun, *arguments])
    assert done.returncode == 0, done.stderr
    assert_alike(run, alone)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_ends_the_run_which_one_process_can_finish(
    squares: Path, alone: Path, tmp_path: Path, rank: int
) -> None:
    run = tmp_path / "two"
    with started(sharing(squares, run, "checkpoint_minutes=0"), **killing(tmp_path, rank)) as process:
        _, stderr = process.communicate(timeout=290)
    assert process.returncode == 1
    assert f"error: process {rank} of 2 was ended by SIGKILL" in stderr
    if rank == 1:
        assert "error: another process of this run has ended" in stderr
    assert "Traceback" not in stderr
    assert saved_step(run) == 5, "the step under way is lost"

    resumed = run_of([*command(squares, run)[:5], "--output", str(run), "--resume"])
    assert resumed.returncode == 1
    assert "a step had 4 images (batch_size x accumulate x processes), has now 2" in resumed.stderr
    assert "with --devices, batch_size and accumulate that give the same number" in resumed.stderr
    resumed = run_of([*command(squares, run)[:5], "--output", str(run), "--resume", "--set", "batch_size=4"])
    assert resumed.returncode == 0, resumed.stderr
    assert_alike(run, alone)


def killing(folder: Path, rank: int) -> dict[str, str]:
    """Variables under which the process of that rank kills itself when its sixth step begins: Python runs
    what is called `sitecustomize` before anything else.
    """
    (folder / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Killing:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == 'pixelwise.training.loop' and os.environ['RANK'] == '{rank}':\n"
        "            from pixelwise.training.learner import Learner\n"
        "            original = Learner.step\n"
        "            def step(self, step, parts):\n"
        "                if step == 5:\n"
        "                    os.kill(os.getpid(), signal.SIGKILL)\n"
        "                return original(self, step, parts)\n"
        "            Learner.step = step\n"
        "if 'RANK' in os.environ:\n"
        "    sys.meta_path.insert(0, Killing())\n"
    )
    return {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])}


def test_a_file_that_is_gone_for_one_process_ends_both_with_one_message(
    squares: Path, tmp_path: Path
) -> None:
    root, run = tmp_path / "squares", tmp_path / "two"
    shutil.copytree(squares, root)
    with started(sharing(root, run, "checkpoint_minutes=0", "steps=100000")) as process:
        wait_for_two_steps(process, run)
        (root / "train/images/7.png").unlink()
        _, stderr = process.communicate(timeout=90)
    assert process.returncode == 1
    assert stderr.count("error: ") == 1
    assert f"error: the image {root / 'train/images/7.png'}: no such file" in stderr
    assert saved_step(run) >= 2


def test_a_picture_that_one_process_cannot_judge_ends_both_at_once_with_one_message(
    squares: Path, tmp_path: Path
) -> None:
    root, run = tmp_path / "squares", tmp_path / "two"
    shutil.copytree(squares, root)
    settings = ("checkpoint_minutes=0", "steps=100000", "evaluate_every=20")
    with started(sharing(root, run, *settings)) as process:
        wait_for_two_steps(process, run)
        (root / "val/images/3.png").write_bytes(b"")  # the second process's
        _, stderr = process.communicate(timeout=90)
    assert process.returncode == 1
    # Rarely the interpreter of a process that has told its error ends in abort(), which the launcher tells.
    told = [line for line in stderr.splitlines() if line.startswith("error: ") and "SIGABRT" not in line]
    assert len(told) == 1
    assert "val/images/3.png: expected an image, got an empty file" in told[0]
    assert saved_step(run) % 20 == 0, "what was to be judged is saved"


def test_a_part_of_the_val_split_may_show_ground_and_void_alone(squares: Path, tmp_path: Path) -> None:
    """Whether 255 stands for an object is asked of the whole split."""
    root, run = tmp_path / "squares", tmp_path / "two"
    shutil.copytree(squares, root)
    labels = np.zeros((48, 64), np.uint8)
    labels[:4] = 255
    for number in (0, 1):  # the first process's part
        Image.fromarray(labels).save(root / f"val/labels/{number}.png")
    done = run_of(sharing(root, run, "steps=1", "evaluate_every=1"))
    assert done.returncode == 0, done.stderr
    (figures,) = checkpoint.load(run / checkpoint.LAST).history
    assert {"iou/ground", "iou/square"} <= figures.keys()


def test_statistics_of_normalisations_are_judged_as_they_are_saved(squares: Path, tmp_path: Path) -> None:
    """Each process has its own, of the pictures that it has seen; the first one writes."""
    run = tmp_path / "two"
    settings = ("batch_norm=train", "ema=0", "steps=24", "evaluate_every=24")
    done = run_of(sharing(squares, run, *settings))
    assert done.returncode == 0, done.stderr
    state = checkpoint.load(run / checkpoint.LAST)
    recipe, val_set = Recipe.from_dict(state.recipe), open_dataset(f"folder:{squares}", "val")
    with connected(recipe) as fabric:
        figures = Judge(fabric, recipe, val_set, 3)(state.mean)
    assert state.history == [{"step": 24, **figures}]
    assert 0.85 < figures["pixel_accuracy"] < 0.999, "neither all ground nor all right"


def test_two_nodes_learn_as_one_process_and_their_shares_have_its_very_figures(
    squares: Path, alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """3 pictures are judged, 1 on one node and 2 on the other; the net does not change."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # equal bits need equally many threads
    root = tmp_path / "squares"
    shutil.copytree(squares, root)
    for kind in ("images", "labels"):
        (root / f"val/{kind}/0.png").unlink()
    still = ("workers=0", "optimizer=sgd", "learning_rate=0", "head_learning_rate=0", "ema=0", "steps=2")
    settings = (*still, "evaluate_every=1", f"init_from={alone}")
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    two = [*command(root, tmp_path / "two", *settings, "batch_size=1"), "--nodes", "2"]
    with (
        started(two, NODE_RANK="1", **meeting) as second,
        started(two, NODE_RANK="0", **meeting) as first,
    ):
        nodes = [second, first]
        single = run_of(command(root, tmp_path / "one", *settings, "batch_size=2"))
        told = [node.communicate(timeout=300) for node in nodes]
    assert [single.returncode, *(node.returncode for node in nodes)] == [0, 0, 0], (single.stderr, told)
    assert [out.count("finished") for out, _ in told] == [0, 1], "the first node tells"
    assert "Warning" not in told[0][1] + told[1][1]

    one, other = (checkpoint.load(tmp_path / name / checkpoint.LAST) for name in ("one", "two"))
    assert all(torch.equal(tensor, other.net[name]) for name, tensor in one.net.items())
    assert one.history == other.history and len(other.history) == 2
    assert 0.5 < other.history[0]["mean_accuracy"] < 1, "neither all ground nor all right"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def test_a_fault_that_all_processes_find_is_told_once(squares: Path, tmp_path: Path) -> None:
    (tmp_path / checkpoint.LAST).touch()
    done = run_of(sharing(squares, tmp_path))
    assert done.returncode == 1
    assert f"\nerror: {tmp_path} already holds a run\nhint: " in done.stderr
    assert done.stderr.count("warning: ") == 1, "the four pictures to judge by"
    assert done.stderr.count("error: ") == 1


def test_only_the_first_process_of_a_machine_tells_of_its_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [f"data=folder:{tmp_path / 'nowhere'}"]
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "run")
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(typer.Exit) as silent:
        train("finetune", settings, tmp_path / "run")
    assert silent.value.exit_code == 1
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("LOCAL_RANK", "0")
    with pytest.raises(DataError, match="nowhere does not exist"):
        train("finetune", settings, tmp_path / "run")


def test_variables_of_other_launchers_make_no_process_one_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert is_first() and is_first_here() and count() == 1
    monkeypatch.setattr("pixelwise.training.distributed.launcher.launch", lambda devices, *_: 40 + devices)
    with pytest.raises(typer.Exit) as launched:
        train("finetune", devices=2)
    assert launched.value.exit_code == 42


def test_of_a_fault_that_others_find_earlier_the_first_process_has_time_to_tell(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    script = (
        "import os, sys, time\n"
        "if os.environ['RANK'] == '0':\n"
        "    time.sleep(1)\n"
        "    print('error: told', file=sys.stderr)\n"
        "sys.exit(1)"
    )
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda _, env: popen([sys.executable, "-c", script], env=env))
    assert launch(3, 1, []) == 1
    assert capfd.readouterr().err == "error: told\n"


def test_a_signal_while_processes_are_started_reaches_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(_: object, env: dict[str, str]) -> "subprocess.Popen[bytes]":
        started.append(popen(["sleep", "600"]))
        if len(started) == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    assert launch(2, 1, []) == 1
    assert [process.returncode for process in started] == [-signal.SIGTERM] * 2


def test_a_process_that_cannot_be_started_leaves_no_other_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(_: object, env: dict[str, str]) -> "subprocess.Popen[bytes]":
        if started:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        started.append(popen(["sleep", "600"]))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    with pytest.raises(OSError, match="memory"):
        launch(2, 1, [])
    assert started[0].returncode == -signal.SIGKILL


def test_an_interrupt_of_the_launcher_alone_stops_its_processes(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As SIGTERM, since a second SIGINT would end them at once, and a terminal sends them the first."""
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(_: object, env: dict[str, str]) -> "subprocess.Popen[bytes]":
        started.append(popen(["sleep", "60"]))
        if len(started) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    assert launch(2, 1, []) == 130
    assert [process.returncode for process in started] == [-signal.SIGTERM] * 2
    assert capfd.readouterr().err == ""


def test_a_failure_after_an_interrupt_is_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    popen = subprocess.Popen

    def start(_: object, env: dict[str, str]) -> "subprocess.Popen[bytes]":
        process = popen(
            ["sh", "-c", "trap 'exit 3' TERM; echo; while :; do sleep 0.05; done"],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        with process.stdout as said:
            said.readline()  # it has its handler now
        os.kill(os.getpid(), signal.SIGINT)
        return process

    monkeypatch.setattr(subprocess, "Popen", start)
    assert launch(1, 1, []) == 3


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "--nodes 2 needs MASTER_PORT, NODE_RANK in the environment"),
        ({"MASTER_PORT": "29500", "NODE_RANK": "2"}, "NODE_RANK must be a whole number from 0 to 1, got '2'"),
        ({"MASTER_PORT": "http", "NODE_RANK": "0"}, "MASTER_PORT must be a whole .* 65535, got 'http'"),
    ],
)
def test_several_machines_must_know_where_to_meet(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], complaint: str
) -> None:
    for name in ("MASTER_PORT", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"MASTER_ADDR": "10.0.0.1", **given}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TrainingError, match=complaint):
        launch(1, 2, ["train", "finetune"])
