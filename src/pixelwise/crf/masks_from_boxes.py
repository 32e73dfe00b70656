"""From boxes to masks: what of a box is the object, as the dense CRF sees it.

Source: Papandreou et al., "Weakly- and semi-supervised learning of a deep convolutional network for semantic
image segmentation", 2015, "Bbox-Seg".
"""

from collections.abc import Sequence

import numpy as np

from pixelwise.core.boxes import Box
from pixelwise.core.types import Labels, RGBImage
from pixelwise.crf.dense_crf import mean_field
from pixelwise.crf.presets import DEEPLAB_COCO, Preset

BACKGROUND = 0
MIDDLE = 0.3
"""The paper's alpha. Found, with the preset, on 100 VOC pictures with true masks, as the paper finds its
parameters; its release has 0.2."""

_FORBIDDEN = 1e3
"""An energy that no message outweighs."""


def masks_from_boxes(
    image: RGBImage,
    boxes: Sequence[Box],
    preset: Preset = DEEPLAB_COCO,
    middle: float = MIDDLE,
    threads: int | None = None,
) -> Labels:
    """(H, W) class ids: those of the boxes, and 0 for background.

    What lies in no box is background, the middle of a box, `middle` of its area, is its class. In between,
    background and the classes of all boxes around a pixel begin equal and the CRF decides; the paper, which
    says this of one box, then has no void, and neither has this. Of boxes that overlap the smaller is taken
    to be in front, as in the paper's "Bbox-Rect": where it covers the middle of a larger one, its class is
    possible too, or certain in its own middle.

    preset: its widths in pixels grow for pictures of more than 500 pixels a side. Raises ValueError for a
    middle outside (0, 1], and for boxes that reach out of the image.
    """
    if not 0 < middle <= 1:
        raise ValueError(f"middle must be a share of the box in (0, 1], got {middle}")
    size = image.shape[:2]
    ids = [BACKGROUND, *sorted({box.label for box in boxes} - {BACKGROUND})]
    possible = np.zeros((len(ids), *size), bool)
    possible[0] = True
    for box in sorted(boxes, key=lambda box: -box.area):
        channel = possible[ids.index(box.label)]
        channel[box.pixels(size)] = True
        inner = box.middle(middle).pixels(size)
        possible[(slice(None), *inner)] = False
        channel[inner] = True
    unary = np.where(possible, np.float32(0), np.float32(_FORBIDDEN))
    kernels = preset.for_size(size).kernels(image)
    beliefs = mean_field(unary, kernels, iterations=preset.iterations, threads=threads)
    labels: Labels = np.array(ids, np.uint8)[beliefs.argmax(0)]
    return labels
