"""Archives for test servers: names, ids, sizes, and what is refused."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.core.classes import Classes
from pixelwise.core.errors import ImageError, ModelError
from pixelwise.data.sources.camvid import CAMVID_COLOURS
from pixelwise.data.sources.voc import VOC_CLASSES
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.outputs.submission import check_submission, write_submission
from pixelwise.inference.predictor import Predictor
from pixelwise.workflows import segment_folder


class Bands:
    """Scores class (row mod classes)."""

    threads = 1

    def __init__(self, classes: int) -> None:
        self._classes = classes

    def scores(self, image: np.ndarray) -> np.ndarray:
        rows = np.arange(image.shape[0])[:, None] % self._classes
        hot = rows[None] == np.arange(self._classes)[:, None, None]
        return np.broadcast_to(hot, (self._classes, *image.shape[:2])).astype(np.float32) * 20


def predictor(names: list[str]) -> Predictor:
    return Predictor(Bands(len(names)), ModelInfo("bands", Classes.named(names), 500))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "JPEGImages"
    folder.mkdir()
    for name, size in (("2008_000006", (50, 33)), ("2008_000011", (40, 30))):
        Image.new("RGB", size).save(folder / f"{name}.jpg")
    return folder


def content(path: Path) -> dict[str, np.ndarray]:
    with tarfile.open(path) as archive:
        found = {}
        for entry in archive:
            file = archive.extractfile(entry)
            assert file is not None
            with Image.open(io.BytesIO(file.read())) as picture:
                assert (picture.format, picture.mode) == ("PNG", "P")
                found[entry.name] = np.array(picture)
        return found


def test_voc_gets_palette_pictures_of_ids_at_the_photos_size(photos: Path, tmp_path: Path) -> None:
    archive = tmp_path / "results.tgz"
    segment_folder(photos, tmp_path / "out", predictor(VOC_CLASSES), save=(), submission=archive)
    found = content(archive)
    folder = "results/VOC2012/Segmentation/comp5_test_cls"
    assert sorted(found) == [f"{folder}/2008_000006.png", f"{folder}/2008_000011.png"]
    assert found[f"{folder}/2008_000006.png"].shape == (33, 50)
    assert (found[f"{folder}/2008_000011.png"][:, 0] == np.arange(30) % 21).all()


def test_camvid_gets_the_folder_of_its_test_labels(photos: Path, tmp_path: Path) -> None:
    archive = tmp_path / "camvid.tar.gz"
    segment_folder(photos, tmp_path / "out", predictor(list(CAMVID_COLOURS)), submission=archive)
    assert sorted(content(archive)) == ["testannot/2008_000006.png", "testannot/2008_000011.png"]


def test_the_archive_of_the_same_results_has_the_same_bytes(photos: Path, tmp_path: Path) -> None:
    archive, model = tmp_path / "results.tgz", predictor(VOC_CLASSES)
    outcomes = segment_folder(photos, tmp_path / "out", model, submission=archive).outcomes
    first = archive.read_bytes()
    assert write_submission(outcomes[::-1], model.classes, archive) == 2
    assert archive.read_bytes() == first


def test_a_failed_picture_and_two_of_one_name_leave_no_archive(photos: Path, tmp_path: Path) -> None:
    archive, model = tmp_path / "results.tgz", predictor(VOC_CLASSES)
    (photos / "2008_000099.jpg").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"1 of 3 pictures .*2008_000099"):
        segment_folder(photos, tmp_path / "out", model, submission=archive)
    (photos / "2008_000099.jpg").unlink()
    Image.new("RGB", (9, 9)).save(photos / "2008_000006.png")
    with pytest.raises(ImageError, match="two pictures are called 2008_000006"):
        segment_folder(photos, tmp_path / "out", model, submission=archive)
    assert not archive.exists()


def test_a_failed_picture_leaves_the_files_about_all_others(photos: Path, tmp_path: Path) -> None:
    (photos / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(ImageError, match="no submission"):
        segment_folder(
            photos, tmp_path / "out", predictor(VOC_CLASSES), ["coco"], submission=tmp_path / "s.tgz"
        )
    assert (tmp_path / "out/coco.json").read_text().count("file_name") == 2
    assert not (tmp_path / "s.tgz").exists()


def test_other_classes_and_endings_are_refused_before_the_work(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="neither the 21 of PASCAL VOC nor the 11 of CamVid"):
        segment_folder(photos, tmp_path / "out", predictor(VOC_CLASSES[::-1]), submission=tmp_path / "r.tgz")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match=r"ends in \.tgz or \.tar\.gz"):
        check_submission(tmp_path / "r.zip", Classes.named(VOC_CLASSES))
