"""What is suspicious about the coordinates of drawn objects."""

import pytest

from pixelwise.data.painted_labels import are_shares


@pytest.mark.parametrize(
    ("numbers", "shares"),
    [
        ([0.2, 0.2, 0.8, 0.9], True),
        ([0.0, 0.0, 1.0, 0.5], True),
        ([-0.001, 0.2, 1.002, 0.9], True),  # rounded, or drawn beyond the edge
        ([0, 0, 1, 1], False),  # the first pixel
        ([0.2, 0.2, 5.0, 0.9], False),
        ([1.5, 1.5, 1.9, 1.9], False),
        ([], False),
    ],
)
def test_shares_of_a_picture_are_told_from_pixels(numbers: list[float], shares: bool) -> None:
    assert are_shares(numbers) is shares
