"""Make masks from bounding boxes with the dense CRF.

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
"""The paper's alpha. It was chosen, with the preset, on 100 VOC pictures with true masks, as in the paper;
the paper's release has 0.2."""

_FORBIDDEN = 1e3
"""An energy larger than any message of the CRF."""


def masks_from_boxes(
    image: RGBImage,
    boxes: Sequence[Box],
    preset: Preset = DEEPLAB_COCO,
    middle: float = MIDDLE,
    threads: int | None = None,
) -> Labels:
    """(H, W) class ids: those of the boxes, and 0 for background.

    Pixels outside all boxes are background. The middle of a box, `middle` of its area, has the box's class.
    In between, background and the classes of all boxes around a pixel start with equal probability, and the
    CRF decides. As in the paper, which describes one box, there is no void. If boxes overlap, the smaller one
    is in front, as in the paper's "Bbox-Rect": where it covers the middle of a larger one, its class is
    possible too; in its own middle, its class is certain.

    preset: its widths in pixels grow for pictures of more than 500 pixels per side. Raises ValueError for a
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
