"""Masks from boxes: what is certain stays certain, and the CRF finds the object's edge in between."""

import numpy as np
import pytest

from pixelwise.core.boxes import Box
from pixelwise.core.types import RGBImage
from pixelwise.crf.masks_from_boxes import masks_from_boxes


def picture(*objects: tuple[int, int, int, int, int], size: tuple[int, int] = (40, 60)) -> RGBImage:
    """A dark picture with bright rectangles: grey level, top, left, bottom, right."""
    image = np.full((*size, 3), 20, np.uint8)
    for level, top, left, bottom, right in objects:
        image[top:bottom, left:right] = level
    return image


def test_the_edge_of_the_object_is_found_within_its_box() -> None:
    image = picture((220, 12, 16, 28, 44))
    labels = masks_from_boxes(image, [Box(3, 8, 10, 32, 50)], threads=1)
    assert labels.dtype == np.uint8
    assert np.array_equal(labels == 3, image[..., 0] == 220)
    assert set(np.unique(labels)) == {0, 3}


def test_what_lies_in_no_box_is_background_however_alike() -> None:
    image = picture(size=(20, 20))  # of one colour: nothing tells object from background
    labels = masks_from_boxes(image, [Box(1, 5, 5, 15, 15)], threads=1)
    outside = np.ones((20, 20), bool)
    outside[5:15, 5:15] = False
    assert not labels[outside].any()


@pytest.mark.parametrize(("middle", "certain"), [(0.16, slice(8, 12)), (0.64, slice(6, 14))])
def test_the_middle_is_the_object_however_unlike(middle: float, certain: slice) -> None:
    image = picture((220, 9, 9, 11, 11), size=(20, 20))
    labels = masks_from_boxes(image, [Box(1, 5, 5, 15, 15)], middle=middle, threads=1)
    # Sides of 10 pixels shrink to 10 * sqrt(0.16) = 4 and 10 * sqrt(0.64) = 8, from (20 - 4) / 2 = 8 and 6.
    assert (labels[certain, certain] == 1).all()


def test_a_middle_of_the_whole_box_is_the_box() -> None:
    labels = masks_from_boxes(picture(size=(20, 30)), [Box(1, 2, 3, 12, 23)], middle=1.0, threads=1)
    assert (labels[2:12, 3:23] == 1).all()
    assert labels.sum() == 10 * 20


@pytest.mark.parametrize("turned", [False, True])
def test_the_smaller_box_is_in_front_whatever_the_order(turned: bool) -> None:
    image = picture((120, 5, 5, 35, 55), (250, 15, 24, 25, 36))
    boxes = [Box(1, 5, 5, 35, 55), Box(2, 15, 24, 25, 36)]  # 2 lies on the middle of 1
    labels = masks_from_boxes(image, boxes[::-1] if turned else boxes, threads=1)
    assert np.array_equal(labels, np.select([image[..., 0] == 250, image[..., 0] == 120], [2, 1]))


def test_only_classes_of_boxes_around_a_pixel_come_into_question() -> None:
    image = picture((220, 10, 5, 30, 25), (220, 10, 35, 30, 55))  # two objects alike
    labels = masks_from_boxes(image, [Box(1, 8, 3, 32, 27), Box(2, 8, 33, 32, 57)], threads=1)
    assert set(np.unique(labels[:, :30])) == {0, 1}
    assert set(np.unique(labels[:, 30:])) == {0, 2}


def test_without_boxes_all_is_background() -> None:
    assert not masks_from_boxes(picture(), [], threads=1).any()


def test_a_box_without_extent_has_the_pixel_where_it_lies() -> None:
    labels = masks_from_boxes(picture(), [Box(1, 7.0, 59.9, 7.0, 60.0)], threads=1)
    assert [tuple(place) for place in np.argwhere(labels)] == [(7, 59)]


def test_large_pictures_are_decided_like_small_ones() -> None:
    small = picture((60, 12, 16, 28, 44))  # 60 is near 20, so that the widths decide
    box = Box(1, 8, 10, 32, 50)
    large = small.repeat(20, 0).repeat(20, 1)  # 800 x 1200
    found = masks_from_boxes(large, [box.resized((40, 60), (800, 1200))], threads=1)
    assert np.mean(found[10::20, 10::20] == (small[..., 0] == 60)) == 1


@pytest.mark.parametrize(
    ("box", "middle", "complaint"),
    [
        (Box(1, 0, 0, 41, 60), 0.2, "from 0 to 41, but the image from 0 to 40"),
        (Box(1, 0, -2, 40, 60), 0.2, "from -2 to 60"),
        (Box(1, 30, 0, 20, 60), 0.2, "from 30 to 20"),
        (Box(1, float("nan"), 0, 20, 60), 0.2, "from nan to 20"),
        (Box(1, 0, 0, 20, 60), 0.0, r"in \(0, 1\], got 0"),
        (Box(1, 0, 0, 20, 60), 1.5, r"in \(0, 1\], got 1.5"),
    ],
)
def test_what_cannot_be_is_refused(box: Box, middle: float, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        masks_from_boxes(picture(), [box], middle=middle, threads=1)
