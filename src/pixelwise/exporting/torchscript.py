"""Write a net as TorchScript, with the metadata of a model file as extra files in the archive."""

import io
import json
import warnings

import torch
from torch import nn

from pixelwise.core.errors import ModelError
from pixelwise.core.terminal import printable
from pixelwise.core.types import IMAGE
from pixelwise.exporting.onnx import FileInterface, channels_of, expect_exportable
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.model_files.torchscript_file import CHANNELS


class _Half(nn.Module):
    """A net whose weights and arithmetic are float16, with scores in float32."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net.half()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.net(image).float()
        return scores


def torchscript_content(net: nn.Module, info: ModelInfo, half: bool = False) -> bytes:
    """The archive of a net in evaluation mode; `half` changes the net itself to float16.

    The module takes what an ONNX file takes, (N, H, W, 3) uint8 or an array for each input, of any size, and
    gives scores (N, C, H, W) float32. Raises ModelError for a net that cannot be traced.
    """
    expect_exportable(net)
    channels = channels_of(net, info.inputs)
    kind = torch.uint8 if info.inputs == (IMAGE,) else torch.float32
    examples = tuple(torch.zeros(1, 97, 131, count, dtype=kind) for count in channels)
    written = io.BytesIO()
    notes = {**info.to_metadata(), CHANNELS: json.dumps(channels)}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # torch calls TorchScript deprecated
        try:
            whole = FileInterface(_Half(net) if half else net).eval()
            traced = torch.jit.trace(whole, examples, check_trace=False)  # type: ignore[no-untyped-call]
            torch.jit.save(traced, written, _extra_files=notes)
        except RuntimeError as problem:
            reason = printable(" ".join(str(problem).split()))[:200]
            raise ModelError(f"the net cannot be written as TorchScript: {reason}") from problem
    return written.getvalue()
