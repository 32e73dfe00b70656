"""Frames of a video as annotations, and files about all its frames beside them."""

import json
from pathlib import Path

import numpy as np
import pytest
from clips import BLUE, GREEN, RED, plain, write_clip

from pixelwise.core.errors import ImageError
from pixelwise.data import open_dataset
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.results.kind import Saving
from pixelwise.inference.segment_files import Outcome, run
from pixelwise.inference.sources.tasks import plan
from pixelwise.inference.video import saving

KINDS = ("labelme", "yolo", "coco", "csv")


def segment(predictor: Predictor, place: Path, *kinds: str, **options: object) -> Outcome:
    tasks = plan([place / "x.mp4"], place / "out")
    (outcome,) = run(predictor, tasks, place / "out", kinds, **options)  # type: ignore[arg-type]
    return outcome


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "x.mp4", [plain(colour) for colour in (RED, GREEN, BLUE, RED)])


def strongest(folder: Path) -> list[str]:
    data = open_dataset(f"labelme:{folder}", "all")
    assert data.read(0).image.shape == (32, 48, 3)  # the frame is in the file
    found = [np.bincount(data.read(index).labels.ravel()).argmax() for index in range(len(data))]
    return [data.classes.names[index] for index in found]


def test_frames_have_annotations_with_their_picture(clip: Path, predictor: Predictor, tmp_path: Path) -> None:
    outcome = segment(predictor, tmp_path, *KINDS)
    frames = tmp_path / "out/x_frames"
    assert (outcome.problem, set(outcome.outputs.values())) == (None, {frames})
    assert strongest(frames) == ["red", "green", "blue", "red"]
    assert sorted(path.name for path in frames.iterdir() if not path.name.startswith("0")) == [
        "coco.json", "data.yaml", "labels.txt", "regions.csv",
    ]  # fmt: skip
    table = (frames / "regions.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in table if ",1536," in line] == ["red", "green", "blue", "red"]
    assert [path.name for path in (tmp_path / "out/.pixelwise").iterdir()] == ["x.json"]
    assert segment(predictor, tmp_path, *KINDS).skipped
    assert not segment(predictor, tmp_path, "coco", saving=Saving(1.0)).skipped
    (frames / "coco.json").unlink()
    assert not segment(predictor, tmp_path, "coco", saving=Saving(1.0)).skipped


def test_files_about_all_frames_have_the_size_of_each(predictor: Predictor, tmp_path: Path) -> None:
    first = write_clip(tmp_path / "a.ts", [plain(RED)] * 2)
    second = write_clip(tmp_path / "b.ts", [plain(BLUE, (64, 96))] * 2)
    (tmp_path / "x.mts").write_bytes(first.read_bytes() + second.read_bytes())
    (outcome,) = run(
        predictor, plan([tmp_path / "x.mts"], tmp_path / "out"), tmp_path / "out", ("coco", "csv")
    )
    assert outcome.problem is None
    images = json.loads((tmp_path / "out/x_frames/coco.json").read_text())["images"]
    sizes = [(image["height"], image["width"]) for image in images]
    assert (sizes[0], sizes[-1]) == ((32, 48), (64, 96))
    rows = (tmp_path / "out/x_frames/regions.csv").read_text().splitlines()[1:]
    assert {row.split(",")[4] for row in rows} == {"1"}, "the share of the frame"


def test_an_interrupted_video_has_all_frames_in_its_files(
    clip: Path, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "PART", 2)
    known = saving.VideoResults.record
    with monkeypatch.context() as patch:

        def stop(results: saving.VideoResults, progress: saving.Progress) -> None:
            known(results, progress)
            raise ImageError("stopped")

        patch.setattr(saving.VideoResults, "record", stop)
        assert segment(predictor, tmp_path, *KINDS).problem is not None
    assert not (tmp_path / "out/x_frames/coco.json").exists()
    assert segment(predictor, tmp_path, *KINDS).problem is None
    data = open_dataset(f"labelme:{tmp_path / 'out/x_frames'}", "all")
    assert len(data) == 4
    assert (tmp_path / "out/x_frames/coco.json").read_text().count("file_name") == 4


def test_corrected_frames_outlive_other_kinds_models_and_damaged_records(
    clip: Path, predictor: Predictor, tmp_path: Path
) -> None:
    segment(predictor, tmp_path, "labelme", "mask")
    mine = tmp_path / "out/x_frames/000001.json"
    mine.write_text(corrected := mine.read_text().replace("green", "blue"))
    predictor.identity = "another model"
    outcome = segment(predictor, tmp_path, "mask")
    assert (outcome.problem, outcome.skipped, mine.read_text()) == (None, False, corrected)
    record = tmp_path / "out/.pixelwise/x.json"
    for damaged in (record.read_bytes()[:-9], b""):
        record.write_bytes(damaged)
        refused = segment(predictor, tmp_path, "labelme", "mask").problem
        assert refused is not None and "perhaps corrected" in refused.message
        assert mine.read_text() == corrected


def test_corrected_frames_outlive_an_interrupted_run_of_other_kinds(
    clip: Path, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment(predictor, tmp_path, "labelme")
    mine = tmp_path / "out/x_frames/000001.json"
    mine.write_text(corrected := mine.read_text().replace("green", "blue"))
    predictor.identity = "another model"
    with monkeypatch.context() as patch:
        patch.setattr(saving, "_notes", lambda *_: 1 / 0)
        assert segment(predictor, tmp_path, "mask").problem is not None
    refused = segment(predictor, tmp_path, "labelme").problem
    assert refused is not None and "perhaps corrected" in refused.message
    assert mine.read_text() == corrected
    assert segment(predictor, tmp_path, "mask").problem is None


def test_corrected_frames_are_not_replaced(clip: Path, predictor: Predictor, tmp_path: Path) -> None:
    segment(predictor, tmp_path, "labelme")
    mine = tmp_path / "out/x_frames/000001.json"
    mine.write_text(mine.read_text().replace("green", "blue"))
    corrected = mine.read_text()
    assert segment(predictor, tmp_path, "labelme").skipped
    refused = segment(predictor, tmp_path, "labelme", "mask").problem
    assert refused is not None
    assert "x_frames holds annotations of an earlier run, perhaps corrected" in refused.message
    assert "replace them with --overwrite" in str(refused.hint)
    assert mine.read_text() == corrected
    assert segment(predictor, tmp_path, "mask").problem is None
    assert mine.read_text() == corrected
    assert segment(predictor, tmp_path, "labelme", overwrite=True).problem is None
    assert strongest(tmp_path / "out/x_frames")[1] == "green"
