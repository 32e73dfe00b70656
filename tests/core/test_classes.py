"""Class names and colours."""

import json
from typing import Any

import numpy as np
import pytest

from pixelwise.core.classes import Classes, voc_palette


def test_palette_has_the_colours_of_the_voc_development_kit() -> None:
    palette = voc_palette()
    assert len(palette) == 256
    known = {
        0: (0, 0, 0),
        1: (128, 0, 0),
        2: (0, 128, 0),
        8: (64, 0, 0),
        15: (192, 128, 128),
        20: (0, 64, 128),
    }
    assert {id_: palette[id_] for id_ in known} == known
    assert palette[255] == (224, 224, 192)


def test_a_class_called_background_is_recognised() -> None:
    assert Classes.named(["cat", "background"]).background == 1
    assert Classes.named(["cat", "dog"]).background is None


@pytest.mark.parametrize(
    ("names", "palette", "background", "complaint"),
    [
        ((), (), None, "1 to 255 classes"),
        (("a", "a"), ((0, 0, 0),) * 2, None, "these repeat: a"),
        (("a", "b"), ((0, 0, 0),), None, "2 classes need as many colours, got 1"),
        (("a",), ((0, 0, 0),), 1, "background 1 is not a class id below 1"),
        (("a", "b"), ((0, 0, 0),) * 2, True, "background True is not a class id below 2"),
        (("a", "b"), ((0, 0, 0),) * 2, "b", "background 'b' is not a class id below 2"),
        ("ab", ((0, 0, 0),) * 2, None, "expected a list of class names"),
        (("a",), ((0, 0, 256),), None, r"three whole numbers from 0 to 255, got \(0, 0, 256\)"),
        (("a",), ((0, 0),), None, r"three whole numbers from 0 to 255, got \(0, 0\)"),
        (("a",), (0.5,), None, "three whole numbers from 0 to 255, got 0.5"),
    ],
)
def test_classes_that_make_no_sense_are_rejected(
    names: Any, palette: Any, background: Any, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Classes(names, palette, background)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ("background,cat", "expected a list of class names.*got 'background,cat'"),
        (2, "expected a list of class names.*got 2"),
        ({0: "background", 1: "cat"}, "class names are texts, got 0"),
    ],
)
def test_names_are_a_list_of_texts(names: Any, complaint: str) -> None:
    """A text was taken for a list of letters."""
    with pytest.raises(ValueError, match=complaint):
        Classes.named(names)


def test_lists_and_numbers_of_numpy_make_equal_classes() -> None:
    names: Any = ["background", "cat"]
    palette: Any = np.array([[0, 0, 0], [1, 2, 3]], np.uint8)
    background: Any = np.int64(0)
    expected = Classes(("background", "cat"), ((0, 0, 0), (1, 2, 3)), 0)
    for made in (Classes(names, palette, background), Classes.named(names, palette.tolist())):
        assert made == expected
        assert hash(made) == hash(expected)
    assert json.dumps(Classes(names, palette, background).palette) == "[[0, 0, 0], [1, 2, 3]]"
