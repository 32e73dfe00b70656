"""One photo, many photos, many threads: the same results."""

import dataclasses
import io
import itertools
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_model import CLASSES, tiny_info

from pixelwise import load
from pixelwise.core.classes import Classes
from pixelwise.core.errors import ImageError, ModelError
from pixelwise.core.types import RGBImage, Scores
from pixelwise.inference.engines.onnx import OnnxEngine
from pixelwise.inference.engines.torch import TorchEngine
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.views import SINGLE, Views


def quarters() -> RGBImage:
    """Black, red / green, blue."""
    image = np.zeros((20, 30, 3), np.uint8)
    image[:10, 15:, 0] = image[10:, :15, 1] = image[10:, 15:, 2] = 255
    return image


def test_file_pillow_image_and_array_give_the_same_labels(predictor: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.fromarray(quarters()).save(path)
    expected = np.repeat(np.repeat([[0, 1], [2, 3]], 10, 0), 15, 1)
    for source in (path, str(path), Image.fromarray(quarters()), quarters()):
        result = predictor(source)
        assert result.labels.tolist() == expected.tolist()
        assert result.size == result.scored_size == (20, 30)


@pytest.mark.parametrize("factor", [1, 4])  # seen as it is, and reduced
def test_results_go_from_process_to_process(predictor: Predictor, tmp_path: Path, factor: int) -> None:
    large = np.kron(quarters(), np.ones((factor, factor, 1), np.uint8))
    Image.fromarray(large).save(tmp_path / "x.png")
    for source in (tmp_path / "x.png", large):
        result = predictor(source)
        arrived = pickle.loads(pickle.dumps(result))
        assert np.array_equal(arrived.labels, result.labels)
        assert arrived.overlay().tobytes() == result.overlay().tobytes()


@pytest.mark.parametrize(
    "change", [lambda image: image.paste((0, 0, 0), (0, 0, 300, 200)), Image.Image.close]
)
def test_what_happens_to_a_pillow_image_later_does_not_change_its_result(
    predictor: Predictor, change: Callable[[Image.Image], None]
) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8))
    expected = np.asarray(image)
    result = predictor(image)
    assert max(result.grid_size) < 300
    change(image)
    assert np.array_equal(result.photo(), expected)


def test_confidence_is_the_mean_probability(predictor: Predictor) -> None:
    (only,) = predictor(np.full((3, 4, 3), (255, 0, 0), np.uint8)).areas()
    powers = np.exp([3, 255 / 32, 0, 0])
    assert (only.id, only.name, only.area) == (1, "red", 1)
    assert only.confidence == pytest.approx(powers[1] / powers.sum(), abs=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (64, 64), (65, 3), (300, 451)])
def test_any_size_is_scored_within_the_long_side_and_labelled_in_full(
    size: tuple[int, int], predictor: Predictor
) -> None:
    result = predictor(np.zeros((*size, 3), np.uint8))
    assert result.labels.shape == size
    assert result.probabilities.shape == (4, *size)
    assert max(result.scored_size) == min(max(size), 64)


def test_a_shared_predictor_gives_every_thread_its_own_result(predictor: Predictor) -> None:
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 256, (5 + index, 9, 3), np.uint8) for index in range(40)]
    alone = [predictor(picture).scores for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda picture: predictor(picture).scores, pictures))
    assert all((one == other).all() for one, other in zip(alone, together, strict=True))


def test_batch_streams_in_order_from_an_endless_source(predictor: Predictor) -> None:
    sources = (np.zeros((1 + index, 2, 3), np.uint8) for index in itertools.count())
    heights = [result.size[0] for result in itertools.islice(predictor.batch(sources, workers=3), 20)]
    assert heights == list(range(1, 21))


def test_batch_raises_an_error_in_its_turn(predictor: Predictor) -> None:
    stream = predictor.batch([quarters(), "missing.png"])
    assert next(stream).size == (20, 30)
    with pytest.raises(ImageError, match=r"missing.png: no such file"):
        next(stream)


class Broken:
    """An engine whose net has a weight that is not a number."""

    threads = 1

    def __init__(self, wrong: float) -> None:
        self.wrong = wrong

    def scores(self, image: RGBImage) -> Scores:
        scores = np.zeros((4, *image.shape[:2]), np.float32)
        scores[2, -1, -1] = self.wrong
        return scores


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("views", [SINGLE, Views(flip=True)])
def test_scores_that_are_not_numbers_are_refused(wrong: float, views: Views) -> None:
    predictor = Predictor(Broken(wrong), tiny_info(), views=views, source="runs/mine")
    if views != SINGLE and wrong == -np.inf:  # a class of probability 0, which is a sound mean
        assert predictor(quarters()).probabilities[:, -1, -1] == pytest.approx([7 / 24] * 2 + [1 / 8, 7 / 24])
        return
    with pytest.raises(
        ModelError, match=r'model "tiny" \(runs/mine\) gives NaN or infinite scores for this picture'
    ):
        predictor(quarters())


def test_a_copy_too_large_for_memory_is_refused_before_it_is_made() -> None:
    class Untouched:
        threads = 1

        def scores(self, image: RGBImage) -> Scores:
            raise AssertionError("the picture was enlarged")

    info = dataclasses.replace(tiny_info(30_000), enlarge=True)
    with pytest.raises(
        ModelError, match=r"picture of 20x30 pixels as 20000x30000, which takes more than 1.7 GB"
    ):
        Predictor(Untouched(), info)(quarters())
    with pytest.raises(ModelError, match="leave out large --scales"):
        Predictor(Untouched(), dataclasses.replace(info, long_side=3000), views=Views((4.0,)))(quarters())
    seen = Predictor(Untouched(), info, inputs=("image", "depth"))
    with pytest.raises(ModelError, match="which takes more than"):
        seen(np.zeros((20, 30, 4), np.float32))


def test_a_model_that_scores_other_classes_is_refused(predictor: Predictor) -> None:
    info = tiny_info()
    fewer = type(info)("few", Classes.named(("a", "b")), 64)
    with pytest.raises(ModelError, match='model "few" names 2 classes but scores 4'):
        Predictor(predictor.engine, fewer)(quarters())


def test_torch_and_onnx_engines_agree(model_path: Path) -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Conv2d(3, 4, 1)
    with pytest.raises(ValueError, match=r"net.eval\(\)"):
        TorchEngine(net)
    weight = torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]) / 32
    net.weight.data = weight[:, :, None, None]
    net.bias.data = torch.tensor([3.0, 0, 0, 0])
    by_torch, by_onnx = TorchEngine(net.eval()), OnnxEngine(str(model_path), 2)
    image = np.random.default_rng(0).integers(0, 256, (13, 17, 3), np.uint8)
    np.testing.assert_allclose(by_torch.scores(image), by_onnx.scores(image), atol=1e-5)
    assert Predictor(by_torch, tiny_info())(quarters()).classes == CLASSES


def test_a_batch_is_of_several_pictures(predictor: Predictor, tmp_path: Path) -> None:
    one: Any
    picture = np.zeros((4, 5, 3), np.uint8)
    several = (str(tmp_path), tmp_path, b"content", bytearray(b"content"), io.BytesIO(b"content"))
    for one in (*several, Image.new("RGB", (4, 4)), picture, torch.from_numpy(picture)):
        with pytest.raises(ValueError, match="expected several pictures, such as a list, got one"):
            predictor.batch(one)
    with pytest.raises(ValueError, match="such as a list, got NoneType"):
        predictor.batch(cast(Any, None))
    assert len(list(predictor.batch(picture[None]))) == 1


@pytest.mark.parametrize("workers", [0, -1, 1.5, "2", True, float("nan")])
def test_workers_are_a_whole_number(predictor: Predictor, workers: Any) -> None:
    """NaN waited forever."""
    with pytest.raises(ValueError, match=f"workers must be a whole number, at least 1, got {workers!r}"):
        predictor.batch([], workers)
    assert predictor.workers(cast(Any, np.int64(1))) == 1


def test_cleaning_style_and_refiner_of_another_type_are_refused(predictor: Predictor) -> None:
    wrong: Any = "largest"
    for act, complaint in (
        (predictor.with_cleaning, r"expected cleaning as Cleaning\(largest=True\), got 'largest'"),
        (predictor.with_style, r"expected a style as Style\(opacity=0.3\), got 'largest'"),
        (predictor.with_refiner, "expected a refiner, such as CRFRefiner.* got 'largest'"),
    ):
        with pytest.raises(ValueError, match=complaint):
            act(wrong)
    with pytest.raises(ValueError, match='expected a video as its path, URL or "camera:0", got ndarray'):
        next(predictor.video(cast(Any, np.zeros((2, 4, 5, 3), np.uint8))))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"long_side": True}, "long_side is from 1 to 100000 pixels, got True"),
        ({"long_side": "512"}, "long_side is from 1 to 100000 pixels, got '512'"),
        ({"long_side": 512.5}, "long_side is from 1 to 100000 pixels, got 512.5"),
        ({"crf": True}, "expected a CRF preset, its name"),
        ({"precision": None}, 'precision is one of auto.*got "None"'),
        ({"tiles": float("nan")}, "tiles is .*at least 32; got nan"),
        ({"tiles": float("inf")}, "tiles is .*at least 32; got inf"),
        ({"tiles": [64]}, r"tiles is .*at least 32; got \[64\]"),
        ({"mean": 0.5}, "mean: a model file or run folder has these itself"),
    ],
)
def test_arguments_of_load_are_checked(options: Any, message: str, model_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        load(model_path, **options)


def test_numbers_of_numpy_are_numbers(model_path: Path) -> None:
    one: Any = np.int64(1)
    info = load(model_path, threads=one, long_side=40 * one).info
    assert info.long_side == 40
    assert '"long_side": 40' in info.to_metadata()["pixelwise"]
