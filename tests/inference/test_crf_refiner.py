"""The CRF as the predictor's last step: what it is given, what becomes of it, its memory."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from pixelwise import load
from pixelwise.core.errors import ImageError, PresetError
from pixelwise.core.types import RGBImage
from pixelwise.crf import DEEPLAB, Preset, refine
from pixelwise.inference import crf_refiner as module
from pixelwise.inference.crf_refiner import (
    CRFRefiner,
    most_vertices,
    refined_size,
    refining_bytes,
    reserved_bytes,
)
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.probabilities import scores_of


class Recorder:
    """A refiner that makes everything green and remembers what it was given."""

    identity = "green"

    def __init__(self) -> None:
        self.calls: list[tuple[RGBImage, npt.NDArray[np.float32]]] = []

    def __call__(self, image: RGBImage, probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        self.calls.append((image, probabilities.copy()))
        beliefs = np.full(probabilities.shape, 0.1, np.float32)
        beliefs[2] = 0.7
        return beliefs


def with_refiner(predictor: Predictor) -> tuple[Predictor, Recorder]:
    recorder = Recorder()
    return Predictor(predictor.engine, predictor.info, "tiny", recorder), recorder


def noise(height: int, width: int) -> RGBImage:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("size", [(90, 120), (40, 30)])  # the model scores at most 64 pixels
def test_the_refiner_gets_the_original_and_probabilities_of_its_size(
    size: tuple[int, int], predictor: Predictor
) -> None:
    refining, recorder = with_refiner(predictor)
    picture = noise(*size)
    result = refining(picture)
    ((image, probabilities),) = recorder.calls
    assert (image == picture).all()
    np.testing.assert_array_equal(probabilities, predictor(picture).probabilities)
    assert result.grid_size == result.size == size
    assert result.scored_size == predictor(picture).scored_size


def test_everything_shows_the_refined_beliefs(predictor: Predictor) -> None:
    result = with_refiner(predictor)[0](noise(90, 120))
    assert (result.labels == 2).all()
    (area,) = result.areas()
    assert (area.name, area.area) == ("green", 1)
    assert area.confidence == pytest.approx(0.7, abs=1e-5)
    np.testing.assert_allclose(result.probabilities[:, 5, 5], [0.1, 0.1, 0.7, 0.1], atol=1e-6)
    assert result.notes() == ["scored on a copy reduced to 64x48", "refined"]
    assert result.overlay(legend=False).size == (120, 90)
    assert np.asarray(result.cutout())[..., 3].min() == 255


def test_a_picture_beyond_the_memory_is_refined_on_a_copy(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", refining_bytes((45, 60), 4))
    refining, recorder = with_refiner(predictor)
    result = refining(noise(90, 120))
    ((image, probabilities),) = recorder.calls
    assert image.shape == (45, 60, 3)
    assert probabilities.shape == (4, 45, 60)
    assert result.labels.shape == (90, 120)
    assert result.grid_size == (45, 60)
    assert result.notes()[1] == "refined on a copy reduced to 60x45"


@pytest.mark.parametrize("classes", [1, 7, 21, 150, 255])
@pytest.mark.parametrize("size", [(1, 1), (375, 500), (3000, 4000), (1, 20000), (20000, 20000)])
def test_the_refined_size_keeps_the_bound_and_the_shape(size: tuple[int, int], classes: int) -> None:
    height, width = refined_size(size, classes)
    assert refining_bytes((height, width), classes) <= module.MOST_BYTES * 1.002  # rounding to whole rows
    if refining_bytes(size, classes) <= module.MOST_BYTES:
        assert (height, width) == size
    else:
        assert refining_bytes((height, width), classes) > 0.97 * module.MOST_BYTES
        assert height / width == pytest.approx(size[0] / size[1], rel=0.01)


def test_noise_beyond_the_memory_is_refined_on_a_copy(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = noise(90, 120)
    refining = Predictor(predictor.engine, predictor.info, refiner=CRFRefiner("deeplab-coco", 1))
    full = refining(picture)
    assert full.grid_size == (90, 120)
    monkeypatch.setattr(module, "MOST_BYTES", refining_bytes((90, 120), 4))
    monkeypatch.setattr(module, "_FEWEST_VERTICES", 20_000)  # of the 50,000 or so that it has
    result = refining(picture)
    height, width = result.grid_size
    assert 3 * height == pytest.approx(2.25 * width, abs=3)
    assert 20 < height < 90
    assert result.image.shape == (height, width, 3)
    assert result.labels.shape == (90, 120)
    assert result.notes()[1] == f"refined on a copy reduced to {width}x{height}"
    assert result.overlay(legend=False).size == (120, 90)
    plain = np.full((90, 120, 3), 90, np.uint8)
    assert refining(plain).grid_size == (90, 120)


@pytest.mark.parametrize("classes", [1, 7, 21, 150, 255])
def test_the_most_that_refining_takes_is_bounded(classes: int) -> None:
    for size in [(1, 1), (375, 500), (1000, 1000), (3000, 4000), (1, 20000)]:
        grid = refined_size(size, classes)
        assert reserved_bytes(grid, classes) <= module.MOST_BYTES * 1.03
        assert most_vertices(grid, classes) >= 50_000


def test_twelve_megapixels_with_seven_classes_are_refined_on_two_and_a_half() -> None:
    assert refined_size((3000, 4000), 7) == (1358, 1811)


def test_widths_grow_with_pictures_longer_than_500_pixels() -> None:
    preset = Preset("small", "test", 5, 2, 10, w2=3, theta_gamma=1, iterations=2)
    beliefs = np.full((2, 3, 1000), 0.5, np.float32)
    image = noise(3, 1000)
    beliefs[0, :, 300:] = 0.9
    beliefs[1] = 1 - beliefs[0]
    twice = Preset("twice", "test", 5, 4, 10, w2=3, theta_gamma=2, iterations=2)
    refiner = CRFRefiner(preset, threads=1)
    assert (refiner(image, beliefs) == refine(image, beliefs, preset=twice, threads=1)).all()
    small = image[:, :500], np.ascontiguousarray(beliefs[:, :, :500])
    assert (refiner(*small) == refine(*small, preset=preset, threads=1)).all()


def test_scores_of_beliefs_give_them_back_and_stay_finite() -> None:
    beliefs = np.array([[[0.25, 1]], [[0.75, 0]]], np.float32)
    scores = scores_of(beliefs.copy())
    assert np.isfinite(scores).all()
    powers = np.exp(scores)
    np.testing.assert_allclose(powers / powers.sum(0), beliefs, atol=1e-7)


def test_results_of_other_presets_have_other_identities() -> None:
    identities = {CRFRefiner(name).identity for name in ("deeplab", "deeplab-msc", "densecrf")}
    assert len(identities) == 3
    assert CRFRefiner(DEEPLAB).identity == CRFRefiner("deeplab", threads=1).identity


def test_load_takes_a_preset_its_name_or_its_file(model_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(DEEPLAB.to_json())
    picture = noise(20, 30)
    results = [load(model_path, 1, crf=crf)(picture) for crf in (DEEPLAB, "deeplab", path, str(path))]
    assert all((result.labels == results[0].labels).all() for result in results)
    assert (results[0].labels != load(model_path, 1)(picture).labels).any()
    with pytest.raises(PresetError, match="no CRF preset sharp"):
        load(model_path, crf="sharp")


def test_a_file_that_changes_in_between_is_named(predictor: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.fromarray(noise(90, 120)).save(path)

    class Engine:
        threads = 1

        def scores(self, image: RGBImage) -> npt.NDArray[np.float32]:
            Image.fromarray(noise(80, 120)).save(path)
            return predictor.engine.scores(image)

    with pytest.raises(ImageError, match=r"x.png: the file has changed"):
        Predictor(Engine(), predictor.info, refiner=Recorder())(path)
