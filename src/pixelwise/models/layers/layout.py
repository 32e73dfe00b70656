"""Find the positions of a backbone's cells on the image by running it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from pixelwise.core.terminal import reason_of


@dataclass(frozen=True)
class Layout:
    """`between`: cell i of stride s lies between pixels, at s * i + (s - 1) / 2, as behind patches and 2x2
    poolings; otherwise on pixel s * i, as behind strided layers that pad by half their kernel. `odd`: the
    trunk is given sides of one pixel more than a multiple of the deepest stride, and has a cell on the last.
    """

    odd: bool = True
    between: bool = False

    def padded(self, side: int, stride: int) -> int:
        """The smallest side that the trunk takes whose cells of the deepest stride cover `side` pixels."""
        if self.between:
            return (side + stride - 1) // stride * stride  # ONNX rounds negative quotients up
        return (side + stride - 2) // stride * stride + (1 if self.odd else stride)


class UnfitError(Exception):
    """A backbone is not suitable for segmentation; the message has the reason."""


def layout_of(trunk: nn.Module, channels: Sequence[int], strides: Sequence[int]) -> Layout:
    """The layout of a backbone of RGB in evaluation mode that returns maps of these channels (N C H W) and
    strides in pixels. Raises UnfitError unless this holds for all sizes of pictures.

    A first strided layer without overlap cuts patches. Of the others, those that lose the cell of one more
    pixel have poolings without overlap. Trunks that do not take that pixel at all, as HRNet and DLA, which
    add maps of several strides, have cells on pixels.
    """
    deepest = max(strides)
    if _has_patches(trunk, 2 * deepest):
        possible = [Layout(odd=False, between=True)]
    else:
        sides = _sides(trunk, (3 * deepest + 1, 2 * deepest + 1))
        on_pixels = [Layout(odd=True), Layout(odd=False)] if sides and sides[-1] == (4, 3) else []
        possible = on_pixels or [Layout(odd=False, between=sides is not None)]
    for layout in possible:
        try:
            for size in ((3 * deepest, 2 * deepest), (deepest + 1, 5 * deepest + 7), (1, 1)):
                _expect(trunk, channels, strides, size, layout)
        except UnfitError as problem:
            fault = problem
        else:
            return layout
    raise fault


def _expect(
    trunk: nn.Module, channels: Sequence[int], strides: Sequence[int], size: tuple[int, int], layout: Layout
) -> None:
    """Raise UnfitError unless the maps of a picture of this size are as long as their strides say."""
    size = (layout.padded(size[0], max(strides)), layout.padded(size[1], max(strides)))
    image = torch.zeros(1, 3, *size)
    try:
        with torch.no_grad():
            maps = trunk(image)
    except Exception as problem:  # each family has its own kinds
        reason = reason_of(problem)
        raise UnfitError(f"it does not take pictures of {size[0]} x {size[1]} pixels: {reason}") from problem
    more = 1 if layout.odd else 0
    expected = [
        (channel, *((side - more) // stride + more for side in size))
        for channel, stride in zip(channels, strides, strict=True)
    ]
    found = [tuple(map_.shape[1:]) for map_ in maps]
    if found != expected:
        raise UnfitError(
            f"its maps of a picture of {size[0]} x {size[1]} pixels are {_listed(found)}, "
            f"but strides of {', '.join(map(str, strides))} make {_listed(expected)}"
        )


def _sides(trunk: nn.Module, size: tuple[int, int]) -> list[tuple[int, int]] | None:
    """Height and width of every map, None if the trunk does not take that size."""
    try:
        with torch.no_grad():
            return [tuple(map_.shape[2:]) for map_ in trunk(torch.zeros(1, 3, *size))]
    except Exception:  # each family has its own kinds
        return None


def _has_patches(trunk: nn.Module, side: int) -> bool:
    """Whether the windows of the first strided layer do not overlap."""
    strided: list[bool] = []

    def note(layer: nn.Module, *_: object) -> None:
        kernel, stride = (_number(getattr(layer, name)) for name in ("kernel_size", "stride"))
        if stride > 1 and kernel > 1:  # without a window, as in a shortcut, it says nothing
            strided.append(kernel <= stride)

    kinds = nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d
    hooks = [layer.register_forward_hook(note) for layer in trunk.modules() if isinstance(layer, kinds)]
    try:
        _sides(trunk, (side, side))
    finally:
        for hook in hooks:
            hook.remove()
    return bool(strided) and strided[0]


def _number(value: int | tuple[int, ...]) -> int:
    return value if isinstance(value, int) else max(value)


def _listed(shapes: Sequence[tuple[int, ...]]) -> str:
    return ", ".join("x".join(map(str, shape)) for shape in shapes)
