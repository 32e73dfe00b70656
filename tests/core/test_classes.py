"""Class names and colours."""

from typing import Any

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
    ],
)
def test_classes_that_make_no_sense_are_rejected(
    names: tuple[str, ...], palette: tuple[tuple[int, int, int], ...], background: int | None, complaint: str
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
