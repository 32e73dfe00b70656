"""Write a net as TorchScript, with the metadata of a model file as extra files in the archive."""

import io
import json
import warnings

import torch
from torch import nn

from pixelwise.core.errors import ModelError
from pixelwise.core.terminal import reason_of
from pixelwise.core.types import IMAGE
from pixelwise.exporting.onnx import FileInterface, channels_of, expect_exportable
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.model_files.torchscript_file import CHANNELS


def torchscript_content(net: nn.Module, info: ModelInfo) -> bytes:
    """The archive of a net in evaluation mode.

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
            whole = FileInterface(net).eval()
            traced = torch.jit.trace(whole, examples, check_trace=False)  # type: ignore[no-untyped-call]
            torch.jit.save(traced, written, _extra_files=notes)
        except RuntimeError as problem:
            reason = reason_of(problem)
            raise ModelError(
                f"the net cannot be written as TorchScript: {reason}",
                "torch.jit.trace has to follow it; --format onnx takes more nets",
            ) from problem
    return written.getvalue()
