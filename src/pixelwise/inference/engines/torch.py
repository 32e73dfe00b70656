"""Torch runs nets. Importing this module needs torch."""

import numpy as np
import numpy.typing as npt
import torch

from pixelwise.core.types import RGBImage, Scores


class TorchEngine:
    """A torch net in evaluation mode: RGB (N, 3, H, W) from 0 to 255 in, (N, C, H, W) scores out."""

    def __init__(self, net: torch.nn.Module) -> None:
        if net.training:
            raise ValueError(
                "expected a net in evaluation mode, got one in training mode: call net.eval() first"
            )
        self._net = net

    @property
    def threads(self) -> int:
        return torch.get_num_threads()

    def scores(self, image: RGBImage) -> Scores:
        (scores,) = self.batch_scores(image[np.newaxis])
        only: Scores = scores
        return only

    def batch_scores(self, images: npt.NDArray[np.uint8]) -> Scores:
        """(N, C, H, W) scores of N images (N, H, W, 3)."""
        parameter = next(self._net.parameters(), None)
        device = torch.device("cpu") if parameter is None else parameter.device
        with torch.inference_mode():
            # The permuted view of (N, H, W, 3) is channels_last already.
            pixels = torch.from_numpy(np.ascontiguousarray(images)).to(device).permute(0, 3, 1, 2)
            pixels = pixels.to(torch.float32, memory_format=torch.channels_last)
            scores = self._net(pixels).to("cpu", torch.float32).contiguous()
        array: Scores = scores.numpy()
        return array
