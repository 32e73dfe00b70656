"""Shapes of labels and probabilities beside their picture: what fits, what is interpolated, what is said."""

import numpy as np
import pytest

from pixelwise import _core
from pixelwise.crf import refine
from pixelwise.crf.shapes import array_advice, fits, is_reduced, shape_fault

IMAGE = np.zeros((30, 40, 3), np.uint8)
IMAGE[:, 20:] = 200


@pytest.mark.parametrize(
    ("grid", "size", "expected"),
    [
        ((30, 40), (30, 40), True),
        ((15, 20), (30, 40), True),
        ((47, 63), (375, 500), True),  # stride 8, rounded up
        ((46, 62), (375, 500), True),  # and down
        ((63, 47), (375, 500), False),
        ((60, 80), (30, 40), False),
        ((47, 47), (375, 500), False),
        ((0, 0), (30, 40), False),
    ],
)
def test_a_grid_is_reduced_if_it_has_the_shape_up_to_a_cell(
    grid: tuple[int, int], size: tuple[int, int], expected: bool
) -> None:
    assert is_reduced(grid, size) == expected
    assert fits((3, *grid), size) == expected


def test_reduced_probabilities_are_interpolated_as_scores_are() -> None:
    scores = np.random.default_rng(0).normal(size=(3, 15, 20)).astype(np.float32)
    small = np.exp(scores) / np.exp(scores).sum(0)
    large = np.empty((3, 30, 40), np.float32)
    _core.pixel_probabilities(scores, large)
    assert np.allclose(refine(IMAGE, small), refine(IMAGE, large), atol=1e-4)
    assert np.allclose(refine(IMAGE[..., 0], small), refine(IMAGE[..., 0], large), atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((30, 40, 3), "put the classes first"),
        ((15, 20, 3), "put the classes first"),
        ((3, 40, 30), "rows come before columns"),
        ((3, 15, 40), "resize or crop the picture"),
        ((3, 60, 80), "resize or crop the picture"),
    ],
)
def test_one_message_names_what_was_expected_and_what_to_do(shape: tuple[int, ...], hint: str) -> None:
    probabilities = np.full(shape, 1 / shape[0])
    with pytest.raises(ValueError, match=hint) as caught:
        refine(IMAGE, probabilities)
    expected = f"an array of shape {shape} does not fit a picture of 30 x 40"
    assert str(caught.value).startswith(expected.replace("'", ""))
    assert "(classes, 30, 40), or of a smaller grid such as (classes, 4, 5), or labels (30, 40)" in str(
        caught.value
    )


def test_labels_are_never_interpolated() -> None:
    with pytest.raises(ValueError, match=r"shape \(15, 20\) does not fit a picture of 30 x 40"):
        refine(IMAGE, np.arange(300).reshape(15, 20) % 3)
    with pytest.raises(ValueError, match="rows come before columns"):
        refine(IMAGE, np.arange(1200).reshape(40, 30) % 3)


def test_a_batch_of_one_is_recognised() -> None:
    assert shape_fault((1, 3, 30, 40), (30, 40))[1] == "take the first picture of the batch: array[0]"


@pytest.mark.parametrize(
    ("shape", "floats", "advice"),
    [
        ((1, 3, 30, 40), True, "array[0]"),
        ((30, 40), False, "save labels as PNG"),
        ((30, 40), True, "np.stack([1 - array, array])"),
        ((1, 30, 40), True, "np.concatenate([1 - array, array])"),
        ((30, 40, 3), True, "array.transpose(2, 0, 1)"),
        ((3, 30, 40), False, "array.astype(np.float32)"),
    ],
)
def test_the_advice_for_other_arrays_turns_them_into_probabilities(
    shape: tuple[int, ...], floats: bool, advice: str
) -> None:
    assert advice in (array_advice(shape, floats) or "")
    assert array_advice((3, 30, 40), True) is None
