"""Image, labels and channels vary in step."""

import numpy as np
import numpy.typing as npt
import pytest
import torch

from pixelwise.core.types import VOID
from pixelwise.data import Sample
from pixelwise.data.transforms import Augmentation, augment

Array = npt.NDArray[np.uint8]


def marked(height: int = 60, width: int = 80) -> Sample:
    """A picture whose red channel is 200 exactly where the label is 1; a second head and two channels say the
    same.
    """
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 2, (height // 20, width // 20)).repeat(20, 0).repeat(20, 1).astype(np.uint8)
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = 200 * blocks
    depth = blocks.astype(np.float32)[..., None] - 0.5
    hha = np.stack([100 * blocks] * 3, axis=-1)
    return Sample("0", image, {"semantic": blocks, "geometric": 1 - blocks}, {"depth": depth, "hha": hha})


def plain(image: Array, labels: Array) -> Sample:
    return Sample("0", image, {"semantic": labels})


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("jitter", [None, 0, 20])
@pytest.mark.parametrize("seed", range(12))
def test_labels_heads_and_channels_stay_on_their_pixels(seed: int, jitter: int | None) -> None:
    settings = Augmentation(crop=65, scale=(0.5, 2.0), mirror=True, jitter=jitter)
    crop = augment(marked(), settings, rng(seed))
    assert crop.image.shape == (3, 65, 65)
    assert crop.labels.shape == (65, 65)
    known = crop.labels != VOID
    agree = [
        (crop.image[0] > 100) == (crop.labels == 1),
        (crop.channels["depth"][0] > 0) == (crop.labels == 1),
        (crop.channels["hha"][2] > 50) == (crop.labels == 1),
    ]
    # Only pixels at the blocks' borders, which the resampling mixes, may differ.
    assert min(float(same[known].float().mean()) for same in agree) > 0.9
    assert torch.equal(crop.heads["geometric"] == 0, crop.labels == 1)
    assert crop.channels["depth"].dtype == torch.float32
    assert crop.channels["hha"].shape == (3, 65, 65)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.6, 0.77, 1.3, 1.6])
def test_labels_of_resized_pictures_lie_on_their_pixels(scale: float) -> None:
    """Edges of picture and labels, over many places of the edge, are on average a tenth of a pixel apart at
    most, along rows and columns.
    """
    apart = []
    for edge in range(60, 100):
        labels = np.zeros((160, 160), np.uint8)
        labels[:, edge:] = 1
        image = np.repeat(200 * labels[..., None], 3, axis=2)
        for sample in (plain(image, labels), plain(image.transpose(1, 0, 2).copy(), labels.T.copy())):
            crop = augment(sample, Augmentation(0, (scale, scale), mirror=False), rng())
            bright = crop.image[0].float() / 200
            apart.append(float((bright - crop.labels).sum()) / crop.labels.shape[0])
    assert abs(np.mean(apart[::2])) < 0.1
    assert abs(np.mean(apart[1::2])) < 0.1


def test_what_lies_outside_the_picture_is_void() -> None:
    crop = augment(marked(20, 20), Augmentation(41, (1.0, 1.0), mirror=False), rng())
    outside = crop.labels == VOID
    assert int((~outside).sum()) == 20 * 20
    assert bool((crop.image[0][outside] == 127).all())
    assert bool((crop.channels["depth"][0][outside] == 0).all())
    assert bool((crop.heads["geometric"][outside] == VOID).all())


def test_equal_seeds_give_equal_samples() -> None:
    settings = Augmentation(33, (0.5, 2.0), mirror=True, colour=0.5, jitter=8)
    first, second, other = (augment(marked(), settings, rng(seed)) for seed in (5, 5, 6))
    assert torch.equal(first.image, second.image)
    assert torch.equal(first.labels, second.labels)
    assert not torch.equal(first.image, other.image)


def test_reversed_and_read_only_arrays_give_the_crops_of_copies() -> None:
    sample = marked()
    sample.image.flags.writeable = False
    reversed_ = Sample(
        "0",
        sample.image[:, :, ::-1],  # as from OpenCV's order of colours
        {name: ids[:, ::-1] for name, ids in sample.heads.items()},
        {name: values[::-1] for name, values in sample.channels.items()},
    )
    for seen in (sample, reversed_):
        copied = Sample(
            "0",
            seen.image.copy(),
            {name: ids.copy() for name, ids in seen.heads.items()},
            {name: values.copy() for name, values in seen.channels.items()},
        )
        crop, expected = (augment(each, Augmentation(33, (0.5, 2.0)), rng(5)) for each in (seen, copied))
        assert torch.equal(crop.image, expected.image)
        assert torch.equal(crop.labels, expected.labels)
        assert torch.equal(crop.channels["depth"], expected.channels["depth"])


def test_scale_one_without_changes_is_a_plain_crop() -> None:
    sample = marked(20, 40)
    crop = augment(sample, Augmentation(20, (1.0, 1.0), mirror=False), rng(3))
    starts = [x for x in range(21) if np.array_equal(sample.labels[:, x : x + 20], crop.labels.numpy())]
    assert any(
        np.array_equal(sample.image[:, x : x + 20].transpose(2, 0, 1), crop.image.numpy()) for x in starts
    )


def test_a_picture_of_one_pixel_gives_a_crop() -> None:
    one = plain(np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.uint8))
    for jitter in (None, 0, 50):
        crop = augment(one, Augmentation(9, (0.5, 2.0), jitter=jitter), rng())
        assert crop.labels.shape == (9, 9)
        assert 1 <= int((crop.labels == 0).sum()) <= 4


def test_large_pictures_are_seen_at_the_size_they_are_judged_at() -> None:
    """A picture of 4000 x 3000, judged at 400 x 300, must not be learnt in windows of 65 pixels."""
    labels = np.zeros((3000, 4000), np.uint8)
    labels[:, 2000:] = 1
    large = plain(np.zeros((3000, 4000, 3), np.uint8), labels)
    crop = augment(large, Augmentation(401, (1.0, 1.0), side=400), rng()).labels
    assert int((crop != VOID).sum()) == 300 * 400
    assert float((crop == 1).sum() / (crop != VOID).sum()) == pytest.approx(0.5, abs=0.01)


@pytest.mark.slow
def test_whole_pictures_are_moved_by_up_to_the_jitter_and_no_further() -> None:
    """FCN's jitter: the picture slides in its own frame by -32 to 32 pixels in each direction."""
    labels = np.arange(200, dtype=np.uint8)[None].repeat(100, 0)
    sample = plain(np.zeros((100, 200, 3), np.uint8), labels)
    moves = set()
    for seed in range(400):
        crop = augment(sample, Augmentation(0, (1.0, 1.0), mirror=False, jitter=32), rng(seed)).labels
        assert crop.shape == (100, 200)
        row = int((crop != VOID).any(1).nonzero()[0])
        line = crop[row]
        column = int((line != VOID).nonzero()[0])
        move = column - int(line[column])
        assert int((line != VOID).sum()) == 200 - abs(move)
        expected = torch.arange(max(0, -move), 200 - max(0, move), dtype=torch.uint8)
        assert torch.equal(line[line != VOID], expected)
        moves.add(move)
    assert moves == set(range(-32, 33))


def test_a_crop_without_jitter_lies_in_the_middle() -> None:
    labels = np.arange(200, dtype=np.uint8)[None].repeat(100, 0)
    sample = plain(np.zeros((100, 200, 3), np.uint8), labels)
    crop = augment(sample, Augmentation(120, (1.0, 1.0), mirror=False, jitter=0), rng()).labels
    assert crop[10:110].equal(torch.arange(40, 160, dtype=torch.uint8)[None].repeat(100, 1))
    assert bool((crop[:10] == VOID).all() and (crop[110:] == VOID).all())


def test_a_mirrored_picture_is_mirrored_with_its_margins() -> None:
    labels = np.arange(800, dtype=np.uint16).reshape(20, 40) % 255
    sample = plain(np.zeros((20, 40, 3), np.uint8), labels.astype(np.uint8))
    settings = Augmentation(60, (1.0, 1.0), mirror=True, jitter=10)
    seen = set()
    for seed in range(20):
        crop = augment(sample, settings, rng(seed))
        inside = (crop.labels != VOID).nonzero()
        (top, left), (bottom, right) = inside.min(0).values.tolist(), inside.max(0).values.tolist()
        shown = crop.labels[top : bottom + 1, left : right + 1].numpy()
        straight, turned = np.array_equal(shown, sample.labels), np.array_equal(shown, sample.labels[:, ::-1])
        assert straight or turned
        seen.add(straight)
    assert seen == {True, False}
