"""Bounding boxes of objects."""

from typing import NamedTuple


class Box(NamedTuple):
    """A class id and the edges of the box, in pixels from the image's upper left corner."""

    label: int
    top: float
    left: float
    bottom: float
    right: float

    @property
    def area(self) -> float:
        return (self.bottom - self.top) * (self.right - self.left)

    def pixels(self, size: tuple[int, int]) -> tuple[slice, slice]:
        """The rows and columns it covers in an image of `size`, rounded, at least one of each.

        Raises ValueError for a box whose edges are swapped or that reaches out of the image.
        """
        return _span(self.top, self.bottom, size[0]), _span(self.left, self.right, size[1])

    def middle(self, share: float) -> "Box":
        """The box around the same centre with this share of the area and the same proportions."""
        margin = (1 - share**0.5) / 2
        down, right = margin * (self.bottom - self.top), margin * (self.right - self.left)
        return Box(self.label, self.top + down, self.left + right, self.bottom - down, self.right - right)

    def resized(self, before: tuple[int, int], after: tuple[int, int]) -> "Box":
        """The box after the image was resized from `before` to `after`."""
        down, right = after[0] / before[0], after[1] / before[1]
        return Box(self.label, self.top * down, self.left * right, self.bottom * down, self.right * right)


def _span(begin: float, end: float, length: int) -> slice:
    if not 0 <= begin <= end <= length:
        raise ValueError(f"a box reaches from {begin:g} to {end:g}, but the image from 0 to {length}")
    first = min(round(begin), length - 1)
    return slice(first, max(first + 1, round(end)))
