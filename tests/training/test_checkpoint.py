"""Checkpoints: a flipped bit is found, faults are reported in our words, and the intact file is named."""

import dataclasses
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from squares_runs import run_squares

from pixelwise.core.errors import TrainingError
from pixelwise.training import checkpoint
from pixelwise.training.monitor import _log_up_to
from pixelwise.training.setup.recipe_net import load_run
from pixelwise.training.stages import read_chain


@pytest.fixture(scope="module")
def run(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "short"
    assert run_squares(squares, folder, "steps=2", "evaluate_every=1", "workers=0")
    return folder


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "copy"))


def refusal(path: Path) -> str:
    with pytest.raises(TrainingError) as caught:
        checkpoint.load(path)
    text = str(caught.value)
    assert str(path) in text
    assert "weights_only" not in text and "torch" not in text and "\x1b" not in text
    return text


def unsealed(path: Path, **changes: Any) -> None:
    """Write the checkpoint as versions before this did, with other values in some fields."""
    content = {**vars(checkpoint.load(path)), **changes}
    torch.save(content, path)


@pytest.mark.slow
def test_any_bit_that_flips_is_found_and_the_sound_file_named(copy: Path) -> None:
    """At 50 places of last.pt; the checksum's own bytes among them."""
    last, moments = copy / checkpoint.LAST, random.Random(0)
    content = last.read_bytes()
    places = [moments.randrange(len(content)) for _ in range(40)] + [
        len(content) - k for k in range(1, 151, 15)
    ]
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << moments.randrange(8)
        last.write_bytes(damaged)
        text = refusal(last)
        assert f"{last} is damaged: " in text
        assert f"{copy / checkpoint.BEST}, is intact" in text, place


@pytest.mark.slow
@pytest.mark.parametrize("kept", [0, 1, 21, 1000, -1, -70, -71, -72, -73, -100])
def test_a_file_that_is_cut_off_is_found(copy: Path, kept: int) -> None:
    last = copy / checkpoint.LAST
    last.write_bytes(last.read_bytes()[:kept])
    assert f"{copy / checkpoint.BEST}, is intact" in refusal(last)


def test_torch_and_others_read_a_checkpoint_as_before(run: Path) -> None:
    """The checksum is an archive's comment, which readers pass over."""
    content = torch.load(run / checkpoint.LAST, weights_only=True)
    assert content["step"] == 2
    assert set(content) == {field.name for field in dataclasses.fields(checkpoint.Checkpoint)}


def test_a_checkpoint_without_a_checksum_is_accepted_and_its_entries_are_checked(copy: Path) -> None:
    last = copy / checkpoint.LAST
    before = checkpoint.load(last)
    unsealed(last)
    found = checkpoint.load(last)
    assert found.step == before.step
    assert all(torch.equal(found.net[name], tensor) for name, tensor in before.net.items())

    content = bytearray(last.read_bytes())
    tensor = max((tensor for tensor in before.net.values() if tensor.ndim == 1), key=torch.Tensor.numel)
    content[content.index(tensor.numpy().tobytes()) + 8] ^= 1
    last.write_bytes(content)
    assert "is not a checkpoint of this version" in refusal(last)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("step", "2", "step must be a whole number, got 2"),
        ("step", None, "step must be a whole number"),
        ("net", [1], "net must be a table"),
        ("mean", {"w": 3}, "mean must be a table"),
        ("mean", {"w": torch.tensor([float("nan")])}, "it holds NaN or infinite numbers in w"),
        ("net", {"w": torch.tensor([float("inf")])}, "it holds NaN or infinite numbers in w"),
        ("net", {"w": torch.zeros(1).expand(10**9, 10**9)}, "w as .*, which is more numbers than it stores"),
        ("history", [{"step": "1"}], "its history does not hold numbers by name"),
        ("history", {}, "history must be a list"),
        ("recipe", {"name": "x"}, "the recipe lacks data"),
        ("recipe", {"name": "x", "data": "d", "crop": 10**9}, "crop must be at least 0 and at most 4,096"),
        ("recipe", {"name": "x", "data": "d", "\x1b[2J": 1}, "fields this version does not know"),
        ("classes", {"names": ["a", "a"], "palette": [[0, 0, 0]] * 2}, "is not a checkpoint"),
        ("classes", {"names": "ab", "palette": [[0, 0, 0]] * 2}, "is not a checkpoint"),
        ("channels", 2.5, "channels must be a whole number, got 2.5"),
    ],
)
def test_what_a_forged_checkpoint_holds_is_compared_with_what_it_should(
    copy: Path, field: str, value: object, complaint: str
) -> None:
    unsealed(copy / checkpoint.LAST, **{field: value})
    with pytest.raises(TrainingError, match=complaint):
        checkpoint.load(copy / checkpoint.LAST)
    refusal(copy / checkpoint.LAST)


def test_moments_of_another_net_are_refused_before_the_first_step(squares: Path, copy: Path) -> None:
    last = copy / checkpoint.LAST
    state = checkpoint.load(last)
    moments = {place: {**own, "exp_avg": torch.zeros(3)} for place, own in state.optimizer["state"].items()}
    unsealed(last, step=1, history=state.history[:1], optimizer={**state.optimizer, "state": moments})
    with pytest.raises(TrainingError, match=r"last\.pt does not fit the net"):
        run_squares(squares, copy, "steps=2", "evaluate_every=1", "workers=0", resume=True)


def test_code_in_a_checkpoint_is_not_run_nor_advised_to_be(copy: Path) -> None:
    torch.save({"step": Path("/")}, copy / checkpoint.BEST)
    assert f"{copy / checkpoint.LAST} is intact" in refusal(copy / checkpoint.BEST)


def test_tensors_of_another_net_are_refused_by_the_file_s_name(squares: Path, copy: Path) -> None:
    last, best = copy / checkpoint.LAST, copy / checkpoint.BEST
    state = checkpoint.load(last)
    name = next(name for name, tensor in state.net.items() if tensor.ndim == 4)
    for field in ("net", "mean"):
        changed = {**getattr(state, field), name: torch.zeros(2, 2)}
        unsealed(last, step=1, history=state.history[:1], **{field: changed})
        with pytest.raises(TrainingError, match=r"last\.pt does not fit the net"):
            run_squares(squares, copy, "steps=2", "evaluate_every=1", "workers=0", resume=True)
        checkpoint.save(state, last)
    unsealed(best, mean={})
    with pytest.raises(TrainingError, match=r"best\.pt does not fit the net") as caught:
        load_run(copy)
    assert f"{last} is intact" in str(caught.value.hint)


def test_pipes_and_devices_in_the_place_of_a_checkpoint_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / checkpoint.LAST)
    (tmp_path / checkpoint.BEST).symlink_to("/dev/zero")
    for name in (checkpoint.LAST, checkpoint.BEST):
        assert "it is a device, pipe or socket" in refusal(tmp_path / name)


def pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lock", "log.jsonl", "tensorboard"])
def test_a_pipe_in_the_run_folder_is_refused_and_not_waited_for(
    squares: Path, tmp_path: Path, name: str
) -> None:
    pipe(tmp_path / name)
    with pytest.raises(TrainingError, match=r"cannot (open .*lock|write tensorboard and log\.jsonl in)"):
        run_squares(squares, tmp_path, "steps=1", "workers=0")


@pytest.mark.slow
def test_nothing_is_written_through_a_link_in_the_run_folder(squares: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("mine")
    for number, name in enumerate(("lock", "last.pt.tmp", "best.pt.tmp")):
        run = tmp_path / str(number)
        run.mkdir()
        (run / name).symlink_to(other)
        if name == "lock":
            with pytest.raises(TrainingError, match="cannot open"):
                run_squares(squares, run, "steps=1", "workers=0")
        else:
            assert run_squares(squares, run, "steps=1", "workers=0")
        assert other.read_text() == "mine"


@pytest.mark.parametrize(
    "line", ["[" * 100_000, "9" * 5000, "{}", '{"step": null}', "\udcff", "[1]", '{"step": "x"}']
)
def test_lines_that_no_log_holds_are_left_out(squares: Path, copy: Path, line: str) -> None:
    log = copy / "log.jsonl"
    kept = [entry for entry in log.read_text().splitlines() if '"step": 1' in entry]
    log.write_bytes(log.read_bytes() + line.encode("utf-8", "surrogateescape") + b"\n")
    assert _log_up_to(log, 1, {1}).close() is None
    assert log.read_text().splitlines() == kept and kept


def test_a_chain_that_is_a_pipe_or_nested_without_end_is_named(tmp_path: Path) -> None:
    place = tmp_path / checkpoint.CHAIN
    for content in (
        b"[" * 100_000,
        b"9" * 5000,
        b"\xff",
        b'{"name": 1, "stages": []}',
        b'{"name": "a", "stages": [1]}',
    ):
        place.write_bytes(content)
        with pytest.raises(TrainingError, match=r"chain\.json is damaged"):
            read_chain(tmp_path)
    pipe(place)
    with pytest.raises(TrainingError, match=r"cannot read .*chain\.json: it is a device, pipe or socket"):
        read_chain(tmp_path)
