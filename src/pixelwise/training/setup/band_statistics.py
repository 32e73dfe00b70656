"""Mean and deviation of the bands that a net learns from."""

from dataclasses import dataclass

import numpy as np
import torch

from pixelwise.core.types import BANDS
from pixelwise.data.sample import LabelledImages
from pixelwise.data.sample_files import read_part
from pixelwise.models.nets.segmentation_net import TORCHVISION_STD, SegmentationNet

MEASURED = 200
"""Pictures that are measured, spread evenly over the training set."""


@dataclass(frozen=True)
class BandStatistics:
    """`mean` and `std` of each band over all pixels, in the numbers of the files."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, images: LabelledImages) -> "BandStatistics":
        """Those of MEASURED pictures. A band that is constant has the deviation 1. Raises DataError for
        pictures that cannot be read.
        """
        count = min(MEASURED, len(images))
        places = [round(i * (len(images) - 1) / max(1, count - 1)) for i in range(count)]
        pixels, total, squares = 0, np.zeros(()), np.zeros(())
        for place in places:
            bands = read_part(images.entries[place].channels[BANDS]).astype(np.float64)
            pixels += bands.shape[0] * bands.shape[1]
            total = total + bands.sum((0, 1))
            squares = squares + (bands**2).sum((0, 1))
        mean = total / pixels
        std = np.sqrt(np.maximum(squares / pixels - mean**2, 0))
        constant = std <= 1e-6 * np.maximum(1, np.abs(mean))
        return cls(tuple(mean.tolist()), tuple(np.where(constant, 1, std).tolist()))

    def normalise(self, net: SegmentationNet) -> None:
        """Make a net that takes these bands normalise them: to the mean 0, and to the deviation that photos
        had for its initial weights.
        """
        photos = sum(TORCHVISION_STD) / 3 / float(net.std[:, :3].mean())
        net.mean.copy_(torch.tensor(self.mean).view(1, -1, 1, 1))
        net.std.copy_(torch.tensor(self.std).view(1, -1, 1, 1) / photos)
