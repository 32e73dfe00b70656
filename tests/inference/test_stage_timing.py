"""What is timed, not how long it takes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.core.errors import ModelError
from pixelwise.core.types import RGBImage, Scores
from pixelwise.inference.crf_refiner import CRFRefiner
from pixelwise.inference.engines.onnx import OnnxEngine
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.stage_timing import WARM_UP, Duration, _duration, time_stages, write_photo


class Counting:
    """An engine that counts its calls."""

    threads = 1

    def __init__(self, engine: OnnxEngine) -> None:
        self._engine = engine
        self.sizes: list[tuple[int, ...]] = []

    def scores(self, image: RGBImage) -> Scores:
        self.sizes.append(image.shape[:2])
        return self._engine.scores(image)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    write_photo(tmp_path / "photo.jpg", (60, 96))
    return tmp_path / "photo.jpg"


def test_the_photo_is_always_the_same_and_as_busy_as_one(photo: Path, tmp_path: Path) -> None:
    write_photo(tmp_path / "again.jpg", (60, 96))
    assert photo.read_bytes() == (tmp_path / "again.jpg").read_bytes()
    with Image.open(photo) as picture:
        assert (picture.format, picture.size) == ("JPEG", (96, 60))
        assert np.asarray(picture).std() > 20


def test_every_stage_is_timed_after_a_warm_up(photo: Path, predictor: Predictor) -> None:
    engine = Counting(predictor.engine)  # type: ignore[arg-type]
    told: list[int] = []
    durations = time_stages(Predictor(engine, predictor.info), photo, 4, told.append)
    assert list(durations) == ["read", "preprocess", "net", "label", "file to labels"]
    assert all(0 < entry.low <= entry.median <= entry.high for entry in durations.values())
    assert all(entry.mean > 0 for entry in durations.values())
    assert told == [1, 2, 3, 4]
    # Once by itself and once in the whole, on the copy of at most 64 pixels.
    assert engine.sizes == [(40, 64)] * 2 * (WARM_UP + 4)


def test_the_mean_and_the_quartiles_are_those_of_all_runs() -> None:
    duration = _duration([0.1, 0.2, 0.3, 1.0, 0.4])
    assert duration.mean == pytest.approx(2.0 / 5), "as table 1 of the FCN paper has it"
    assert duration.median == pytest.approx(0.3)
    assert _duration([0.5]) == Duration(0.5, 0.5, 0.5, 0.5)


def test_the_crf_is_a_stage_if_there_is_one(photo: Path, predictor: Predictor) -> None:
    refining = Predictor(predictor.engine, predictor.info, refiner=CRFRefiner("deeplab", threads=1))
    durations = time_stages(refining, photo, 1)
    assert list(durations) == ["read", "preprocess", "net", "label", "CRF", "file to labels"]


def test_a_net_that_sees_more_than_the_photo_is_refused(photo: Path, predictor: Predictor) -> None:
    engine = Counting(predictor.engine)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=r'model "tiny" takes image and depth, .*\n.*pixelwise eval'):
        time_stages(Predictor(engine, predictor.info, inputs=("image", "depth")), photo)
    assert not engine.sizes
