"""Engines turn pixels into class scores: ONNX Runtime for model files, torch for nets in training."""

from typing import TYPE_CHECKING, Protocol

import numpy as np

from pixelwise.errors import ModelError
from pixelwise.inference.model_file import INPUT, OUTPUT
from pixelwise.streams import processors
from pixelwise.types import RGBImage, Scores

if TYPE_CHECKING:
    import torch


class Engine(Protocol):
    """What a predictor needs; calls from several threads at a time must be safe."""

    @property
    def threads(self) -> int:
        """Threads that one call keeps busy."""

    def scores(self, image: RGBImage) -> Scores:
        """(C, H, W) scores of an (H, W, 3) image, for any H, W >= 1."""


class OnnxEngine:
    """ONNX Runtime on the processor.

    `model` is a path or the bytes of a file that keeps the contract of model_file.py, `source` its name in
    messages. Idle threads sleep instead of spinning, since other threads mostly have work for the processor
    (decoding, encoding).
    """

    def __init__(self, model: "str | bytes", threads: int | None = None, source: str | None = None) -> None:
        from onnxruntime import InferenceSession, SessionOptions

        self._source = source or (model if isinstance(model, str) else "the model")
        self._threads = processors() if threads is None else threads
        if self._threads < 1:
            raise ValueError(f"expected at least one thread, got {threads}")
        options = SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as problem:  # ONNX Runtime's exceptions have no common base
            raise ModelError(
                f"{self._source} is not a complete ONNX model: {_first_line(problem)}",
                "the file may be truncated or of another kind; export or download it again",
            ) from problem
        self._check_contract()

    def _check_contract(self) -> None:
        inputs = {entry.name: entry for entry in self._session.get_inputs()}
        outputs = {entry.name: entry for entry in self._session.get_outputs()}
        fault = None
        if list(inputs) != [INPUT] or OUTPUT not in outputs:
            fault = f"inputs {sorted(inputs)} and outputs {sorted(outputs)}"
        elif inputs[INPUT].type != "tensor(uint8)" or inputs[INPUT].shape[3:] != [3]:
            fault = f"{INPUT} of {inputs[INPUT].type} {inputs[INPUT].shape}"
        elif outputs[OUTPUT].type != "tensor(float)" or len(outputs[OUTPUT].shape) != 4:
            fault = f"{OUTPUT} of {outputs[OUTPUT].type} {outputs[OUTPUT].shape}"
        if fault is not None:
            raise ModelError(
                f'{self._source}: expected an input "{INPUT}" uint8 (N, H, W, 3) and an output "{OUTPUT}" '
                f"float32 (N, C, H, W), got {fault}",
                'write model files with "pixelwise export"',
            )

    @property
    def threads(self) -> int:
        return self._threads

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata properties of the file."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def scores(self, image: RGBImage) -> Scores:
        try:
            (scores,) = self._session.run([OUTPUT], {INPUT: image[np.newaxis]})
        except Exception as problem:  # as above
            height, width = image.shape[:2]
            raise ModelError(
                f"{self._source} failed on an image of {height}x{width}: {_first_line(problem)}"
            ) from problem
        return np.ascontiguousarray(np.asarray(scores)[0], np.float32)


class TorchEngine:
    """A torch net in evaluation mode: RGB (N, 3, H, W) from 0 to 255 in, (N, C, H, W) scores out."""

    def __init__(self, net: "torch.nn.Module") -> None:
        if net.training:
            raise ValueError(
                "expected a net in evaluation mode, got one in training mode: call net.eval() first"
            )
        self._net = net

    @property
    def threads(self) -> int:
        import torch

        return torch.get_num_threads()

    def scores(self, image: RGBImage) -> Scores:
        import torch

        parameter = next(self._net.parameters(), None)
        device = torch.device("cpu") if parameter is None else parameter.device
        with torch.inference_mode():
            # The permuted view of one (H, W, 3) image is channels_last already.
            pixels = torch.from_numpy(np.ascontiguousarray(image)).to(device).permute(2, 0, 1)[None]
            pixels = pixels.to(torch.float32, memory_format=torch.channels_last)
            scores = self._net(pixels)[0].to("cpu", torch.float32).contiguous()
        array: Scores = scores.numpy()
        return array


def _first_line(problem: Exception) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0][:200]
