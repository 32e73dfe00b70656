"""Torch runs nets. Importing this module needs torch."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch

from pixelwise.core.errors import ModelError
from pixelwise.core.types import RGBImage, Scores
from pixelwise.cpu.inference import for_inference
from pixelwise.inference.engines.batching import Batching
from pixelwise.inference.engines.devices import Device, torch_device
from pixelwise.inference.engines.engine import Engine


def net_engine(net: torch.nn.Module, precision: str, device: Device) -> Engine:
    """The engine for a net of ours in evaluation mode, which is changed and moved to the device.

    On the processor the net gets compiled layers; elsewhere it keeps torch's, and pictures of one size are
    scored together. Raises ModelError for a device that torch cannot use.
    """
    place = torch_device(device, torch)
    if place == "cpu":
        return TorchEngine(for_inference(net, precision))
    net = net.requires_grad_(False).to(place).to(memory_format=torch.channels_last)
    return Batching(TorchEngine(net, half=precision == "bfloat16"))


_HOME = os.getpid()


def expect_threads(source: str) -> None:
    """Raise ModelError in a process that was forked from one that used torch: it would wait forever for
    torch's threads. With one thread, as in workers of a DataLoader, it waits for none.
    """
    if os.getpid() != _HOME and torch.get_num_threads() > 1:
        raise ModelError(
            f"{source} cannot score in a process that was forked from one that used torch's threads",
            'start processes with the method "spawn", or call torch.set_num_threads(1) in them',
        )


class TorchEngine:
    """A torch net in evaluation mode: RGB (N, 3, H, W) from 0 to 255 in, (N, C, H, W) scores out.

    half: compute in bfloat16 where torch's autocast does, for nets on a GPU.
    """

    def __init__(self, net: torch.nn.Module, half: bool = False) -> None:
        if net.training:
            raise ValueError(
                "expected a net in evaluation mode, got one in training mode: call net.eval() first"
            )
        self._net, self._half = net, half

    @property
    def threads(self) -> int:
        return torch.get_num_threads()

    @property
    def device(self) -> str:
        """The device that the net is on."""
        parameter = next(self._net.parameters(), None)
        return "cpu" if parameter is None else str(parameter.device)

    def scores(self, image: RGBImage) -> Scores:
        return self.batch_scores([image])[0]

    def batch_scores(self, images: Sequence[RGBImage]) -> list[Scores]:
        """The scores of pictures of one size."""
        device = torch.device(self.device)
        expect_threads("the net")
        with torch.inference_mode(), self._autocast(device):
            # The permuted view of (N, H, W, 3) images is channels_last already.
            stacked = np.ascontiguousarray(images[0])[np.newaxis] if len(images) == 1 else np.stack(images)
            pixels = torch.from_numpy(stacked).to(device).permute(0, 3, 1, 2)
            pixels = pixels.to(torch.float32, memory_format=torch.channels_last)
            scores = self._net(pixels).to("cpu", torch.float32)
        return [one.contiguous().numpy() for one in scores]

    def _autocast(self, device: torch.device) -> AbstractContextManager[object]:
        return torch.autocast(device.type, torch.bfloat16) if self._half else nullcontext()
