"""YOLO's text files: which lines are read, and which are refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.core.errors import DataError
from pixelwise.core.types import Labels
from pixelwise.data.sample import SEMANTIC
from pixelwise.data.sources.yolo import yolo


@pytest.fixture
def labels_of(tmp_path: Path) -> Callable[[str], Labels]:
    """The labels of a picture, 20 wide and 10 high, with this text file."""
    for folder in ("images", "labels"):
        (tmp_path / folder / "train").mkdir(parents=True)
    (tmp_path / "data.yaml").write_text("names: [cat, dog]")
    Image.new("RGB", (20, 10)).save(tmp_path / "images/train/a.png")

    def read(text: str) -> Labels:
        (tmp_path / "labels/train/a.txt").write_text(text)
        (entry,) = yolo(tmp_path, "train").entries
        return entry.labels[SEMANTIC].read()

    return read


def test_points_are_shares_of_the_sides(labels_of: Callable[[str], Labels]) -> None:
    expected = np.zeros((10, 20))
    expected[5:, :10] = 2
    assert (labels_of("1 0 0.5 0.5 0.5 0.5 1 0 1") == expected).all()


def test_the_class_may_be_written_as_a_whole_float(labels_of: Callable[[str], Labels]) -> None:
    assert (labels_of("1.0 0 0 1 0 1 1 0 1") == 2).all()
    for line in ("0.5 0 0 1 0 1 1 0 1", "nan 0 0 1 0 1 1 0 1", "inf 0 0 1 0 1 1 0 1", "cat 0 0 1 0 1 1"):
        with pytest.raises(DataError, match="line 1: expected numbers"):
            labels_of(line)


def test_a_point_may_lie_beyond_the_edge(labels_of: Callable[[str], Labels]) -> None:
    assert (labels_of("0 -0.02 0 1.03 0 1.000001 1 0 1") == 1).all()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0 0 15 0 15 8 0 8", "line 1: expected shares from 0 to 1, got 15"),
        ("0 0 0 2 0 2 2 0 2", "line 1: expected shares from 0 to 1, got 2"),
        ("0 0 0 -0.2 0 1 1 0 1", "line 1: expected shares from 0 to 1, got -0.2"),
        ("0 0 0 nan 0 1 1", "line 1: expected shares from 0 to 1, got nan"),
        ("0 0 0 1 0 1", "line 1: expected at least three points, got 5 numbers"),
    ],
)
def test_outlines_in_pixels_are_refused(labels_of: Callable[[str], Labels], line: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        labels_of(line)
    if "shares" in message:
        assert "divide x by the picture's width" in str(caught.value.hint)
