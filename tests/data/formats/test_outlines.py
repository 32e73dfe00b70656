"""Outlines become pixels by their centres."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.data.formats.outlines import Outline, Runs, Shown, area, box, ellipse, outline, paint, runs_of


def mask(shape: Outline | Runs, size: tuple[int, int]) -> list[list[int]]:
    rows: list[list[int]] = paint(size, [(1, [shape])])[0].tolist()
    return rows


def test_a_square_from_1_to_3_covers_two_pixels_a_side() -> None:
    assert mask(box(1, 1, 3, 3), (4, 4)) == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]


def test_a_pixel_counts_if_its_centre_is_inside() -> None:
    assert mask(box(0.4, 0, 1.6, 1), (1, 3)) == [[1, 1, 0]]
    assert mask(box(0.6, 0, 1.4, 1), (1, 3)) == [[0, 0, 0]]


def test_the_shapes_of_an_object_are_a_union() -> None:
    ids, shown = paint((3, 3), [(1, [box(0, 0, 3, 3), box(1, 1, 2, 2)]), (2, [box(2, 2, 3, 3)] * 2)])
    assert ids.tolist() == [[1, 1, 1], [1, 1, 1], [1, 1, 2]]
    assert shown == [Shown.VISIBLE, Shown.VISIBLE]


def test_an_object_is_visible_covered_or_nowhere() -> None:
    first, beyond = box(0, 0, 1, 1), box(5, 5, 6, 6)
    half, other, whole = box(0, 0, 1, 2), box(1, 0, 2, 2), box(0, 0, 2, 2)
    cases = {
        (first, whole, beyond): [Shown.COVERED, Shown.VISIBLE, Shown.NOWHERE],
        (whole, half, other): [Shown.COVERED, Shown.VISIBLE, Shown.VISIBLE],
        (whole, half): [Shown.VISIBLE, Shown.VISIBLE],
        (): [],
    }
    for shapes, expected in cases.items():
        assert paint((2, 2), [(id_, [shape]) for id_, shape in enumerate(shapes)])[1] == expected


def test_an_object_below_others_of_its_class_is_visible() -> None:
    """Labels show its class, whichever object it is."""
    whole, half = box(0, 0, 2, 2), box(0, 0, 1, 2)
    assert paint((2, 2), [(1, [half]), (1, [whole])])[1] == [Shown.VISIBLE, Shown.VISIBLE]
    assert paint((2, 2), [(1, [half]), (1, [whole]), (2, [whole])])[1] == [
        Shown.COVERED,
        Shown.COVERED,
        Shown.VISIBLE,
    ]


def test_more_objects_than_two_bytes_number_are_told_apart() -> None:
    last = 70_000
    pixels = [box(x, 0, x + 1, 1) for x in range(4)]
    shown = paint((1, 4), [(number >= last - 4, [pixels[number % 4]]) for number in range(last)])[1]
    assert shown == [Shown.COVERED] * (last - 4) + [Shown.VISIBLE] * 4


def test_an_outline_that_winds_twice_around_a_pixel_leaves_it_out() -> None:
    """As pycocotools, Pillow and so labelme and CVAT do."""
    square = [0, 0, 3, 0, 3, 3, 0, 3]
    twice = outline([*square, 0, 0, *square])
    assert mask(twice, (3, 3)) == [[0] * 3] * 3


def test_large_outlines_are_filled_in_bands_as_small_ones_are(monkeypatch: pytest.MonkeyPatch) -> None:
    star = ellipse((20, 20), (18, 9), 30)
    whole = mask(star, (40, 40))
    assert 400 < np.sum(whole) < 600
    monkeypatch.setattr("pixelwise.data.formats.outlines._BAND", 100)
    monkeypatch.setattr("pixelwise.data.formats.outlines._CROSSINGS", 3)
    assert mask(star, (40, 40)) == whole


def test_what_lies_outside_the_picture_is_cut() -> None:
    assert mask(box(-5, -5, 1, 50), (2, 2)) == [[1, 0], [1, 0]]
    assert mask(box(7, 7, 9, 9), (2, 2)) == [[0, 0], [0, 0]]
    assert mask(outline([]), (2, 2)) == [[0, 0], [0, 0]]
    assert mask(outline([0, 0, 2, 2]), (2, 2)) == [[0, 0], [0, 0]]
    runs = Runs((0, 4), 2, 2, left=-1, top=1)
    assert mask(runs, (2, 2)) == [[0, 0], [1, 0]]


@settings(deadline=None)
@given(st.floats(5, 25), st.floats(5, 25), st.floats(2, 12), st.floats(2, 12), st.floats(0, 360))
def test_as_many_pixels_are_covered_as_the_shape_has_area(
    x: float, y: float, a: float, b: float, turn: float
) -> None:
    for shape in (ellipse((x + 20, y + 20), (a, b), turn), box(x + 20, y + 20, x + 20 + a, y + 20 + b, turn)):
        covered = paint((80, 80), [(1, [shape])])[0].sum()
        assert abs(covered - area([shape])) <= 4 * (a + b) ** 0.5 + 4  # less than the pixels of its border
        assert covered > 0 or area([shape]) < 8


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.data())
def test_runs_give_back_the_mask_they_were_made_of(height: int, width: int, data: st.DataObject) -> None:
    wanted = np.array(data.draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width)))
    wanted = wanted.reshape(height, width)
    runs = runs_of(wanted, 2, 1)
    assert area([runs]) == wanted.sum()
    painted = paint((height + 1, width + 2), [(1, [runs])])[0]
    assert painted[1:, 2:].tolist() == wanted.astype(int).tolist()


def test_runs_that_do_not_fill_their_box_are_refused() -> None:
    for lengths, pixels in [((1, 2), 3), ((-1, 5, 1), 5)]:
        with pytest.raises(ValueError, match=f"runs of {pixels} pixels do not fill 2 x 2"):
            paint((2, 2), [(1, [Runs(lengths, 2, 2)])])


def test_shapes_that_would_take_minutes_are_refused() -> None:
    size = 20_000, 20_000
    everything = box(0, 0, *size)
    with pytest.raises(ValueError, match=r"20 objects with 8e.09 pixels in all take minutes to draw"):
        paint(size, [(1, [everything])] * 20)
    zigzag = outline([0, 0, 1, 20_000] * 30_000)
    with pytest.raises(ValueError, match="take minutes"):
        paint(size, [(1, [zigzag])])


def test_a_mask_larger_than_the_picture_is_refused_before_it_is_unrolled() -> None:
    for height, width in [(3, 2), (2, 3), (10**6, 10**6)]:
        with pytest.raises(
            ValueError, match=f"a mask of {width} x {height} pixels is larger than its picture, 2 x 2"
        ):
            paint((2, 2), [(1, [Runs((height * width,), height, width)])])


def test_an_edge_that_is_walked_in_both_directions_leaves_no_pixel_out() -> None:
    """A hole in the middle of a picture, joined to a corner by a bridge that runs through pixel centres."""
    ring = [(0, 0), (2, 2), (3, 2), (3, 3), (2, 3), (2, 2), (0, 0), (11, 0), (11, 7), (0, 7)]
    shares = np.array([[float(f"{x / 11:.9g}"), float(f"{y / 7:.9g}")] for x, y in ring])
    filled, _ = paint((7, 11), [(1, [Outline(shares * (11, 7))])])
    expected = np.ones((7, 11), np.uint8)
    expected[2, 2] = 0
    np.testing.assert_array_equal(filled, expected)
