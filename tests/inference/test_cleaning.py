"""Cleaning of label maps, beside scipy's labelling of regions."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from pixelwise.core.classes import Classes
from pixelwise.inference.results.cleaning import Cleaning, cleaned_for_cutout, share_of
from pixelwise.inference.segmentation import Segmentation

CLASSES = Classes.named(("background", "cat", "dog", "bird"))
MAPS = arrays.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 3))
Ints = npt.NDArray[np.int64]


def clean(rows: list[str], **settings: object) -> list[str]:
    """`rows` of digits, cleaned."""
    labels = np.array([[int(digit) for digit in row] for row in rows], np.uint8)
    cleaned = Cleaning(**settings).clean(labels, CLASSES)  # type: ignore[arg-type]
    return ["".join(map(str, row)) for row in cleaned]


def regions(labels: npt.NDArray[np.uint8]) -> list[tuple[int, Ints]]:
    """(class, flat indices of the pixels) of each region, by scipy."""
    found = []
    for value in np.unique(labels):
        numbered, count = ndimage.label(labels == value)
        found += [(int(value), np.flatnonzero(numbered == i)) for i in range(1, count + 1)]
    return found


def test_a_small_region_takes_the_class_with_which_it_shares_the_longest_border() -> None:
    before = ["1111222", "1113222", "1133222", "0000000"]
    assert clean(before, min_region=4 / 28) == ["1111222", "1111222", "1111222", "0000000"]
    assert clean(before, min_region=3 / 28) == before, "three pixels are a share of 3/28, not less"


def test_a_region_of_exactly_the_share_stays() -> None:
    assert 0.07 * 100 > 7, "in floats"
    for pixels in range(1, 50):
        row = ["1" * pixels + "2" * (100 - pixels)]
        assert clean(row, min_region=pixels / 100) == row
        assert clean(row, min_region=(pixels + 1) / 100) == ["2" * 100]
    for tenths in range(1, 500):
        row = ["1" * tenths + "2" * (1000 - tenths)]
        assert clean(row, min_region=share_of(f"{tenths / 10}%")) == row


def test_the_smallest_region_goes_first() -> None:
    # The bird's pixel joins the dog, which is then large enough to stay.
    assert clean(["1111100223"], min_region=3 / 10) == ["1111111222"]


def test_regions_that_a_removed_one_kept_apart_become_one() -> None:
    assert clean(["2222222113110000000"], min_region=5 / 19) == ["2222222111110000000"]


def test_the_largest_region_stays_if_it_has_a_tenth_of_the_share() -> None:
    assert clean(["0000", "0100", "0000"], min_region=10 / 12) == ["0000", "0100", "0000"]
    assert clean(["0000", "0100", "0000"], min_region=11 / 12) == ["0000", "0000", "0000"], "a speck"
    assert clean(["0000", "0000"], min_region=1.0) == ["0000", "0000"]


def test_only_largest_and_holes() -> None:
    rows = ["1110000", "1010220", "1110220", "0000000"]
    assert clean(rows, only=("dog",)) == ["0000000", "0000220", "0000220", "0000000"]
    assert clean(rows, largest=True) == ["1110000", "1010000", "1110000", "0000000"]
    assert clean(rows, fill_holes=True) == ["1110000", "1110220", "1110220", "0000000"]
    assert clean(["1120", "1020", "1120"], fill_holes=True) == ["1120", "1020", "1120"], "two classes around"


@given(MAPS, st.integers(1, 30))
@settings(max_examples=200, deadline=None)
def test_no_small_region_is_left_and_large_ones_keep_their_class(
    labels: npt.NDArray[np.uint8], smallest: int
) -> None:
    smallest = min(smallest, labels.size)
    cleaned = Cleaning(min_region=smallest / labels.size).clean(labels, CLASSES)
    foreground = [len(pixels) for value, pixels in regions(labels) if value != 0]
    kept = max(foreground, default=0)
    kept = kept if 10 * kept >= smallest else labels.size
    for value, pixels in regions(cleaned):
        assert len(pixels) >= smallest or (value != 0 and len(pixels) >= kept) or len(pixels) == labels.size
    for value, pixels in regions(labels):
        if len(pixels) >= smallest:
            assert (cleaned.reshape(-1)[pixels] == value).all()


@given(MAPS)
@settings(max_examples=200, deadline=None)
def test_holes_and_the_largest_region_are_those_of_scipy(labels: npt.NDArray[np.uint8]) -> None:
    filled = Cleaning(fill_holes=True).clean(labels, CLASSES)
    edge = np.zeros(labels.shape, bool)
    edge[[0, -1]] = edge[:, [0, -1]] = True
    expected = labels.copy()
    for value, pixels in regions(labels):
        inside = np.zeros(labels.shape, bool)
        inside.reshape(-1)[pixels] = True
        around = np.unique(labels[ndimage.binary_dilation(inside) & ~inside])
        if value == 0 and not (inside & edge).any() and len(around) == 1:
            expected[inside] = around[0]
    assert np.array_equal(filled, expected)

    largest = Cleaning(largest=True).clean(labels, CLASSES)
    sizes = [len(pixels) for value, pixels in regions(labels) if value != 0]
    assert np.count_nonzero(largest) == max(sizes, default=0)
    assert (largest[largest != 0] == labels[largest != 0]).all()


def test_what_cannot_be_done_is_refused() -> None:
    with pytest.raises(ValueError, match="no class is called horse; the model's classes are background, cat"):
        clean(["0"], only=("horse",))
    with pytest.raises(ValueError, match=r"share from 0 to 1, got 1\.5"):
        clean(["0"], min_region=1.5)
    street = Classes.named(("road", "sky"))
    for cleaning in (Cleaning(only=("road",)), Cleaning(largest=True), Cleaning(fill_holes=True)):
        with pytest.raises(ValueError, match="need a background class"):
            cleaning.check(street)
    labels = np.array([[0, 0, 0], [0, 1, 0]], np.uint8)
    assert Cleaning(min_region=0.5).clean(labels, street).tolist() == [[0] * 3] * 2


def test_the_text_tells_cleanings_apart_and_none_is_false() -> None:
    assert not Cleaning()
    assert (
        str(Cleaning(("cat", "dog"), True, True, 0.001))
        == "only cat,dog; largest; holes filled; no region below 0.1% of the picture"
    )


def test_a_cutout_keeps_the_gap_between_legs_and_loses_specks() -> None:
    """On 20x20 pixels 1 % are 4: a gap of 3 at the border stays, a hole of 3 is filled, a dog of 3 goes."""
    labels = np.zeros((20, 20), np.uint8)
    labels[5:, 5:15] = 1
    labels[17:, 10] = 0
    labels[8, 8:11] = 0
    labels[1, 1:4] = 2
    expected = labels.copy()
    expected[8, 8:11] = 1
    expected[1, 1:4] = 0
    assert cleaned_for_cutout(labels, CLASSES).tolist() == expected.tolist()
    assert Cleaning(min_region=0.01).clean(labels, CLASSES)[18, 10] == 1, "which cleaning alone would fill"


def test_cleaning_a_cleaned_result_keeps_what_was_cleaned() -> None:
    scores = np.zeros((4, 6, 8), np.float32)
    scores[1, :, :3], scores[2, :, 5:], scores[3, 2, 4] = 9, 9, 9
    scores[0] += 1
    result = Segmentation(scores, (6, 8), CLASSES, np.zeros((6, 8, 3), np.uint8))
    ways = [
        Cleaning(only=("cat", "bird")),
        Cleaning(only=("cat", "dog"), fill_holes=True),
        Cleaning(largest=True),
        Cleaning(min_region=0.1),
        Cleaning(min_region=0.05),
    ]
    chained = result
    for way in ways:
        chained = chained.cleaned(way)
    at_once = Cleaning(only=("cat",), fill_holes=True, largest=True, min_region=0.1)
    assert chained.cleaning == at_once == chained.cleaned(Cleaning()).cleaning
    np.testing.assert_array_equal(chained.labels, result.cleaned(at_once).labels)
    assert set(np.unique(result.labels)) == {0, 1, 2, 3}
    with pytest.raises(
        ValueError, match="no class is left: an earlier cleaning kept only cat, this one keeps only dog"
    ):
        chained.cleaned(Cleaning(only=("dog",)))


def test_nearly_equal_cleanings_tell_results_apart() -> None:
    assert str(Cleaning(min_region=0.0123)) != str(Cleaning(min_region=0.01234))
    assert str(Cleaning(min_region=0.07)) == "no region below 7% of the picture"


def test_a_cleaning_takes_a_list_of_names_and_refuses_a_text() -> None:
    """A text was taken for a list of letters, and a list made a cleaning that equalled no other."""
    names: Any = ["cat"]
    assert Cleaning(only=names) == Cleaning(only=("cat",))
    none: Any = []
    assert not Cleaning(only=none)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"only": "cat"}, "expected a list of class names.*got 'cat'"),
        ({"only": (1,)}, "class names are texts, got 1"),
        ({"largest": "no"}, "largest is True or False, got 'no'"),
        ({"fill_holes": 1}, "fill_holes is True or False, got 1"),
        ({"min_region": "0.1"}, "a share from 0 to 1, got '0.1'"),
        ({"min_region": float("nan")}, "a share from 0 to 1, got nan"),
    ],
)
def test_values_of_another_type_are_refused(arguments: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Cleaning(**arguments)
