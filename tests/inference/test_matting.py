"""Cutouts with soft edges, on pictures mixed from known colours and opacities."""

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from pixelwise.inference.results.matting import cutout

Floats = npt.NDArray[np.float64]
RED, GREEN = np.array([0.8, 0.1, 0.1]), np.array([0.1, 0.7, 0.2])


def disc(side: int, soft: float) -> Floats:
    """(side, side) the opacity of a disc whose edge is `soft` pixels wide."""
    rows, columns = np.mgrid[:side, :side] - side / 2 + 0.5
    opacity: Floats = np.clip(0.5 + (side / 3 - np.hypot(rows, columns)) / soft, 0, 1)
    return opacity


def mixed(alpha: Floats, seed: int = 0) -> npt.NDArray[np.uint8]:
    """A red object on green, mixed by `alpha`, with a little noise."""
    share = alpha[..., None]
    noise = np.random.default_rng(seed).normal(0, 0.01, (*alpha.shape, 3))
    colours: Floats = np.clip(share * RED + (1 - share) * GREEN + noise, 0, 1)
    return np.round(255 * colours).astype(np.uint8)


def on_white(picture: Image.Image) -> Floats:
    values = np.asarray(picture) / 255
    return values[..., 3:] * values[..., :3] + 1 - values[..., 3:]


@pytest.mark.slow
@pytest.mark.parametrize("side", [300, 1500])
def test_opacity_and_colour_of_a_soft_edge_are_found(side: int) -> None:
    alpha = disc(side, side / 75)
    drawn = cutout(mixed(alpha), alpha > 0.5)
    found = np.asarray(drawn)[..., 3] / 255
    edge = (alpha > 0) & (alpha < 1)
    assert np.abs(found - alpha)[edge].mean() < 0.05
    assert np.abs(found - alpha)[~edge].mean() < 0.004
    right = alpha[..., None] * RED + 1 - alpha[..., None]
    hard = np.where((alpha > 0.5)[..., None], mixed(alpha) / 255, 1)
    error, before = (np.abs(shown - right)[edge].mean() for shown in (on_white(drawn), hard))
    assert error < 0.04
    assert error < before / 3, "no rim of green is left"


def test_labels_off_by_some_pixels_are_drawn_to_the_edge_of_the_picture() -> None:
    alpha = disc(300, 1)
    off = np.roll(alpha > 0.5, 2, axis=1)
    found = np.asarray(cutout(mixed(alpha), off))[..., 3] / 255
    assert np.abs(found - alpha).mean() < np.abs(off - alpha).mean() * 0.8


def test_far_from_edges_pixels_stay_and_cleared_ones_are_black() -> None:
    alpha = disc(300, 8)
    photo = mixed(alpha)
    drawn = np.asarray(cutout(photo, alpha > 0.5))
    middle = (slice(120, 180), slice(120, 180))
    assert (drawn[middle][..., :3] == photo[middle]).all()
    assert (drawn[middle][..., 3] == 255).all()
    assert (drawn[drawn[..., 3] == 0] == 0).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (3, 2), (40, 1)])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_pictures_of_any_size_and_labels_of_one_side_only(shape: tuple[int, int], share: float) -> None:
    rng = np.random.default_rng(0)
    solid = rng.random(shape) < share
    drawn = cutout(rng.integers(0, 256, (*shape, 3), np.uint8), solid)
    assert (drawn.mode, drawn.size) == ("RGBA", shape[::-1])
    if share in (0.0, 1.0):
        assert np.unique(np.asarray(drawn)[..., 3]).tolist() == [round(255 * share)]
