"""The CRF over space and time: flicker goes, motion stays; faults of folders are named."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from pixelwise.cli.main import app
from pixelwise.core.errors import DataError, ImageError
from pixelwise.crf import PRESETS
from pixelwise.evaluation.metrics.flicker import flicker
from pixelwise.inference import clips
from pixelwise.inference.clips import Clip, read_clip, refine_clip
from pixelwise.inference.crf_refiner import MOST_BYTES
from pixelwise.workflows import refine_video


@pytest.fixture(scope="module")
def clip() -> tuple[Clip, np.ndarray]:
    """A bright square that moves by a pixel a frame on dark ground, its labels with 15% of wrong blocks; and
    the truth, ids 3 and 7.
    """
    rng = np.random.default_rng(0)
    truth = np.full((10, 32, 40), 3, np.uint8)
    for time in range(10):
        truth[time, 8:24, 6 + time : 22 + time] = 7
    frames = np.where(truth[..., None] == 7, 200, 40).repeat(3, 3) + rng.integers(-2, 3, (10, 32, 40, 3))
    wrong = (rng.random((10, 8, 10)) < 0.15).repeat(4, 1).repeat(4, 2)
    labels = np.where(wrong, 10 - truth, truth).astype(np.uint8)
    labels[2, :5] = 255
    return Clip(tuple(f"{t:03}" for t in range(10)), frames.astype(np.uint8), labels), truth


Clips = tuple[Clip, np.ndarray]


def test_flicker_goes_and_the_moving_square_stays(clip: Clips) -> None:
    given, truth = clip
    refined = refine_clip(given, PRESETS["deeplab-coco"])
    assert flicker(given.frames, given.labels) > 0.2
    assert flicker(given.frames, refined) < 0.01
    assert (refined == truth).mean() > 0.99
    assert set(np.unique(refined)) == {3, 7}


def test_a_clip_in_parts_is_refined_as_a_whole(clip: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
    given, _ = clip
    whole = refine_clip(given, PRESETS["deeplab-coco"], frames_apart=1.0)
    monkeypatch.setattr(clips, "refining_bytes", lambda size, classes: MOST_BYTES // 7)
    seen: list[int] = []
    parts = refine_clip(given, PRESETS["deeplab-coco"], frames_apart=1.0, on_frames=seen.append)
    assert seen == [3, 6, 9, 10]
    assert (parts == whole).mean() > 0.995


def write(clip: Clip, folder: Path) -> tuple[Path, Path]:
    for kind in ("frames", "labels"):
        (folder / kind).mkdir()
    for name, frame, labels in zip(clip.names, clip.frames, clip.labels, strict=True):
        Image.fromarray(frame).save(folder / f"frames/{name}.png")
        Image.fromarray(labels).save(folder / f"labels/{name}.png")
    return folder / "frames", folder / "labels"


def test_the_verb_writes_labels_and_measures_flicker(clip: Clips, tmp_path: Path) -> None:
    frames, labels = write(clip[0], tmp_path)
    line = ["refine", "--video", str(frames), str(labels), "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 0, done.output
    before = flicker(clip[0].frames, clip[0].labels)
    assert f"10 frames; flicker {before:.2%} before, 0." in done.stdout
    assert len(list((tmp_path / "out").iterdir())) == 10
    with Image.open(tmp_path / "out/004.png") as picture:
        assert picture.mode == "P" and set(np.unique(np.asarray(picture))) == {3, 7}
    with pytest.raises(ImageError, match="is there already"):
        refine_video(frames, labels, tmp_path / "out")
    assert CliRunner().invoke(app, [*line, "--overwrite", "--confidence", "0.2"]).exit_code == 2


def test_the_masks_that_segment_writes_are_labels_of_a_clip(clip: Clips, tmp_path: Path) -> None:
    frames, labels = write(clip[0], tmp_path)
    for path in labels.iterdir():
        path.rename(path.with_name(f"{path.stem}_mask.png"))
    found = read_clip(frames, labels)
    assert found.names == clip[0].names
    assert np.array_equal(found.labels, clip[0].labels)
    Image.fromarray(clip[1][3]).save(labels / "003.png")  # the exact name comes first
    assert np.array_equal(read_clip(frames, labels).labels[3], clip[1][3])


def test_the_colours_of_labels_stay(clip: Clips, tmp_path: Path) -> None:
    frames, labels = write(clip[0], tmp_path)
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


def test_faults_of_the_folders_are_named(clip: Clips, tmp_path: Path) -> None:
    frames, labels = write(clip[0], tmp_path)
    with pytest.raises(DataError, match="is not a folder"):
        read_clip(frames / "000.png", labels)
    Image.new("L", (5, 4)).save(labels / "003.png")
    with pytest.raises(DataError, match=r"003\.png is 5 x 4 pixels, the first frame 40 x 32"):
        read_clip(frames, labels)
    (labels / "003.png").unlink()
    with pytest.raises(DataError, match=r"1 frames have no labels in .*, 003 for one"):
        read_clip(frames, labels)
    with pytest.raises(DataError, match="no pictures"):
        (tmp_path / "empty").mkdir()
        read_clip(tmp_path / "empty", labels)


def test_a_clip_of_one_label_or_none() -> None:
    frames = np.zeros((2, 4, 4, 3), np.uint8)
    one = np.full((2, 4, 4), 255, np.uint8)
    with pytest.raises(DataError, match="has no label"):
        refine_clip(Clip(("a", "b"), frames, one), PRESETS["deeplab"])
    one[0, 0, 0] = 5
    assert (refine_clip(Clip(("a", "b"), frames, one), PRESETS["deeplab"]) == 5).all()
