"""Many pictures, refined on all threads at a time."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
from crf_cases import blurred_unary

from pixelwise.crf import refine, refine_many

Floats = npt.NDArray[np.float32]


def sample(index: int) -> tuple[npt.NDArray[np.uint8], Floats]:
    height, width = 20 + index, 30
    image = np.random.default_rng(index).integers(0, 256, (height, width, 3)).astype(np.uint8)
    odds = np.exp(-blurred_unary(3, height, width, index))
    return image, odds / odds.sum(0)


def test_results_are_those_of_one_by_one_in_order() -> None:
    images, given = zip(*(sample(index) for index in range(9)), strict=True)
    many = list(refine_many(images, given, iterations=3, threads=2))
    assert len(many) == 9
    for image, probabilities, q in zip(images, given, many, strict=True):
        np.testing.assert_array_equal(q, refine(image, probabilities, iterations=3, threads=1))


def test_no_more_pictures_are_read_than_threads_keep_busy() -> None:
    read = 0

    def images() -> Iterator[npt.NDArray[np.uint8]]:
        nonlocal read
        for index in range(100):
            read += 1
            yield sample(index)[0]

    results = refine_many(images(), (sample(index)[1] for index in range(100)), iterations=1, threads=2)
    for taken in range(1, 5):
        next(results)
        assert read == taken + 3
    results.close()


def test_a_picture_that_does_not_fit_is_named_by_its_index() -> None:
    images, given = map(list, zip(*(sample(index) for index in range(5)), strict=True))
    images[3] = images[3][:, :-1]
    results = refine_many(images, given, iterations=1, threads=2)
    for _ in range(3):
        next(results)
    with pytest.raises(ValueError, match="picture 3: "):
        next(results)


def test_a_picture_without_probabilities_is_refused() -> None:
    image, given = sample(0)
    with pytest.raises(ValueError, match="got more images than the 1 image that"):
        list(refine_many([image, image], [given], iterations=1, threads=1))
    with pytest.raises(ValueError, match="got 0 images, but probabilities or labels of more"):
        list(refine_many([], [given], iterations=1, threads=1))


def test_no_pictures_give_no_results() -> None:
    assert list(refine_many([], [])) == []


@pytest.mark.parametrize("classes", [3, 21])
@pytest.mark.parametrize("order", ["C", "F"])
def test_refine_leaves_the_arrays_that_it_is_given_unchanged(classes: int, order: Literal["C", "F"]) -> None:
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (40, 50, 3)).astype(np.uint8)
    scores = random.random((classes, 40, 50)).astype(np.float32)
    shares = np.asarray(scores / scores.sum(0), order=order)
    for given in shares, shares.argmax(0):
        before = image.copy(), given.copy()
        refined = refine(image, given)
        assert not np.shares_memory(refined, given)
        np.testing.assert_array_equal(image, before[0])
        np.testing.assert_array_equal(given, before[1])
