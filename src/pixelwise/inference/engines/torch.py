"""Torch runs nets. Importing this module needs torch."""

import numpy as np
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
        parameter = next(self._net.parameters(), None)
        device = torch.device("cpu") if parameter is None else parameter.device
        with torch.inference_mode():
            # The permuted view of one (H, W, 3) image is channels_last already.
            pixels = torch.from_numpy(np.ascontiguousarray(image)).to(device).permute(2, 0, 1)[None]
            pixels = pixels.to(torch.float32, memory_format=torch.channels_last)
            scores = self._net(pixels)[0].to("cpu", torch.float32).contiguous()
        array: Scores = scores.numpy()
        return array
