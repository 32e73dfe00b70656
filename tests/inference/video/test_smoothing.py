"""Smoothing over time: arithmetic of the running mean, the CRF, and that a resumed run gives the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import BLUE, RED, plain, write_clip
from tiny_model import CLASSES

from pixelwise.core.errors import ImageError
from pixelwise.core.types import Scores
from pixelwise.crf import load_preset
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.segmentation import Segmentation
from pixelwise.inference.video import smoothing
from pixelwise.inference.video.frames import affordable_workers, segmented
from pixelwise.inference.video.reading import Video
from pixelwise.inference.video.smoothing import Segmented, smoothed

PRESET = load_preset("deeplab-coco")


def entries(shares: list[float], size: tuple[int, int] = (4, 6), first: int = 0) -> Iterator[Segmented]:
    """Frames where class 1 has these probabilities and class 0 the rest."""
    for number, share in enumerate(shares, start=first):
        beliefs = np.full((4, *size), 1e-9, np.float32)
        beliefs[0], beliefs[1] = 1 - share, share
        image = np.full((*size, 3), 100, np.uint8)
        yield Segmented(number, number, number, Segmentation(np.log(beliefs), size, CLASSES, image))


def share(entry: Segmented) -> float:
    return float(entry.result.probabilities[1].mean())


def test_the_running_mean_takes_two_frames_on_each_side_and_fewer_at_the_ends() -> None:
    given = [0.1, 0.9, 0.1, 0.5, 0.3, 0.7, 0.2]
    found = [share(entry) for entry in smoothed(entries(given), "mean", PRESET)]
    expected = [np.mean(given[max(0, place - 2) : place + 3]) for place in range(7)]
    assert found == pytest.approx(expected, abs=1e-5)
    for count in range(1, 5):
        found = [share(entry) for entry in smoothed(entries(given[:count]), "mean", PRESET)]
        expected = [np.mean(given[max(0, place - 2) : min(count, place + 3)]) for place in range(count)]
        assert found == pytest.approx(expected, abs=1e-5)
    assert list(smoothed(iter(()), "mean", PRESET)) == []


@pytest.mark.parametrize("smooth", ["mean", "crf"])
def test_nothing_is_smoothed_over_a_change_of_size(smooth: str) -> None:
    def both() -> Iterator[Segmented]:
        yield from entries([0.9] * 4)
        yield from entries([0.1] * 4, size=(8, 8), first=4)
        yield from entries([0.9] * 1, first=8)

    found = list(smoothed(both(), smooth, PRESET))
    assert [entry.number for entry in found] == list(range(9))
    assert [entry.result.size for entry in found] == [(4, 6)] * 4 + [(8, 8)] * 4 + [(4, 6)]
    assert [share(entry) > 0.5 for entry in found] == [True] * 4 + [False] * 4 + [True]


@pytest.mark.parametrize("count", [1, 2, 5, 6, 7, 13, 20])
def test_the_crf_corrects_a_frame_that_its_neighbours_contradict(count: int) -> None:
    shares = [0.8] * count
    shares[count // 2] = 0.45 if count > 2 else 0.8
    found = list(smoothed(entries(shares, (16, 16)), "crf", PRESET))
    assert [entry.number for entry in found] == list(range(count))
    assert all(entry.result.areas()[0].id == 1 for entry in found)
    assert all("refined" in note for entry in found for note in entry.result.notes()[-1:])


def test_a_lattice_that_is_too_large_is_made_on_reduced_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoothing, "MOST_BYTES", 3_000_000)
    found = list(smoothed(entries([0.8] * 8, (60, 90)), "crf", PRESET))
    grids = {entry.result.grid_size for entry in found}
    assert len(found) == 8 and len(grids) == 1
    (grid,) = grids
    assert grid[0] < 60 and {entry.result.size for entry in found} == {(60, 90)}


@pytest.mark.parametrize("smooth", [None, "mean", "crf"])
def test_a_run_taken_up_later_gives_the_same_results(
    smooth: str | None, predictor: Predictor, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (14, 16, 24, 3), np.uint8)
    path = write_clip(tmp_path / "x.mkv", list(noise))

    def scores(first: int) -> dict[int, Scores]:
        with Video(path) as video:
            found = segmented(predictor, video, 1, smooth, first, 2)
            return {entry.number: entry.result.scores for entry in found}

    whole = scores(0)
    assert list(whole) == list(range(14))
    for first in (1, 5, 6, 11, 14):
        rest = scores(first)
        assert list(rest) == list(range(first, 14))
        assert all(np.array_equal(rest[number], whole[number]) for number in rest)


def test_a_predictor_yields_times_and_results(predictor: Predictor, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "x.mp4", [plain(RED), plain(RED), plain(BLUE), plain(BLUE), plain(RED)])
    found = [(time, result.areas()[0].name) for time, result in predictor.video(path)]
    assert [name for _, name in found] == ["red", "red", "blue", "blue", "red"]
    assert [time for time, _ in found] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    third = {result.areas()[0].name: time for time, result in predictor.video(path, every=3)}
    assert third == pytest.approx({"red": 0.0, "blue": 0.3})
    assert next(iter(predictor.video(path)))[1].size == (32, 48), "a reader may stop early"
    wrong: dict[str, Any]
    for wrong in ({"every": 0}, {"every": 1.5}, {"every": True}, {"smooth": "median"}):
        with pytest.raises(ValueError, match=r"every must be|smooth must be"):
            predictor.video(path, **wrong)
    with pytest.raises(ImageError, match=r"[Nn]o such file"):
        next(iter(predictor.video(tmp_path / "none.mp4")))


def test_large_frames_take_fewer_threads_and_may_be_too_large_to_smooth(
    tmp_path: Path,
) -> None:
    with Video(write_clip(tmp_path / "x.mp4", [plain(RED)] * 2)) as video:
        assert affordable_workers(video, "crf", 4) == 4, "frames below 4K are no matter"
        video.pixels = 36_000_000
        assert [affordable_workers(video, smooth, 4) for smooth in (None, "mean")] == [2, 1]
        with pytest.raises(ImageError, match=r"x\.mp4: smoothing by crf needs too much memory"):
            affordable_workers(video, "crf", 4)
