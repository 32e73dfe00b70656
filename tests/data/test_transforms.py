"""Image and labels vary in step."""

import numpy as np
import pytest

from pixelwise.data.transforms import Augmentation, augment
from pixelwise.types import VOID


def marked(height: int = 60, width: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """A picture whose red channel is 200 exactly where the label is 1."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 2, (height // 20, width // 20)).repeat(20, 0).repeat(20, 1).astype(np.uint8)
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = 200 * blocks
    return image, blocks


@pytest.mark.parametrize("seed", range(20))
def test_labels_stay_on_their_pixels(seed: int) -> None:
    settings = Augmentation(crop=65, scale=(0.5, 2.0), mirror=True)
    image, labels = augment(*marked(), settings, np.random.default_rng(seed))
    assert image.shape == (3, 65, 65)
    assert labels.shape == (65, 65)
    known = labels != VOID
    agree = (image[0] > 100) == (labels == 1)
    # Only pixels at the blocks' borders, which the resampling mixes, may differ.
    assert agree[known].float().mean() > 0.9


def test_what_lies_outside_the_picture_is_void() -> None:
    image, labels = augment(
        *marked(20, 20), Augmentation(41, (1.0, 1.0), mirror=False), np.random.default_rng(0)
    )
    assert int((labels != VOID).sum()) == 20 * 20
    assert bool((image[0][labels == VOID] == 127).all())


def test_equal_seeds_give_equal_samples() -> None:
    settings = Augmentation(33, (0.5, 2.0), mirror=True, colour=0.5)
    first, second, other = (augment(*marked(), settings, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert bool((first[0] == second[0]).all() and (first[1] == second[1]).all())
    assert not bool((first[0] == other[0]).all())


def test_scale_one_without_changes_is_a_plain_crop() -> None:
    image, labels = marked(20, 40)
    crop, cropped = augment(
        image, labels, Augmentation(20, (1.0, 1.0), mirror=False), np.random.default_rng(3)
    )
    starts = [x for x in range(21) if np.array_equal(labels[:, x : x + 20], cropped.numpy())]
    assert any(np.array_equal(image[:, x : x + 20].transpose(2, 0, 1), crop.numpy()) for x in starts)


def test_a_picture_of_one_pixel_gives_a_crop() -> None:
    one = np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.uint8)
    _, labels = augment(*one, Augmentation(9, (0.5, 2.0)), np.random.default_rng(0))
    assert 1 <= int((labels == 0).sum()) <= 4


def test_large_pictures_are_seen_at_the_size_they_are_judged_at() -> None:
    """A picture of 4000 x 3000, judged at 400 x 300, must not be learnt in windows of 65 pixels."""
    labels = np.zeros((3000, 4000), np.uint8)
    labels[:, 2000:] = 1
    image = np.zeros((3000, 4000, 3), np.uint8)
    _, crop = augment(image, labels, Augmentation(401, (1.0, 1.0), side=400), np.random.default_rng(0))
    assert int((crop != VOID).sum()) == 300 * 400
    assert float((crop == 1).sum() / (crop != VOID).sum()) == pytest.approx(0.5, abs=0.01)
