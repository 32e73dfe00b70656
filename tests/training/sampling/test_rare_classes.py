"""Rare classes come more often, and their objects are pasted with their labels."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pixelwise.data import open_dataset
from pixelwise.data.sample import LabelledImages, Sample
from pixelwise.data.transforms import Augmentation, augment
from pixelwise.training.sampling.batches import Plan, StepSampler
from pixelwise.training.sampling.rare_classes import (
    Paste,
    class_factors,
    classes_shown,
    cut_out,
    epoch_length,
    order,
    picture_factors,
)

SHOWN = np.array([[1, 1, 0, 0]] * 12 + [[1, 0, 1, 0]] * 4, bool)  # shares 1, 3/4, 1/4 and 0


def test_a_class_is_repeated_by_the_root_of_threshold_over_share() -> None:
    assert class_factors(SHOWN, 1.0).tolist() == pytest.approx([1, (4 / 3) ** 0.5, 2, 1])
    assert class_factors(SHOWN, 0.5).tolist() == pytest.approx([1, 1, 2**0.5, 1])


def test_a_picture_counts_as_its_rarest_class() -> None:
    assert picture_factors(SHOWN, 1.0).tolist() == pytest.approx([(4 / 3) ** 0.5] * 12 + [2.0] * 4)


def test_an_epoch_repeats_pictures_as_often_as_their_factors_say() -> None:
    factors = np.array([1.0, 1.0, 2.5, 1.3])
    assert epoch_length(factors) == 6
    epochs = [np.bincount(order(factors, 7, epoch), minlength=4) for epoch in range(400)]
    assert all(counts.sum() == 6 for counts in epochs)
    scaled = factors * 6 / 5.8
    for counts in epochs:
        assert (np.floor(scaled) <= counts).all()
        assert (counts <= np.ceil(scaled)).all()
    assert np.mean(epochs, axis=0) == pytest.approx(scaled, abs=0.08)


def test_repeats_of_a_picture_are_numbered_so_that_they_vary() -> None:
    keys = [key for batch in StepSampler(np.array([1.0, 3.0]), Plan(4, 0, 0, 3)) for key in batch]
    for epoch in range(3):
        assert sorted(key[1:] for key in keys if key[0] == epoch) == [(0, 0), (1, 0), (1, 1), (1, 2)]


def test_classes_shown_are_read_from_the_labels(squares: Path) -> None:
    data = open_dataset(f"folder:{squares}", "train")
    shown = classes_shown(data)
    assert shown.shape == (len(data), len(data.classes))
    for index in (0, 5):
        assert set(np.flatnonzero(shown[index])) == set(np.unique(data.read(index).labels)) - {255}


def test_the_cut_out_of_a_class_is_the_box_around_it() -> None:
    labels = np.zeros((6, 8), np.uint8)
    labels[2:4, 3:7] = 2
    labels[3, 4] = 1
    image = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    part = cut_out(Sample("a", image, {"semantic": labels}), 2)
    assert part.labels.tolist() == [[2, 2, 2, 2], [2, 255, 2, 2]]
    assert np.array_equal(part.image, image[2:4, 3:7])


def test_a_pasted_object_brings_its_labels(squares: Path) -> None:
    data = open_dataset(f"folder:{squares}", "train")
    shown = classes_shown(data)
    settings = Augmentation(33, (1.0, 1.0), mirror=False)
    odds = np.eye(len(data.classes))[1]
    pictures = tuple(np.flatnonzero(column) for column in shown.T)
    sample = Sample("empty", np.full((33, 33, 3), 9, np.uint8), {"semantic": np.zeros((33, 33), np.uint8)})
    crop = augment(sample, settings, np.random.default_rng(0))
    pasted = Paste(1.0, pictures, odds)(crop, data, settings, np.random.default_rng(1))
    mask = pasted.labels == 1
    assert mask.any()
    assert torch.equal(pasted.labels[~mask], crop.labels[~mask])
    assert (pasted.image[:, ~mask] == 9).all()
    assert (pasted.image[:, mask] != 9).any()
    assert Paste(0.0, pictures, odds)(crop, data, settings, np.random.default_rng(1)) is crop


class _OnePicture(LabelledImages):
    """A data set of one sample."""

    def __init__(self, sample: Sample) -> None:
        self._sample = sample

    def read(self, index: int) -> Sample:
        return self._sample


@pytest.mark.parametrize(("side", "expected"), [(100, 10), (200, 20), (1000, 40)])
def test_a_pasted_object_is_as_large_as_in_its_own_picture(side: int, expected: int) -> None:
    """40 of 400 pixels: a picture that counts as reduced to a quarter shows it with 10."""
    labels = np.zeros((300, 400), np.uint8)
    labels[130:170, 180:220] = 1
    source = Sample("large", np.zeros((300, 400, 3), np.uint8), {"semantic": labels})
    settings = Augmentation(401, (1.0, 1.0), side=side, mirror=False)
    own = augment(source, settings, np.random.default_rng(0))
    empty = Sample("empty", np.zeros((9, 9, 3), np.uint8), {"semantic": np.zeros((9, 9), np.uint8)})
    crop = augment(empty, settings, np.random.default_rng(0))
    paste = Paste(1.0, (np.array([0]), np.array([0])), np.array([0.0, 1.0]))
    pasted = paste(crop, _OnePicture(source), settings, np.random.default_rng(1))
    widths = [int((shown.labels == 1).any(0).sum()) for shown in (own, pasted)]
    assert widths == [expected, expected]


def test_pasting_from_pictures_that_are_not_reduced_draws_as_before() -> None:
    labels = np.zeros((60, 80), np.uint8)
    labels[13:30, 20:51] = 1
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    source = Sample("small", image, {"semantic": labels})
    settings = Augmentation(33, (0.7, 1.6), side=100, colour=0.2)
    crop = augment(source, settings, np.random.default_rng(0))
    paste = Paste(1.0, (np.array([0]), np.array([0])), np.array([0.0, 1.0]))
    pasted = paste(crop, _OnePicture(source), settings, np.random.default_rng(1))
    rng = np.random.default_rng(1)
    _ = rng.random(), rng.choice(2, p=paste.odds), rng.choice(paste.pictures[1])
    expected = augment(cut_out(source, 1), settings, rng)
    mask = expected.labels == 1
    assert mask.any()
    assert torch.equal(pasted.image, torch.where(mask, expected.image, crop.image))


def test_classes_are_pasted_as_often_as_they_are_rare() -> None:
    paste = Paste.of(SHOWN, 1.0, 0.5)
    excess = np.array([0, (4 / 3) ** 0.5 - 1, 1, 0])
    assert paste.odds.tolist() == pytest.approx((excess / excess.sum()).tolist())
    assert paste.pictures[2].tolist() == [12, 13, 14, 15]
    assert Paste.of(SHOWN, 0.1, 0.5).share == 0, "no class is rare"
