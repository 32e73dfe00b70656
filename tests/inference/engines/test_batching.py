"""Calls that wait while the engine is at work are scored together, and each gets its own scores."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from running_service import until
from tiny_model import tiny_model

from pixelwise.core.errors import ModelError
from pixelwise.core.types import RGBImage, Scores
from pixelwise.inference.engines import batching
from pixelwise.inference.engines.batching import BatchEngine, Batching
from pixelwise.inference.engines.onnx import OnnxEngine


class RecordingEngine:
    """Scores are the pixels. Calls wait until they are let go; an image that begins with 255 fails."""

    threads = 1000

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.let_go = threading.Event()

    def scores(self, image: RGBImage) -> Scores:
        return self.batch_scores([image])[0]

    def batch_scores(self, images: Sequence[RGBImage]) -> list[Scores]:
        self.sizes.append(len(images))
        assert self.let_go.wait(30)
        if any(image[0, 0, 0] == 255 for image in images):
            raise ModelError("fails")
        return [image.transpose(2, 0, 1).astype(np.float32) for image in images]


def images(count: int, size: tuple[int, int] = (4, 5)) -> list[RGBImage]:
    random = np.random.default_rng(count)
    return [random.integers(0, 255, (*size, 3), np.uint8) for _ in range(count)]


def scored_at_once(engine: RecordingEngine, pictures: list[RGBImage]) -> list[Scores | Exception]:
    """The first call is at work when the others come."""
    together = Batching(engine)

    def score(picture: RGBImage) -> Scores | Exception:
        try:
            return together.scores(picture)
        except ModelError as fault:
            return fault

    with ThreadPoolExecutor(len(pictures)) as threads:
        first = threads.submit(score, pictures[0])
        until(lambda: engine.sizes == [1])
        others = [threads.submit(score, picture) for picture in pictures[1:]]
        until(lambda: len(together._waiting) == len(others))
        engine.let_go.set()
        return [first.result(), *(other.result() for other in others)]


def test_calls_that_wait_become_one_batch_with_the_scores_of_each() -> None:
    engine, pictures = RecordingEngine(), images(6)
    results = scored_at_once(engine, pictures)
    assert engine.sizes == [1, 5]
    for picture, scores in zip(pictures, results, strict=True):
        assert not isinstance(scores, Exception)
        assert np.array_equal(scores, picture.transpose(2, 0, 1))


def test_images_of_other_sizes_are_other_batches() -> None:
    engine, pictures = RecordingEngine(), [*images(3), *images(2, (7, 2))]
    results = scored_at_once(engine, pictures)
    assert sorted(engine.sizes) == [1, 2, 2]
    for picture, scores in zip(pictures, results, strict=True):
        assert not isinstance(scores, Exception)
        assert np.array_equal(scores, picture.transpose(2, 0, 1))


def test_a_batch_is_bounded_by_its_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MOST_PIXELS", 45)  # two images of 20 pixels
    engine = RecordingEngine()
    scored_at_once(engine, images(6))
    assert engine.sizes == [1, 2, 2, 1]


def test_an_image_that_fails_fails_alone() -> None:
    engine, pictures = RecordingEngine(), images(4)
    pictures[2][0, 0, 0] = 255
    results = scored_at_once(engine, pictures)
    assert [isinstance(result, ModelError) for result in results] == [False, False, True, False]


@pytest.mark.parametrize("size", [(1, 1), (31, 40)])
def test_onnx_runtime_scores_a_batch_as_it_scores_each(size: tuple[int, int]) -> None:
    engine = OnnxEngine(tiny_model(), 1)
    assert isinstance(engine, BatchEngine)
    pictures = images(3, size)
    for scores, picture in zip(engine.batch_scores(pictures), pictures, strict=True):
        assert np.allclose(scores, engine.scores(picture), atol=1e-5)


def test_torch_scores_a_batch_as_it_scores_each() -> None:
    torch = pytest.importorskip("torch")
    from pixelwise.inference.engines.torch import TorchEngine

    torch.manual_seed(0)
    engine = TorchEngine(torch.nn.Conv2d(3, 5, 3, padding=1).eval())
    assert isinstance(engine, BatchEngine)
    pictures = images(3, (9, 8))
    batch = engine.batch_scores(pictures)
    assert [one.shape for one in batch] == [(5, 9, 8)] * 3
    for scores, picture in zip(batch, pictures, strict=True):
        assert np.allclose(scores, engine.scores(picture), atol=1e-3)
