"""Shift-and-stitch: dense scores from shifted images. Source: Long et al. 2015, section 3.2."""

from collections.abc import Callable

import torch
from torch.nn import functional as F


def shift_and_stitch(
    net: Callable[[torch.Tensor], torch.Tensor], image: torch.Tensor, stride: int
) -> torch.Tensor:
    """The scores of a net of that stride for every pixel, from stride^2 passes: (N, C, H, W) to
    (N, classes, rows, columns).

    The image is moved right and down by 0 to stride - 1 pixels, with zeros before it, and the scores are
    interlaced. Output (i, j) is what the net gives for the window that begins at pixel (i, j); for a net that
    does not pad there are H - field + 1 rows. Raises ValueError if the stride is not the net's.
    """
    if stride < 1:
        raise ValueError(f"the stride is at least 1, got {stride}")
    passes = {
        (down, right): net(F.pad(image, (right, 0, down, 0)))
        for down in range(stride)
        for right in range(stride)
    }
    # Cell k of the image moved by d pixels sees the window that begins at pixel k * stride - d.
    rows = min(stride * scores.shape[2] - down for (down, _), scores in passes.items())
    columns = min(stride * scores.shape[3] - right for (_, right), scores in passes.items())
    first = passes[0, 0]
    stitched = first.new_empty(*first.shape[:2], rows, columns)
    for (down, right), scores in passes.items():
        top, left = -down % stride, -right % stride
        part = scores[:, :, (down > 0) :, (right > 0) :]
        target = stitched[:, :, top::stride, left::stride]
        target.copy_(part[:, :, : target.shape[2], : target.shape[3]])
    return stitched
