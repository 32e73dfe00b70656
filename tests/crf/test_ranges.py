"""Images whose values do not go with theta_beta are refused on every way into the CRF; others are not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pixelwise.crf import (
    Bilateral,
    Gaussian,
    Preset,
    load_preset,
    mean_field,
    refine,
    unary_from_probabilities,
)
from pixelwise.crf.pydensecrf import densecrf, utils

Image = npt.NDArray[Any]
HEIGHT, WIDTH = 20, 30
LEFT, RIGHT = 30, 200


def photo() -> npt.NDArray[np.uint8]:
    """A dark and a bright half with some noise."""
    halves = np.where(np.arange(WIDTH)[:, None] < WIDTH // 2, LEFT, RIGHT) * np.ones((HEIGHT, 1, 3))
    noise = np.random.default_rng(0).normal(0, 3, halves.shape)
    return (halves + noise).clip(0, 255).astype(np.uint8)


UINT8 = photo()
NORMALISED = ((UINT8 / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).astype(np.float32)
ODD_PIXELS = np.where(np.arange(WIDTH)[:, None] == 0, 255, UINT8 / 255)
BELIEFS = np.stack([np.where(np.arange(WIDTH) < 17, 0.8, 0.2)] * HEIGHT).astype(np.float32)
BELIEFS = np.stack([BELIEFS, 1 - BELIEFS])


def by_refine(image: Image) -> Image:
    return refine(image, BELIEFS)


def by_kernels(image: Image) -> Image:
    return mean_field(unary_from_probabilities(BELIEFS), [Gaussian(3, 3), Bilateral(image, 80, 13, 10)])


def by_drop_in(image: Image) -> Image:
    crf = densecrf.DenseCRF2D(WIDTH, HEIGHT, 2)
    crf.setUnaryEnergy(utils.unary_from_softmax(BELIEFS))
    crf.addPairwiseGaussian(sxy=3, compat=3)
    crf.addPairwiseBilateral(sxy=80, srgb=13, rgbim=image, compat=10)
    return crf.inference(10).reshape(BELIEFS.shape)


def by_features(image: Image) -> Image:
    crf = densecrf.DenseCRF(HEIGHT * WIDTH, 2)
    crf.setUnaryEnergy(utils.unary_from_softmax(BELIEFS))
    crf.addPairwiseEnergy(utils.create_pairwise_gaussian((3, 3), (HEIGHT, WIDTH)), 3)
    crf.addPairwiseEnergy(utils.create_pairwise_bilateral((80, 80), (13, 13, 13), image, 2), 10)
    return crf.inference(10).reshape(BELIEFS.shape)


def by_layer(image: Image) -> Image:
    torch = pytest.importorskip("torch")
    from pixelwise.crf.torch_backend import CRFLayer

    layer = CRFLayer(2, iterations=10)
    scores = torch.from_numpy(np.log(BELIEFS))[None]
    channels = torch.from_numpy(np.moveaxis(image, 2, 0).astype(np.float32))[None]
    with torch.no_grad():
        return np.asarray(layer(scores, channels)[0])


WAYS = [by_refine, by_kernels, by_drop_in, by_features, by_layer]


@pytest.mark.parametrize("way", WAYS)
def test_grey_levels_draw_labels_to_the_edge_of_any_type(way: Callable[[Image], Image]) -> None:
    for image in (UINT8, UINT8.astype(np.float32), UINT8.astype(np.uint16)):
        assert (way(image).argmax(0) == (np.arange(WIDTH) >= WIDTH // 2)).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("image", "complaint"),
    [
        (UINT8 / 255, "(theta_beta|srgb|schan) of 13 sees no edges.*multiply an image of 0 to 1 by 255"),
        (NORMALISED, "sees no edges.*normalisation"),
        (ODD_PIXELS, "sees no edges"),
        (UINT8.astype(np.uint16) * 257, "sees nothing but edges.*divide one of 16 bits by 257"),
    ],
    ids=["0 to 1", "normalised", "0 to 1 but for odd pixels", "16 bits"],
)
def test_values_of_another_range_are_refused(
    way: Callable[[Image], Image], image: Image, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        way(image)


@pytest.mark.parametrize(
    ("image", "theta_beta"),
    [
        (UINT8 // 100, 13),  # nearly black
        ((UINT8 // 20).astype(np.float32), 13),  # the same as floats
        (np.full_like(UINT8, 7), 13),
        (UINT8, 0.5),
        (np.zeros((HEIGHT, WIDTH)), 13),
        (np.full((HEIGHT, WIDTH), 0.5), 13),
        (100 + UINT8 / 100, 13),  # fog
        (UINT8 / 255, 0.05),
        (0.4 + UINT8 / 255 / 50, 0.1),  # fog in the units of 0 to 1
        (2 + UINT8 / 255, 1.5),  # metres
        (NORMALISED, 0.5),
        (UINT8.astype(np.uint16) * 257, 3000),
        (UINT8.astype(np.int64), 3),
    ],
)
def test_values_that_go_with_theta_beta_are_accepted(image: Image, theta_beta: float) -> None:
    preset = Preset("mine", "test", 10, 80, theta_beta)
    assert np.isfinite(refine(image, BELIEFS, preset=preset)).all()


@pytest.mark.parametrize(
    "image",
    [
        NORMALISED,
        UINT8 / 127.5 - 1,
        (UINT8 - UINT8.mean()) / UINT8.std(),
        UINT8 / 255,
        0.4 + UINT8 / 255 / 50,
        UINT8 > 100,
    ],
    ids=["ImageNet", "-1 to 1", "deviation 1", "0 to 1", "fog from 0 to 1", "mask"],
)
@pytest.mark.parametrize("preset", ["deeplab-msc", "deeplab-coco", "deeplab", "densecrf"])
def test_no_preset_takes_a_normalised_image(image: Image, preset: str) -> None:
    with pytest.raises(ValueError, match="sees no edges"):
        refine(image, BELIEFS, preset=load_preset(preset))


def test_a_layer_takes_dark_pictures_as_grey_levels() -> None:
    torch = pytest.importorskip("torch")
    from pixelwise.crf.torch_backend import CRFLayer

    scores = torch.from_numpy(np.log(BELIEFS))[None]
    dark = torch.from_numpy(UINT8 // 100).permute(2, 0, 1)[None]
    assert sorted(dark.unique().tolist()) == [0, 1, 2]
    layer = CRFLayer(2)
    with torch.no_grad():
        assert torch.equal(layer(scores, dark), layer(scores, dark.float()))


def test_an_object_before_a_plain_background_is_measured_by_itself() -> None:
    image = np.zeros((HEIGHT, WIDTH))
    image[5, 5] = 1  # less than a tenth
    with pytest.raises(ValueError, match=r"reach from 0 to 1, .* sees no edges"):
        refine(image, BELIEFS)
    image[5, 5] = 60_000
    assert np.isfinite(refine(image, BELIEFS)).all()


def test_a_channel_of_its_own_unit_has_its_own_theta_beta() -> None:
    depth = np.random.default_rng(0).random((HEIGHT, WIDTH, 1)) * 3
    channels = np.concatenate([UINT8, depth], axis=2)
    unary = unary_from_probabilities(BELIEFS)
    assert mean_field(unary, [Bilateral(channels, 80, (13, 13, 13, 0.5))]).shape == BELIEFS.shape
