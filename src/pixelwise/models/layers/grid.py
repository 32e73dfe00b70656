"""The positions of a feature map's cells on the image, in exact fractions. It needs no torch.

A layer of kernel k and stride s over one of k' and s' is a layer of kernel k' + (k - 1) s' and stride s s'.
Source: Long et al. 2015, section 3.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

Number = TypeVar("Number", int, Fraction)


def compose(outer: tuple[int, int], inner: tuple[Number, Number]) -> tuple[Number, Number]:
    """(kernel, stride) of the layer `outer` over the layer `inner`, in pixels of what `inner` sees."""
    (kernel, stride), (inner_kernel, inner_stride) = outer, inner
    return inner_kernel + (kernel - 1) * inner_stride, stride * inner_stride


@dataclass(frozen=True)
class Grid:
    """The cells of a feature map along one axis, in pixels of the image.

    Cell i sees `field` pixels around pixel offset + stride * i. Padding makes offsets negative; offsets are
    halves where kernels are even. Grid() is the image itself.
    """

    stride: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)
    field: Fraction = Fraction(1)

    def through(self, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> "Grid":
        """The grid behind a convolution or pooling; `padding` counts what is put before the first cell."""
        reach = (kernel - 1) * dilation
        field, all_stride = compose((reach + 1, stride), (self.field, self.stride))
        return Grid(all_stride, self.offset + self.stride * (Fraction(reach, 2) - padding), field)

    def upsampled(self, kernel: int, stride: int, padding: int = 0) -> "Grid":
        """The grid behind a transposed convolution; `padding` counts the cells cut off each side.

        The field is that of the pixels that most cells reach: ceil(kernel / stride) of them.
        """
        return Grid(
            self.stride / stride,
            self.offset + self.stride / stride * (padding - Fraction(kernel - 1, 2)),
            self.field + self.stride * (-(-kernel // stride) - 1),
        )

    def shifted(self, cells: int) -> "Grid":
        """The grid that begins at cell `cells` of this one: cropped, or padded if negative."""
        return Grid(self.stride, self.offset + self.stride * cells, self.field)

    def beside(self, other: "Grid") -> "Grid":
        """The grid of two maps of one stride that are added or concatenated cell by cell: its field covers
        both.
        """
        if self.stride != other.stride:
            raise ValueError(f"maps of strides {self.stride} and {other.stride} cannot be joined")
        first = min(g.offset - (g.field - 1) / 2 for g in (self, other))
        last = max(g.offset + (g.field - 1) / 2 for g in (self, other))
        return Grid(self.stride, (first + last) / 2, last - first + 1)


def crop_offset(grid: Grid, target: Grid) -> int:
    """How many cells to cut from the start of `grid` so that its cells lie on those of `target`.

    If negative, cut this number from `target` instead. Raises ValueError if the strides differ or the cells
    of one lie between those of the other.
    """
    if grid.stride != target.stride:
        raise ValueError(f"maps of strides {grid.stride} and {target.stride} cannot be aligned")
    cells = (target.offset - grid.offset) / grid.stride
    if cells.denominator != 1:
        raise ValueError(f"cells at {grid.offset} and {target.offset} of stride {grid.stride} never meet")
    return cells.numerator


def bilinear_taps(grid: Grid, factor: int, target: Grid) -> int:
    """The taps of the bilinear filter that upsamples `grid` by `factor` onto cells of `target`.

    2 * factor where that puts new cells on the target's (the VGG nets of the release), else 2 * factor - 1
    (its AlexNet). Raises ValueError if neither does.
    """
    for taps in (2 * factor, 2 * factor - 1):
        upsampled = grid.upsampled(taps, factor)
        if (
            upsampled.stride == target.stride
            and ((target.offset - upsampled.offset) / target.stride).denominator == 1
        ):
            return taps
    raise ValueError(
        f"no bilinear filter of factor {factor} brings cells at {grid.offset} of stride {grid.stride} "
        f"onto cells at {target.offset} of stride {target.stride}"
    )
