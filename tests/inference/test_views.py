"""Several looks at a picture: what is averaged, and what each look sees."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_model import tiny_info

from pixelwise.core.types import RGBImage, Scores
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.views import SINGLE, Views


class Recorder:
    """An engine that keeps what it was shown; class 1 scores the red channel, class 0 a column's number."""

    threads = 1

    def __init__(self) -> None:
        self.seen: list[RGBImage] = []

    def scores(self, image: RGBImage) -> Scores:
        self.seen.append(image)
        column = np.broadcast_to(np.arange(image.shape[1]), image.shape[:2])
        return np.stack([column, image[..., 0], 0 * column, 0 * column]).astype(np.float32)


def softmax(scores: Scores) -> Scores:
    powers = np.exp(scores - scores.max(axis=0))
    probabilities: Scores = powers / powers.sum(axis=0)
    return probabilities


def test_mirrored_scores_are_turned_back_and_probabilities_averaged() -> None:
    image = np.random.default_rng(0).integers(0, 6, (4, 5, 3)).astype(np.uint8)
    engine = Recorder()
    found = Predictor(engine, tiny_info(), views=Views(flip=True))(image).probabilities
    assert np.array_equal(engine.seen[0], image)
    assert np.array_equal(engine.seen[1], image[:, ::-1])
    plain = softmax(Recorder().scores(image))
    mirrored = softmax(Recorder().scores(np.ascontiguousarray(image[:, ::-1])))[:, :, ::-1]
    np.testing.assert_allclose(found, (plain + mirrored) / 2, atol=1e-6)


def test_scales_multiply_the_scored_size_and_large_ones_show_more_of_a_large_picture() -> None:
    # 200 x 100 pixels of stripes three pixels wide; the net's own size is 64 x 32.
    stripes = np.zeros((100, 200, 3), np.uint8)
    stripes[:, np.arange(200) % 6 < 3] = 255
    engine = Recorder()
    result = Predictor(engine, tiny_info(long_side=64), views=Views((0.5, 1, 2)))(stripes)
    assert [image.shape for image in engine.seen] == [(16, 32, 3), (32, 64, 3), (64, 128, 3)]
    assert result.scored_size == (32, 64)
    assert result.labels.shape == (100, 200)
    half, one, two = engine.seen
    enlarged = np.asarray(Image.fromarray(one).resize((128, 64), Image.Resampling.BICUBIC))
    assert np.abs(two.astype(int) - enlarged).max() > 20  # stripes that the reduced copy has lost
    assert np.ptp(half) < np.ptp(two)


@pytest.mark.parametrize("views", [SINGLE, Views((1, 1.5), flip=True)])
def test_a_model_that_enlarges_scores_small_pictures_larger_and_labels_them_as_they_are(views: Views) -> None:
    # 40 x 20 pixels, the right half red and so of class 1; the net's own size is 64 x 32.
    image = np.zeros((20, 40, 3), np.uint8)
    image[:, 20:, 0] = 255
    engine = Recorder()
    info = replace(tiny_info(long_side=64), enlarge=True)
    result = Predictor(engine, info, views=views)(image)
    sizes = [seen.shape[:2] for seen in engine.seen]
    assert sizes == ([(32, 64)] if views == SINGLE else 2 * [(32, 64)] + 2 * [(48, 96)])
    assert result.scored_size == result.grid_size == (32, 64)
    assert result.notes() == ["scored on a copy enlarged to 64x32"]
    assert result.labels.shape == (20, 40)
    assert (result.labels[:, 20:] == 1).all()
    assert result.overlay(legend=False).size == (40, 20)


def test_a_model_that_enlarges_reduces_large_pictures_as_others_do() -> None:
    image = np.random.default_rng(0).integers(0, 256, (100, 200, 3)).astype(np.uint8)
    engine = Recorder()
    Predictor(engine, tiny_info(long_side=64))(image)
    Predictor(engine, replace(tiny_info(long_side=64), enlarge=True))(image)
    reduced, again = engine.seen
    assert reduced.shape == (32, 64, 3)
    assert np.array_equal(reduced, again)


def test_one_look_at_scale_1_is_the_plain_result_bit_for_bit(predictor: Predictor) -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 30, 3)).astype(np.uint8)
    again = Predictor(predictor.engine, predictor.info, views=Views((1.0,)))
    assert np.array_equal(again(image).scores, predictor(image).scores)
    assert Views((1.0,)) == SINGLE


def test_a_pixel_wide_picture_survives_small_scales(predictor: Predictor) -> None:
    views = Views((0.1, 1), flip=True)
    assert Predictor(predictor.engine, predictor.info, views=views)(
        np.zeros((1, 1, 3), np.uint8)
    ).labels.shape == (1, 1)


def test_views_are_named_in_words_and_tell_predictors_apart(predictor: Predictor) -> None:
    assert str(SINGLE) == "single scale"
    assert str(Views(flip=True)) == "single scale and mirrored, probabilities averaged"
    assert str(Views((0.75, 1, 1.25))) == "scales 0.75, 1, 1.25, probabilities averaged"
    assert str(Views((1.5,))) == "scale 1.5"
    assert str(Views((1.2345678,))) != str(Views((1.234567,)))
    other = Predictor(predictor.engine, predictor.info, predictor.identity, views=Views(flip=True))
    assert other.identity != predictor.identity


@pytest.mark.parametrize(
    ("scales", "complaint"),
    [
        ((), "at least one scale"),
        ((1, 0), "between 0.1 and 4, got 0"),
        ((float("nan"),), "between 0.1 and 4, got nan"),
        ((1, 5), "between 0.1 and 4, got 5"),
        ((1, 1), "scales must differ, got 1, 1"),
        ("1", "at least one scale, got '1'"),
        (1.0, "at least one scale, got 1.0"),
        ((True,), "between 0.1 and 4, got True"),
    ],
)
def test_scales_that_make_no_sense_are_refused(scales: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Views(scales)


def test_scales_may_be_a_list_and_numbers_of_numpy() -> None:
    scales: Any = [np.float32(0.5), np.int64(1)]
    flip: Any = np.bool_(True)
    made = Views(scales, flip)
    assert made == Views((0.5, 1.0), True)
    assert str(made) == "scales 0.5, 1 and mirrored, probabilities averaged"
    wrong: Any = "no"
    with pytest.raises(ValueError, match="flip is True or False, got 'no'"):
        Views((1.0,), wrong)
