"""Torch runs TorchScript files. Importing this module needs torch."""

import io
import warnings

import numpy as np
import torch

from pixelwise.core.errors import ModelError
from pixelwise.core.terminal import reason_of
from pixelwise.core.threads import thread_count
from pixelwise.core.types import RGBImage, Scores
from pixelwise.inference.engines.contract import Inputs
from pixelwise.inference.engines.devices import PROCESSOR, Device, torch_device
from pixelwise.inference.engines.model_failures import failed, only_picture
from pixelwise.inference.engines.torch import expect_threads
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.model_files.torchscript_file import TorchScriptFile


class TorchScriptEngine:
    """A TorchScript file on the processor or a GPU. `source` is its name in messages."""

    def __init__(
        self,
        file: TorchScriptFile,
        info: ModelInfo,
        threads: int | None,
        source: str,
        device: Device = PROCESSOR,
    ) -> None:
        if len(file.channels) != len(info.inputs):
            raise ModelError(f"{source} has {len(file.channels)} inputs, but names {len(info.inputs)}")
        if threads is not None:
            torch.set_num_threads(thread_count(threads))
        self._source = source
        self.device = torch_device(device, torch)
        self._inputs = Inputs(dict(zip(info.inputs, file.channels, strict=True)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch calls TorchScript deprecated
            try:
                self._net = torch.jit.load(io.BytesIO(file.content), self.device).eval()  # type: ignore[no-untyped-call]
            except RuntimeError as problem:
                raise ModelError(
                    f"{source} is not a complete TorchScript model: {reason_of(problem)}",
                    "export or download it again",
                ) from problem

    @property
    def threads(self) -> int:
        return torch.get_num_threads()

    def scores(self, image: RGBImage) -> Scores:
        expect_threads(self._source)
        feeds = self._inputs.feeds(image)
        seen = [
            torch.from_numpy(np.ascontiguousarray(feeds[name])).to(self.device)
            for name in self._inputs.channels
        ]
        try:
            with torch.inference_mode():
                scores = self._net(*seen)
        except RuntimeError as problem:
            raise failed(self._source, image, problem) from problem
        if not isinstance(scores, torch.Tensor):
            raise ModelError(f"{self._source} gives {type(scores).__name__}, expected scores (1, C, h, w)")
        array: Scores = np.ascontiguousarray(only_picture(self._source, scores.cpu().numpy()), np.float32)
        return array
