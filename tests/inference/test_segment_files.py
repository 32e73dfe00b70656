"""Many files into one folder: no collisions, finished work is skipped, faults stay with their picture."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePath

import numpy as np
import pytest
from PIL import Image
from tiny_model import tiny_info

from pixelwise.core.errors import ImageError, ModelError
from pixelwise.core.types import RGBImage, Scores
from pixelwise.inference.outputs.finished_results import Ledger
from pixelwise.inference.outputs.records import Identity, Record, state_of
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.segment_files import Outcome, run
from pixelwise.inference.segmentation import Segmentation
from pixelwise.inference.sources.given import Source
from pixelwise.inference.sources.tasks import plan

RED, BLUE = (255, 0, 0), (0, 0, 255)


def picture(path: Path, color: tuple[int, int, int] = RED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 4), color).save(path)
    return path


class Counting(Predictor):
    """Counts the pictures it is asked for."""

    calls = 0

    def __call__(self, source: Source) -> Segmentation:
        self.calls += 1
        return super().__call__(source)


@pytest.fixture
def counting(predictor: Predictor) -> Counting:
    return Counting(predictor.engine, tiny_info())


Segment = Callable[..., list[Outcome]]


@pytest.fixture
def segment(counting: Counting, tmp_path: Path) -> Segment:
    def go(*inputs: str | Path, output: Path = tmp_path / "out", **options: object) -> list[Outcome]:
        return list(run(counting, plan(inputs, output), output, **options))  # type: ignore[arg-type]

    return go


def names(outcomes: list[Outcome]) -> list[str]:
    return [Path(outcome.path).name for outcome in outcomes]


def test_folders_are_mirrored_and_other_files_left_alone(segment: Segment, tmp_path: Path) -> None:
    for name in ("b.png", "a/c.JPG", "a/.hidden.png", ".cache/d.png"):
        picture(tmp_path / "in" / name)
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    outcomes = segment(tmp_path / "in", workers=2)
    made = sorted(str(outcome.outputs["mask"].relative_to(tmp_path / "out")) for outcome in outcomes)
    assert made == ["a/c_mask.png", "b_mask.png"]


def test_files_of_one_name_get_names_of_their_own(segment: Segment, tmp_path: Path) -> None:
    inputs = [
        picture(tmp_path / name, RED if name < "b" else BLUE)
        for name in ("a/x.png", "a/x.bmp", "b/x.png", "c/x.png")
    ]
    outcomes = segment(*inputs)
    stems = [outcome.outputs["mask"].name for outcome in outcomes]
    assert stems == ["x_mask.png", "x_bmp_mask.png", "x_png_mask.png", "x_png_2_mask.png"]
    assert [outcome.areas[0].name for outcome in outcomes] == ["red", "red", "blue", "blue"]
    again = segment(*reversed(inputs))
    assert [outcome.outputs["mask"].name for outcome in reversed(again)] == stems
    assert all(outcome.skipped for outcome in again)


def test_a_later_run_never_takes_the_name_of_another_picture(segment: Segment, tmp_path: Path) -> None:
    (first,) = segment(picture(tmp_path / "a" / "x.png", RED))
    (second,) = segment(picture(tmp_path / "b" / "x.png", BLUE))
    assert not second.skipped
    assert first.outputs["mask"] != second.outputs["mask"]
    assert first.areas[0].name == "red"


def test_runs_at_the_same_time_never_share_a_name(
    segment: Segment, counting: Counting, tmp_path: Path
) -> None:
    paths = [picture(tmp_path / folder / "x.png", RED if folder < "c" else BLUE) for folder in "abcd"]
    plans = [plan([path], tmp_path / "out") for path in paths]  # each as if it were alone
    outcomes = [outcome for tasks in plans for outcome in run(counting, tasks, tmp_path / "out")]
    stems = [outcome.outputs["mask"].name for outcome in outcomes]
    assert stems == ["x_mask.png", "x_png_mask.png", "x_png_2_mask.png", "x_png_3_mask.png"]
    assert [outcome.areas[0].name for outcome in segment(*paths)] == ["red", "red", "blue", "blue"]
    assert counting.calls == 4


def test_of_those_who_claim_a_name_at_once_one_gets_it(tmp_path: Path) -> None:
    place, start = PurePath("in/x.png"), threading.Barrier(8)

    def claim(number: int) -> PurePath:
        path = picture(tmp_path / f"{number}.png")
        record = Record(Identity.of(path, state_of(path)), "model")
        start.wait()
        return Ledger(tmp_path / "out").claim(PurePath("in/x"), place, record)

    with ThreadPoolExecutor(8) as pool:
        stems = set(pool.map(claim, range(8)))
    assert stems == {PurePath(f"in/x{end}") for end in ("", "_png", *(f"_png_{n}" for n in range(2, 8)))}


@pytest.mark.parametrize("overwrite", [False, True])
def test_files_that_are_not_ours_are_not_overwritten(
    segment: Segment, tmp_path: Path, overwrite: bool
) -> None:
    foreign = picture(tmp_path / "out" / "x_mask.png")
    content = foreign.read_bytes()
    (outcome,) = segment(picture(tmp_path / "x.png"), overwrite=overwrite)
    assert outcome.outputs["mask"].name == "x_png_mask.png"
    assert foreign.read_bytes() == content


def test_finished_pictures_are_skipped_until_something_changes(
    segment: Segment, counting: Counting, tmp_path: Path
) -> None:
    path = picture(tmp_path / "x.png")
    (first,) = segment(path)
    (again,) = segment(path)
    assert (again.skipped, counting.calls) == (True, 1)
    assert (again.areas, again.size, again.outputs) == (first.areas, first.size, first.outputs)

    segment(path, overwrite=True)
    assert counting.calls == 2
    segment(path, kinds=["mask", "cutout"])  # cutout was not made yet
    assert counting.calls == 3
    segment(path, kinds=["mask", "probabilities"])
    assert counting.calls == 4
    first.outputs["mask"].unlink()
    segment(path, kinds=["mask"])
    assert counting.calls == 5
    picture(path, BLUE)
    os.utime(path, ns=(1, 1))
    assert segment(path)[0].areas[0].name == "blue"
    assert counting.calls == 6
    counting.identity = "another model"
    segment(path)
    assert counting.calls == 7


def test_an_interrupted_run_is_taken_up(segment: Segment, counting: Counting, tmp_path: Path) -> None:
    for index in range(12):
        picture(tmp_path / "in" / f"{index:02}.png")
    tasks = plan([tmp_path / "in"], tmp_path / "out")
    stream = run(counting, tasks, tmp_path / "out", workers=1)
    next(stream), next(stream)
    stream.close()  # type: ignore[attr-defined]
    done = counting.calls
    assert 2 <= done < 12
    assert not list((tmp_path / "out").rglob("*.partial"))
    outcomes = segment(tmp_path / "in")
    assert sum(outcome.skipped for outcome in outcomes) == done
    assert counting.calls == 12


def test_a_picture_whose_overlay_fails_leaves_no_mask_behind(
    segment: Segment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = picture(tmp_path / "x.png")
    with monkeypatch.context() as patch:
        patch.setattr(Segmentation, "overlay", lambda self: 1 / 0)
        (broken,) = segment(path)
    assert isinstance(broken.problem, ImageError)
    assert str(broken.problem) == f"{path}: division by zero"
    left = [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert left == ["x.json"]  # the claim, so that the name is the same next time
    (outcome,) = segment(path)
    assert (outcome.problem, outcome.outputs["mask"].name) == (None, "x_mask.png")


@pytest.mark.parametrize(
    ("problem", "message", "hint"),
    [
        (MemoryError(), "MemoryError", None),
        (ModelError("m.onnx failed", "export it again"), "m.onnx failed", "export it again"),
    ],
)
def test_a_problem_of_one_picture_has_a_reason_and_keeps_its_hint(
    segment: Segment,
    counting: Counting,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    problem: Exception,
    message: str,
    hint: str | None,
) -> None:
    def fail(image: RGBImage) -> Scores:
        raise problem

    path = picture(tmp_path / "x.png")
    monkeypatch.setattr(counting.engine, "coarse_scores", fail)
    (outcome,) = segment(path)
    assert outcome.problem is not None
    assert (outcome.problem.message, outcome.problem.hint) == (f"{path}: {message}", hint)


@pytest.mark.parametrize("output", ["in/results", "in", "."])
def test_own_results_are_never_inputs(output: str, segment: Segment, tmp_path: Path) -> None:
    picture(tmp_path / "in" / "x.png")
    for _ in range(3):
        outcomes = segment(tmp_path / "in", output=tmp_path / output, kinds=["mask", "overlay", "cutout"])
        assert names(outcomes) == ["x.png"]
    assert names(segment(str(tmp_path / "in" / "*.png"), output=tmp_path / output)) == ["x.png"]


def test_results_of_an_earlier_run_into_another_folder_are_no_inputs(
    segment: Segment, tmp_path: Path
) -> None:
    picture(tmp_path / "in" / "a" / "x.png")
    picture(tmp_path / "in" / "mine" / "y_mask.png")  # ends like a result, but no record speaks of it
    for output in ("first", "in/second", "in/mine/third", "in"):
        outcomes = segment(tmp_path / "in", output=tmp_path / output)
        assert names(outcomes) == ["x.png", "y_mask.png"]
    pattern = str(tmp_path / "in" / "**" / "*.png")
    assert names(segment(pattern, output=tmp_path / "fourth")) == ["x.png", "y_mask.png"]


@pytest.mark.parametrize("kinds", [["mask"], ["probabilities"]])
def test_a_folder_of_own_results_among_the_inputs_is_no_failure(
    segment: Segment, tmp_path: Path, kinds: list[str]
) -> None:
    path = picture(tmp_path / "in" / "x.png")
    for _ in range(2):
        inputs = sorted((tmp_path / "in").iterdir())  # as the shell expands in/*
        outcomes = segment(*inputs, output=tmp_path / "in" / "out", kinds=kinds)
        assert [(outcome.path, outcome.problem) for outcome in outcomes] == [(path, None)]
    assert inputs == [tmp_path / "in" / "out", path]


def test_patterns_reach_subfolders_and_mirror_them(segment: Segment, tmp_path: Path) -> None:
    for name in ("in/a/x.png", "in/b/x.png"):
        picture(tmp_path / name)
    outcomes = segment(str(tmp_path / "in" / "**" / "*.png"))
    assert [str(outcome.outputs["mask"].relative_to(tmp_path / "out")) for outcome in outcomes] == [
        "a/x_mask.png",
        "b/x_mask.png",
    ]


def test_a_picture_named_twice_is_segmented_once(segment: Segment, tmp_path: Path) -> None:
    path = picture(tmp_path / "in" / "x.png")
    assert names(segment(path, tmp_path / "in", str(tmp_path / "in" / "*"))) == ["x.png"]


def test_explicit_files_are_tried_whatever_their_name(segment: Segment, tmp_path: Path) -> None:
    path = picture(tmp_path / "x.png").rename(tmp_path / "x.data")
    assert segment(path)[0].problem is None


def test_photos_of_phones_are_not_passed_over_in_silence(segment: Segment, tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.jpg")
    (tmp_path / "in" / "b.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    fine, phone = segment(tmp_path / "in")
    assert fine.problem is None
    assert "b.HEIC" in str(phone.problem)


def test_names_of_dots_stay_inside_the_output(segment: Segment, tmp_path: Path) -> None:
    picture(tmp_path / "x.png").rename(tmp_path / "..png")
    picture(tmp_path / "x.png").rename(tmp_path / "._mask.png")
    picture(tmp_path / "x.png")
    outcomes = segment(tmp_path / "..png", tmp_path / "._mask.png", tmp_path)
    assert names(outcomes) == ["..png", "._mask.png", "x.png"]
    assert [outcome.outputs["mask"].parent for outcome in outcomes] == [tmp_path / "out"] * 3
    assert all(path.exists() for outcome in outcomes for path in outcome.outputs.values())


def test_faults_are_outcomes_in_their_place(segment: Segment, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.png").write_bytes(b"")
    inputs = [
        picture(tmp_path / "a.png"),
        tmp_path / "bad.png",
        tmp_path / "missing.png",
        tmp_path / "empty",
        tmp_path / "*.nothing",
        picture(tmp_path / "z.png"),
    ]
    outcomes = segment(*inputs, workers=3)
    problems = [str(outcome.problem).partition(": ")[2].partition("\n")[0] for outcome in outcomes]
    assert problems == [
        "",
        "expected an image, got an empty file",
        "no such file or folder",
        "no pictures in this folder",
        "no file matches this pattern",
        "",
    ]


def test_an_output_that_is_a_file_is_refused(segment: Segment, tmp_path: Path) -> None:
    path = picture(tmp_path / "x.png")
    with pytest.raises(ImageError, match="expected a folder for the results, got a file"):
        segment(path, output=path)


def test_an_output_that_cannot_be_made_or_written_into_is_told_before_the_work(
    segment: Segment, counting: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = picture(tmp_path / "x.png")
    with pytest.raises(ImageError, match=r"cannot make the output folder .*x\.png/out: Not a directory"):
        segment(path, output=path / "out")
    (tmp_path / "out").mkdir(mode=0o500)
    if os.access(tmp_path / "out", os.W_OK):  # as the superuser may
        monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ImageError, match=r"the output folder .*out is not writable"):
        segment(path)
    assert counting.calls == 0


def test_workers_run_side_by_side(
    counting: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meet = threading.Barrier(2, timeout=300)

    def scores(image: RGBImage) -> Scores:
        meet.wait()
        return np.zeros((4, *image.shape[:2]), np.float32)

    monkeypatch.setattr(counting.engine, "coarse_scores", scores)
    paths = [picture(tmp_path / f"{index}.png") for index in range(2)]
    outcomes = list(run(counting, plan(paths, tmp_path / "out"), tmp_path / "out", workers=2))
    assert [outcome.problem for outcome in outcomes] == [None, None]


def test_pictures_are_the_same_along_every_path_to_their_folder(
    segment: Segment, tmp_path: Path, counting: Counting
) -> None:
    photos = picture(tmp_path / "disk/photos/a.png").parent
    (tmp_path / "link").symlink_to(tmp_path / "disk", target_is_directory=True)
    for folder in (
        photos,
        tmp_path / "link/photos",
        tmp_path / "disk/photos/../photos",
        tmp_path / "disk/photos",
    ):
        (outcome,) = segment(folder)
        assert outcome.outputs["mask"] == tmp_path / "out/a_mask.png"
    assert counting.calls == 1
    assert not segment(picture(tmp_path / "other/a.png"))[0].skipped
    assert (tmp_path / "out/a_png_mask.png").exists()
