"""Intervals: exactness of the draws, coverage, pairing."""

import numpy as np
import pytest

from pixelwise.evaluation.bootstrap import interval, intervals, resampled
from pixelwise.evaluation.metrics.confusion import Counts


def images(right: list[list[int]], truth: list[list[int]]) -> Counts:
    return Counts(np.array(right), np.array(truth), np.array(truth))


def test_a_resample_is_a_sum_over_as_many_images() -> None:
    # Powers of 10 show how often each of the three images was drawn.
    counts = images([[1], [10], [100]], [[1], [10], [100]])
    drawn = resampled(counts, resamples=200)
    digits = np.stack([drawn.right[:, 0] // 10**k % 10 for k in range(3)])
    assert (digits.sum(axis=0) == 3).all()
    assert len({tuple(column) for column in digits.T}) == 10  # all multisets of 3 from 3
    assert np.array_equal(drawn.right, drawn.truth)


def test_equal_images_leave_no_doubt() -> None:
    drawn = resampled(images([[3, 1]] * 20, [[4, 2]] * 20), resamples=50)
    assert interval(drawn.pixel_accuracy()) == (4 / 6, 4 / 6)


def test_the_interval_covers_the_true_share_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for trial in range(200):
        right = rng.binomial(10, rng.beta(7, 3, 100))[:, np.newaxis]  # images differ: their mean is 0.7
        drawn = resampled(Counts(right, np.full((100, 1), 10), right), resamples=300, seed=trial)
        low, high = interval(drawn.pixel_accuracy())
        covered += low <= 0.7 <= high
    assert 0.90 <= covered / 200 <= 0.99


def test_two_models_on_one_split_get_the_same_draws() -> None:
    truth = [[10]] * 30
    worse = images([[index % 7] for index in range(30)], truth)
    better = images([[index % 7 + 2] for index in range(30)], truth)
    gain = resampled(better).pixel_accuracy() - resampled(worse).pixel_accuracy()
    assert gain == pytest.approx(0.2)  # 2 of 10 pixels more in every image, whichever are drawn


def test_draws_repeat_and_another_seed_gives_others() -> None:
    counts = images([[index] for index in range(30)], [[30]] * 30)
    assert np.array_equal(resampled(counts).right, resampled(counts).right)
    assert not np.array_equal(resampled(counts).right, resampled(counts, seed=1).right)


def test_a_class_that_a_resample_lacks_is_left_out_of_it_and_one_that_all_lack_is_not() -> None:
    # Class 1 is in one image of three; class 2 is in none, but predicted in all.
    truth = np.array([[5, 1, 0], [5, 0, 0], [5, 0, 0]])
    predicted = np.array([[4, 1, 1], [3, 1, 1], [3, 1, 1]])
    drawn = resampled(Counts(np.array([[4, 1, 0], [3, 0, 0], [3, 0, 0]]), truth, predicted), resamples=300)
    absent = drawn.truth[:, 1] == 0
    assert 0 < absent.sum() < 300
    assert np.isnan(drawn.iou()[absent, 1]).all()
    assert (drawn.iou()[~absent, 1] > 0).all()
    assert (drawn.iou()[:, 2] == 0).all()


def test_resamples_without_the_class_are_left_out_and_none_gives_no_interval() -> None:
    figures = np.array([[0.5, np.nan], [np.nan, np.nan], [0.5, np.nan]])
    first, second = intervals(figures)
    assert first == (0.5, 0.5)
    assert np.isnan(second).all()


def test_one_image_gives_no_interval() -> None:
    drawn = resampled(images([[3, 1]], [[4, 2]]))
    assert drawn.truth.shape == (0, 2)
    assert np.isnan(interval(drawn.mean_iou())).all()
    assert len(resampled(images([[3, 1]] * 2, [[4, 2]] * 2)).truth) == 1000, "two give one"


def test_an_interval_leaves_out_as_much_below_as_above() -> None:
    figures = np.arange(201.0)
    assert interval(figures) == pytest.approx((0.025 * 200, 0.975 * 200))
    assert interval(figures, level=0.5) == pytest.approx((50, 150))


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="no image to draw from"):
        resampled(Counts(*np.zeros((3, 0, 2), np.int64)))
    for level in (0, 1, 95):
        with pytest.raises(ValueError, match=f"between 0 and 1, got {level}"):
            interval(np.zeros(3), level=level)
