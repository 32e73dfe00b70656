"""The CRF over space and time: flicker goes, motion stays; faults of folders are named."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from typer.testing import CliRunner

from pixelwise.cli.main import app
from pixelwise.core.errors import DataError, ImageError
from pixelwise.crf import PRESETS
from pixelwise.evaluation.metrics.flicker import flicker
from pixelwise.inference import clips
from pixelwise.inference.clips import ClipRefiner, open_clip
from pixelwise.inference.crf_refiner import MOST_BYTES
from pixelwise.workflows import refine_video, refining

PRESET = PRESETS["deeplab-coco"]


@dataclass(frozen=True)
class Moving:
    """A bright square that moves by a pixel a frame on dark ground, its labels with 15% of wrong blocks, and
    the truth, ids 3 and 7.
    """

    frames: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    truth: npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def clip() -> Moving:
    rng = np.random.default_rng(0)
    truth = np.full((10, 32, 40), 3, np.uint8)
    for time in range(10):
        truth[time, 8:24, 6 + time : 22 + time] = 7
    frames = np.where(truth[..., None] == 7, 200, 40).repeat(3, 3) + rng.integers(-2, 3, (10, 32, 40, 3))
    wrong = (rng.random((10, 8, 10)) < 0.15).repeat(4, 1).repeat(4, 2)
    labels = np.where(wrong, 10 - truth, truth).astype(np.uint8)
    labels[2, :5] = 255
    return Moving(frames.astype(np.uint8), labels, truth)


def parts_of(clip: Moving, folder: Path, **settings: float) -> list[npt.NDArray[np.uint8]]:
    return list(ClipRefiner(open_clip(*write(clip, folder)), PRESET, **settings).parts())  # type: ignore[arg-type]


def test_flicker_goes_and_the_moving_square_stays(clip: Moving, tmp_path: Path) -> None:
    (refined,) = parts_of(clip, tmp_path)
    assert flicker(clip.frames, clip.labels) > 0.2
    assert flicker(clip.frames, refined) < 0.01
    assert (refined == clip.truth).mean() > 0.99
    assert set(np.unique(refined)) == {3, 7}


def test_a_clip_in_parts_is_refined_as_a_whole(
    clip: Moving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (whole,) = parts_of(clip, tmp_path, frames_apart=1.0)
    monkeypatch.setattr(clips, "refining_bytes", lambda size, classes: MOST_BYTES // 7)
    parts = parts_of(clip, tmp_path, frames_apart=1.0)
    assert [len(part) for part in parts] == [3, 3, 3, 1]
    assert (np.concatenate(parts) == whole).mean() > 0.995


def test_large_frames_are_reduced_and_stay_together(
    clip: Moving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that labels are smooth in time: a frame in its own size would take all of the memory."""
    full = 32 * 40
    monkeypatch.setattr(clips, "refining_bytes", lambda size, _: MOST_BYTES * size[0] * size[1] // full)
    refiner = ClipRefiner(open_clip(*write(clip, tmp_path)), PRESET, frames_apart=1.0)
    assert refiner.grid == (13, 16)
    parts = list(refiner.parts())
    assert [len(part) for part in parts] == [2] * 5
    refined = np.concatenate(parts)
    assert flicker(clip.frames, refined) < 0.03 < flicker(clip.frames, clip.labels)
    assert (refined == clip.truth).mean() > 0.95
    done = refine_video(tmp_path / "frames", tmp_path / "labels", tmp_path / "out")
    assert done.notes == ("refined on frames reduced to 12x10",)


def test_frames_of_noise_are_reduced_further(
    clip: Moving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips, "most_vertices", lambda size, classes: 1500)
    (refined,) = parts_of(clip, tmp_path)
    assert refined.shape == clip.labels.shape
    assert (refined == clip.truth).mean() > 0.8


def test_an_interrupted_run_goes_on_with_the_first_frame_that_is_not_finished(
    clip: Moving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips, "refining_bytes", lambda size, classes: MOST_BYTES // 7)
    frames, labels = write(clip, tmp_path)
    whole, out = tmp_path / "whole", tmp_path / "out"
    refine_video(frames, labels, whole, frames_apart=1.0)

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refine_video(frames, labels, out, frames_apart=1.0, on_frames=stop)
    with pytest.raises(KeyboardInterrupt):  # in the second part
        refine_video(frames, labels, out, frames_apart=1.0, on_frames=stop)
    with pytest.raises(ImageError, match="is there already"):
        refine_video(frames, labels, out, frames_apart=2.0)
    seen: list[int] = []
    refine_video(frames, labels, out, frames_apart=1.0, on_frames=seen.append)
    assert seen == [9, 10]
    names = [f"{number:03}.png" for number in range(10)]
    assert sorted(path.name for path in out.iterdir()) == names
    assert all((out / name).read_bytes() == (whole / name).read_bytes() for name in names)
    with pytest.raises(ImageError, match="is there already"):
        refine_video(frames, labels, out, frames_apart=1.0)


def test_a_run_that_was_interrupted_while_flicker_is_measured_goes_on_there(
    clip: Moving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, labels = write(clip, tmp_path)

    def interrupted(*_: object) -> float:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(refining, "flicker", interrupted)
        with pytest.raises(KeyboardInterrupt):
            refine_video(frames, labels, tmp_path / "out")
    seen: list[int] = []
    again = refine_video(frames, labels, tmp_path / "out", on_frames=seen.append)
    assert (seen, again.frames) == ([], 10)


def write(clip: Moving, folder: Path) -> tuple[Path, Path]:
    for kind in ("frames", "labels"):
        (folder / kind).mkdir(exist_ok=True)
    for number, (frame, labels) in enumerate(zip(clip.frames, clip.labels, strict=True)):
        Image.fromarray(frame).save(folder / f"frames/{number:03}.png")
        Image.fromarray(labels).save(folder / f"labels/{number:03}.png")
    return folder / "frames", folder / "labels"


def test_the_verb_writes_labels_and_measures_flicker(clip: Moving, tmp_path: Path) -> None:
    frames, labels = write(clip, tmp_path)
    line = ["refine", "--video", str(frames), str(labels), "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 0, done.output
    before = flicker(clip.frames, clip.labels)
    assert f"10 frames; flicker {before:.2%} before, 0." in done.stdout
    assert len(list((tmp_path / "out").iterdir())) == 10
    with Image.open(tmp_path / "out/004.png") as picture:
        assert picture.mode == "P" and set(np.unique(np.asarray(picture))) == {3, 7}
    with pytest.raises(ImageError, match="is there already"):
        refine_video(frames, labels, tmp_path / "out")
    assert CliRunner().invoke(app, [*line, "--overwrite", "--confidence", "0.2"]).exit_code == 2


def test_the_masks_that_segment_writes_are_labels_of_a_clip(clip: Moving, tmp_path: Path) -> None:
    frames, labels = write(clip, tmp_path)
    for path in labels.iterdir():
        path.rename(path.with_name(f"{path.stem}_mask.png"))
    found = open_clip(frames, labels)
    assert all(np.array_equal(found.read(number)[1], clip.labels[number]) for number in range(len(found)))
    Image.fromarray(clip.truth[3]).save(labels / "003.png")  # the exact name comes first
    assert np.array_equal(open_clip(frames, labels).read(3)[1], clip.truth[3])


def test_the_colours_of_labels_stay(clip: Moving, tmp_path: Path) -> None:
    frames, labels = write(clip, tmp_path)
    refine_video(frames, labels, tmp_path / "grey")
    with Image.open(tmp_path / "grey/004.png") as picture:
        assert picture.convert("RGB").getpixel((0, 31)) == (128, 128, 0), "VOC's for id 3"
    for path in sorted(labels.iterdir()):
        with Image.open(path) as picture:
            picture.load()
        picture.putpalette([9, 8, 7] * 256)
        picture.save(path)
    refine_video(frames, labels, tmp_path / "own")
    with Image.open(tmp_path / "own/004.png") as picture:
        assert picture.convert("RGB").getpixel((0, 31)) == (9, 8, 7)
        assert set(np.unique(np.asarray(picture))) == {3, 7}


def test_faults_of_the_folders_are_named(clip: Moving, tmp_path: Path) -> None:
    frames, labels = write(clip, tmp_path)
    with pytest.raises(DataError, match="is not a folder"):
        open_clip(frames / "000.png", labels)
    Image.new("L", (5, 4)).save(labels / "003.png")
    with pytest.raises(DataError, match=r"003\.png is 5 x 4 pixels, the first frame 40 x 32"):
        open_clip(frames, labels)
    (labels / "003.png").unlink()
    with pytest.raises(DataError, match=r"no labels in .* for 1 frame, such as 003"):
        open_clip(frames, labels)
    with pytest.raises(DataError, match="no pictures"):
        (tmp_path / "empty").mkdir()
        open_clip(tmp_path / "empty", labels)


@pytest.mark.parametrize(
    "names", [["a1", "a2", "a9", "a10", "a10b", "a100", "b"], ["0.1", "0.15", "0.2", "9.5", "10.25"]]
)
def test_frames_follow_each_other_as_they_are_numbered(names: list[str], tmp_path: Path) -> None:
    for folder in ("frames", "labels"):
        (tmp_path / folder).mkdir()
        for name in names:
            Image.new("L", (4, 4), 1).save(tmp_path / folder / f"{name}.png")
    assert list(open_clip(tmp_path / "frames", tmp_path / "labels").names) == names


def test_a_clip_of_one_label_or_none(tmp_path: Path) -> None:
    frames = np.zeros((2, 4, 4, 3), np.uint8)
    one = np.full((2, 4, 4), 255, np.uint8)
    with pytest.raises(DataError, match="has no label"):
        parts_of(Moving(frames, one, one), tmp_path)
    one[0, 0, 0] = 5
    (refined,) = parts_of(Moving(frames, one, one), tmp_path)
    assert refined.shape == (2, 4, 4)
    assert (refined == 5).all()


def test_a_clip_never_overwrites_its_labels_or_frames(clip: Moving, tmp_path: Path) -> None:
    """Later frames need them."""
    frames, labels = write(clip, tmp_path)
    for folder in (frames, labels):
        before = (folder / "003.png").read_bytes()
        with pytest.raises(ImageError, match="overwrite"):
            refine_video(frames, labels, folder, overwrite=True)
        assert (folder / "003.png").read_bytes() == before


def test_frames_that_a_longer_clip_left_are_named(clip: Moving, tmp_path: Path) -> None:
    frames, labels = write(clip, tmp_path)
    out = tmp_path / "out"
    assert refine_video(frames, labels, out, PRESET).notes == ()
    for path in sorted(frames.iterdir())[7:]:
        path.unlink()
    (note,) = refine_video(frames, labels, out, PRESET, overwrite=True).notes
    kept = sorted(path.name for path in out.iterdir())
    assert len(kept) == 10
    assert note.startswith(f"{out} also holds 3 pictures of another clip, such as {kept[7]}")
