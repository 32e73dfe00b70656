"""Names are given once and results are whole, whatever kills a run, fills the disk or runs beside it."""

import errno
import itertools
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePath

import numpy as np
import pytest
from PIL import Image
from tiny_model import CLASSES

from pixelwise.core.errors import ImageError
from pixelwise.core.pictures.reading import read_photo
from pixelwise.inference.outputs.finished_results import Ledger
from pixelwise.inference.outputs.records import Identity, Record, state_of
from pixelwise.inference.segment_files import Outcome, run
from pixelwise.inference.segmentation import Segmentation
from pixelwise.inference.sources.given import Source
from pixelwise.inference.sources.tasks import Task, plan

RED, BLUE = (255, 0, 0), (0, 0, 255)
KINDS = ["mask", "overlay", "cutout"]


class Stub:
    """A predictor that starts no threads, so that tests may fork: a colour scores its channel."""

    identity = "stub"
    calls = 0

    def identity_for(self, path: Path) -> str:
        return self.identity

    def held_bytes(self, source: Source) -> int:
        return 0

    def __call__(self, source: Source, /) -> Segmentation:
        self.calls += 1
        assert isinstance(source, Path)
        photo = read_photo(source, 64)
        scores = np.concatenate(
            [np.full((1, *photo.pixels.shape[:2]), 100.0), np.moveaxis(photo.pixels, 2, 0)]
        )
        return Segmentation(scores.astype(np.float32), photo.size, CLASSES, photo.pixels, photo.original)


def picture(path: Path, color: tuple[int, int, int] = RED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 4), color).save(path)
    return path


def segment(
    *inputs: Path, output: Path, predictor: Stub | None = None, kinds: list[str] = KINDS
) -> list[Outcome]:
    return list(run(predictor or Stub(), plan(inputs, output), output, kinds))


def segment_tasks(tasks: list[Task], output: Path) -> None:
    for _ in run(Stub(), tasks, output, ["mask"]):
        pass


def forked(work: Callable[[], object]) -> int:
    """Start `work` in a process of its own; its number."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return child


def exit_code(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def kill_at(step: int, output: Path) -> None:
    """End this process by a signal before its `step`-th change below `output`."""
    steps = itertools.count(1)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        changes = event in ("os.mkdir", "os.rename", "os.remove") or (
            event == "open" and isinstance(arguments[1], str) and arguments[1][0] in "xwa"
        )
        if changes and str(arguments[0]).startswith(str(output)) and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


@pytest.mark.slow
def test_after_a_kill_at_any_step_the_next_run_gives_the_same_files(tmp_path: Path) -> None:
    path = picture(tmp_path / "in" / "x.png")
    names = ["x_cutout.png", "x_mask.png", "x_overlay.jpg", ".pixelwise/x.json"]
    for step in range(1, 40):
        output = tmp_path / f"out{step}"

        def work(step: int = step, output: Path = output) -> None:
            kill_at(step, output)
            segment(path, output=output)

        code = exit_code(forked(work))
        (outcome,) = segment(path, output=output)
        assert outcome.problem is None
        assert files_below(output) == sorted(names), f"killed at step {step}"
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert step > 10  # a folder or two, two records and three files, each made, filled and renamed


def test_a_kill_after_the_last_step_has_nothing_to_make_again(tmp_path: Path) -> None:
    path, output = picture(tmp_path / "x.png"), tmp_path / "out"
    assert exit_code(forked(lambda: segment(path, output=output))) == 0
    (outcome,) = segment(path, output=output)
    assert outcome.skipped


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 6])
def test_a_full_disk_costs_a_picture_neither_its_name_nor_a_half_result(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps: the claim, mask, overlay, cutout, their digests, the record."""
    path, output, steps = picture(tmp_path / "x.png"), tmp_path / "out", itertools.count(1)

    def full(_: int) -> None:
        if next(steps) == step:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        (outcome,) = segment(path, output=output)
    assert isinstance(outcome.problem, ImageError)
    assert outcome.problem.message.endswith("No space left on device")
    claim = [".pixelwise/x.json"] * (step > 1)
    made = ["x_cutout.png", "x_mask.png", "x_overlay.jpg"] * (step == 6)
    assert files_below(output) == sorted(claim + made)
    (outcome,) = segment(path, output=output)
    assert outcome.outputs["mask"] == output / "x_mask.png"


@pytest.mark.slow
def test_two_processes_on_one_folder_make_one_result_a_picture(tmp_path: Path) -> None:
    inputs = tmp_path / "in"
    for index in range(12):
        picture(inputs / f"p{index:02}.png")
    expected = sorted(f"p{index:02}_mask.png" for index in range(12))
    for round_ in range(3):
        output = tmp_path / f"out{round_}"
        reader, writer = os.pipe()

        def work(output: Path = output, reader: int = reader) -> None:
            tasks = plan([inputs], output)  # as if it were alone
            os.read(reader, 1)  # start together
            outcomes = run(Stub(), tasks, output, ["mask"], workers=3)
            assert all(outcome.problem is None for outcome in outcomes)

        children = [forked(work) for _ in range(2)]
        os.write(writer, b"xx")
        assert [exit_code(child) for child in children] == [0, 0]
        assert sorted(path.name for path in output.iterdir() if path.is_file()) == expected


def test_two_processes_never_give_two_pictures_one_name(tmp_path: Path) -> None:
    paths = [picture(tmp_path / "a" / "x.png", RED), picture(tmp_path / "b" / "x.png", BLUE)]
    for round_ in range(3):
        output = tmp_path / f"out{round_}"
        plans = [plan([path], output) for path in paths]
        works = [partial(segment_tasks, tasks, output) for tasks in plans]
        children = [forked(work) for work in works]
        assert [exit_code(child) for child in children] == [0, 0]
        ids = []
        for name in ("x_mask.png", "x_png_mask.png"):
            with Image.open(output / name) as mask:
                ids.append(mask.tobytes()[0])
        assert sorted(ids) == [1, 3]  # red and blue
        again = segment(*paths, output=output, kinds=["mask"])
        assert [outcome.areas[0].name for outcome in again] == ["red", "blue"]
        assert all(outcome.skipped for outcome in again)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 100_000,
        b'{"format": 1}',
        b'{"format": 1, "picture": 3, "result": null}',
        b'{"format": 1, "picture": {"source": "x", "state": [1e9], "sha256": ""}, "model": "m"}',
        bytes(10),
    ],
)
def test_a_record_that_cannot_be_read_is_written_again(damaged: bytes, tmp_path: Path) -> None:
    path, output = picture(tmp_path / "x.png"), tmp_path / "out"
    segment(path, output=output)
    (output / ".pixelwise" / "x.json").write_bytes(damaged)
    (outcome,) = segment(path, output=output)
    assert (outcome.problem, outcome.skipped) == (None, False)
    assert outcome.outputs["mask"] == output / "x_mask.png"
    assert segment(path, output=output)[0].skipped


def test_a_record_with_wrong_fields_is_written_again(tmp_path: Path) -> None:
    path, output = picture(tmp_path / "x.png"), tmp_path / "out"
    segment(path, output=output)
    record = output / ".pixelwise" / "x.json"
    whole = record.read_text()
    for sound, wrong in (
        ('"size": [4, 6]', '"size": [4]'),
        ('"areas": [{', '"areas": [7, {'),
        ('"confidence": ', '"confidence": NaN, "was": '),
        ('"notes": []', '"notes": [1]'),
        ('"sizes": {', '"sizes": {"mask": "x", "other": '),
    ):
        assert sound in whole
        record.write_text(whole.replace(sound, wrong, 1))
        (outcome,) = segment(path, output=output)
        assert (outcome.problem, outcome.skipped) == (None, False), wrong


def test_what_lies_where_a_record_should_be_does_not_stop_a_picture(tmp_path: Path) -> None:
    path, output = picture(tmp_path / "x.png"), tmp_path / "out"
    (output / ".pixelwise" / "x.json").mkdir(parents=True)
    os.mkfifo(output / ".pixelwise" / "x_png.json")
    (outcome,) = segment(path, output=output)
    assert outcome.outputs["mask"] == output / "x_png_2_mask.png"


def test_a_link_in_the_output_folder_leads_nowhere_else(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    kept = outside / "x_mask.png"
    for link in ("a", ".pixelwise"):
        output = tmp_path / f"out_{link}"
        output.mkdir()
        (output / link).symlink_to(outside)
        picture(tmp_path / "in" / "a" / "x.png")
        (outcome,) = segment(tmp_path / "in", output=output)
        assert "is a link that leads out of the output folder" in str(outcome.problem)
    kept.write_text("kept")
    output = tmp_path / "out"
    output.mkdir()
    (output / "x_mask.png").symlink_to(kept)
    (outcome,) = segment(tmp_path / "in" / "a", output=output)
    assert outcome.outputs["mask"] == output / "x_png_mask.png"
    assert files_below(outside) == ["x_mask.png"]
    assert kept.read_text() == "kept"


def test_the_output_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    (outcome,) = segment(picture(tmp_path / "x.png"), output=tmp_path / "out")
    assert outcome.problem is None


def test_other_content_of_the_same_size_and_time_is_segmented_again(tmp_path: Path) -> None:
    path, output = tmp_path / "x.bmp", tmp_path / "out"
    times = (1_600_000_000_000_000_000,) * 2
    picture(path, RED)
    os.utime(path, ns=times)
    segment(path, output=output)
    size = path.stat().st_size
    picture(path, BLUE)
    os.utime(path, ns=times)
    assert path.stat().st_size == size
    (outcome,) = segment(path, output=output)
    assert (outcome.skipped, outcome.areas[0].name) == (False, "blue")


def test_a_picture_that_was_only_touched_or_restored_is_still_finished(tmp_path: Path) -> None:
    path, output, predictor = picture(tmp_path / "x.png"), tmp_path / "out", Stub()
    segment(path, output=output, predictor=predictor)
    content = path.read_bytes()
    os.utime(path)
    assert segment(path, output=output, predictor=predictor)[0].skipped
    path.unlink()
    path.write_bytes(content)
    assert segment(path, output=output, predictor=predictor)[0].skipped
    assert predictor.calls == 1


def test_a_claim_keeps_what_it_says_of_the_picture(tmp_path: Path) -> None:
    path, ledger = picture(tmp_path / "x.png"), Ledger(tmp_path / "out")
    record = Record(Identity.of(path, state_of(path)), "model")
    stem = ledger.claim(PurePath("x"), PurePath("x.png"), record)
    assert (stem, ledger.read(stem)) == (PurePath("x"), record)


def test_a_run_that_saves_fewer_kinds_has_their_notes_only(tmp_path: Path) -> None:
    path, both = picture(tmp_path / "x.png"), ["mask", "geotiff"]
    first = segment(path, output=tmp_path / "out", kinds=both)[0].notes
    assert first == ["geotiff without coordinates, since the picture has none"]
    for kinds, notes in ((["mask"], []), (["geotiff"], first), (both, first)):
        again = segment(path, output=tmp_path / "out", kinds=kinds)[0]
        assert again.skipped and again.notes == notes
