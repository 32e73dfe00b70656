"""Engines turn pixels into class scores: ONNX Runtime or OpenVINO for model files, torch for nets."""

import functools
import math
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pixelwise.core.errors import MissingExtraError, ModelError
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.precision import for_inference
from pixelwise.core.threads import processors, thread_count
from pixelwise.core.types import RGBImage, Scores
from pixelwise.inference.engines.contract import check_contract
from pixelwise.inference.model_files.model_file import OUTPUT, read_model
from pixelwise.inference.model_files.onnx_file import checked_metadata

if TYPE_CHECKING:
    import torch

USUAL_SIDE = 512
"""A model file is loaded only if a square picture of this side, in pixels, fits into memory."""


class Engine(Protocol):
    """The interface of an engine; calls from several threads at a time must be safe."""

    @property
    def threads(self) -> int:
        """The number of threads that one call uses."""

    def scores(self, image: RGBImage) -> Scores:
        """(C, H, W) scores of an (H, W, 3) image, for any H, W >= 1."""


class OnnxEngine:
    """ONNX Runtime on the processor.

    `model` is a path or the bytes of a file that keeps the contract of model_file.py, `source` its name in
    messages. Raises ModelError for files that hold more than onnx_file.py allows, before they are run, and
    for pictures for which a model exceeds the memory budget. Idle threads sleep instead of spinning, because
    other threads need the processor (decoding, encoding).
    """

    def __init__(
        self, model: "str | Path | bytes", threads: int | None = None, source: str | None = None
    ) -> None:
        from onnxruntime import InferenceSession, SessionOptions

        content, self._source = _content(model, source)
        self._metadata = checked_metadata(content, self._source)
        self._threads = thread_count(threads)
        options = SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        _bound_memory()
        options.add_session_config_entry("session.use_env_allocators", "1")
        try:
            self._session = InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as problem:  # ONNX Runtime's exceptions have no common base
            raise _incomplete(self._source, problem) from problem
        inputs = {entry.name: (entry.type, entry.shape) for entry in self._session.get_inputs()}
        outputs = {entry.name: (entry.type, entry.shape) for entry in self._session.get_outputs()}
        self._inputs = check_contract(
            self._source, self._metadata, inputs, outputs, ("tensor(uint8)", "tensor(float)")
        )

    @property
    def threads(self) -> int:
        return self._threads

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata properties of the file."""
        return dict(self._metadata)

    def scores(self, image: RGBImage) -> Scores:
        try:
            (scores,) = self._session.run([OUTPUT], self._inputs.feeds(image))
        except Exception as problem:  # as above
            if "bfc_arena" in str(problem):
                raise _too_large(self._source, image.shape[:2]) from problem
            raise _failed(self._source, image, problem) from problem
        return np.ascontiguousarray(_only(self._source, np.asarray(scores)), np.float32)


@functools.cache
def _bound_memory() -> None:
    """Limit the memory that ONNX Runtime takes for activations, in all sessions together."""
    from onnxruntime import (
        OrtAllocatorType,
        OrtArenaCfg,
        OrtMemoryInfo,
        OrtMemType,
        create_and_register_allocator,
    )

    place = OrtMemoryInfo("Cpu", OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, OrtMemType.DEFAULT)
    create_and_register_allocator(place, OrtArenaCfg({"max_mem": PICTURES.total}))


def openvino_core() -> Any:
    """OpenVINO's core, one for the process. Each core installs a stack for signals and removes it at its end.
    If the first of two cores ends first, no stack is left, and the next signal, such as Ctrl-C, kills the
    process.

    OpenVINO imports parts of numpy when it first reads a tensor's numbers. Two threads that do this at the
    same time deadlock. So it is done here, by one thread, before any request.
    """
    with _starting:
        return _first_core()


_starting = threading.Lock()


@functools.cache
def _first_core() -> Any:
    import openvino

    _ = openvino.Tensor(np.zeros(1, np.uint8)).data
    return openvino.Core()


class OpenVinoEngine:
    """OpenVINO on the processor, for the same files, with the same checks.

    precision: "float32", or "bfloat16" on processors with such arithmetic; never chosen automatically.
    bundled: the file ships with pixelwise, so its tensors are not checked for pictures of usual size. Scoring
    in a process that was forked later raises ModelError if the calls run in OpenVINO's threads: they do not
    exist in the new process, which would wait for them forever.
    """

    def __init__(
        self,
        model: "str | Path | bytes",
        threads: int | None = None,
        source: str | None = None,
        precision: str = "float32",
        bundled: bool = False,
    ) -> None:
        try:
            import openvino  # noqa: F401
        except ModuleNotFoundError:
            raise MissingExtraError("openvino") from None
        content, self._source = _content(model, source)
        self._metadata = checked_metadata(content, self._source)
        core = openvino_core()
        self._threads = thread_count(threads)
        precision = for_inference(precision)
        if precision == "bfloat16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise ModelError("this processor has no arithmetic in bfloat16", "use --precision float32")
        streams = max(1, processors() // self._threads)  # as many calls at a time as there are processors for
        self._home = os.getpid() if streams > 1 else None  # a single stream runs in the thread that calls
        options = {
            "INFERENCE_PRECISION_HINT": "f32" if precision == "float32" else "bf16",
            "INFERENCE_NUM_THREADS": streams * self._threads,
            "NUM_STREAMS": streams,
        }
        try:
            self._model = core.read_model(model=content)
        except RuntimeError as problem:
            raise _incomplete(self._source, problem) from problem
        described = [
            {port.any_name: (port.element_type.get_type_name(), _sizes(port)) for port in ports}
            for ports in (self._model.inputs, self._model.outputs)
        ]
        self._inputs = check_contract(self._source, self._metadata, described[0], described[1], ("u8", "f32"))
        self._room = USUAL_SIDE if bundled else 0
        self._expect_room((USUAL_SIDE, USUAL_SIDE))
        try:
            self._net = core.compile_model(self._model, "CPU", options)
        except RuntimeError as problem:
            raise _incomplete(self._source, problem) from problem
        self._requests = threading.local()

    @property
    def threads(self) -> int:
        return self._threads

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata properties of the file."""
        return dict(self._metadata)

    def _expect_room(self, size: tuple[int, int]) -> None:
        """Raise ModelError if the net holds a tensor of more than half the budget for a picture of `size`."""
        if max(size) <= self._room:
            return
        side = -(-max(size) // USUAL_SIDE) * USUAL_SIDE  # pictures of other sizes then need no other check
        if self._largest_tensor((side, side)) <= PICTURES.total // 2:
            self._room = side
        elif self._largest_tensor(size) > PICTURES.total // 2:
            raise _too_large(self._source, size)

    def _largest_tensor(self, size: tuple[int, int]) -> int:
        """The bytes of the largest tensor in the net for a picture of `size`; nothing is computed."""
        try:
            shaped = self._model.clone()
            shaped.reshape({name: [1, *size, channels] for name, channels in self._inputs.channels.items()})
        except RuntimeError as problem:
            raise _incomplete(self._source, problem) from problem
        ports = [port for node in shaped.get_ops() for port in node.outputs()]
        known = [port for port in ports if port.get_partial_shape().is_static]
        return max(int(math.prod(port.get_shape()) * port.get_element_type().size) for port in known)

    def scores(self, image: RGBImage) -> Scores:
        if self._home not in (None, os.getpid()):
            raise ModelError(
                f"{self._source} was loaded before this process was forked, which OpenVINO does not support",
                'load it in each process, or start processes with the method "spawn"',
            )
        self._expect_room(image.shape[:2])
        if not hasattr(self._requests, "own"):
            self._requests.own = self._net.create_infer_request()
        try:
            results = self._requests.own.infer(self._inputs.feeds(image))
        except RuntimeError as problem:
            raise _failed(self._source, image, problem) from problem
        return np.array(
            _only(self._source, results[OUTPUT]), np.float32
        )  # what OpenVINO returns is its own memory


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


def _content(model: "str | Path | bytes", source: str | None) -> tuple[bytes, str]:
    """The bytes of a model, and its name in messages."""
    if isinstance(model, bytes):
        return model, source or "the model"
    return read_model(model)[0], source or str(model)


def _incomplete(source: str, problem: Exception) -> ModelError:
    return ModelError(
        f"{source} is not a complete ONNX model: {_reason(problem)}",
        "the file may be truncated or of another kind; export or download it again",
    )


def _only(source: str, scores: Any) -> Any:
    """The scores (C, h, w) of the one picture of a batch."""
    if scores.ndim != 4 or len(scores) != 1 or 0 in scores.shape:
        raise ModelError(f"{source} gives scores of shape {scores.shape}, expected (1, C, h, w)")
    return scores[0]


def _too_large(source: str, size: tuple[int, ...]) -> ModelError:
    return ModelError(
        f"{source} takes more than {PICTURES.total / 1e9:.1f} GB of memory "
        f"for a picture of {size[0]}x{size[1]}",
        "export it with a smaller --long-side",
    )


def _failed(source: str, image: RGBImage, problem: Exception) -> ModelError:
    height, width = image.shape[:2]
    return ModelError(f"{source} failed on an image of {height}x{width}: {_reason(problem)}")


def _sizes(port: Any) -> list[int | None]:
    """The sizes of an input or output of OpenVINO; None where any size is accepted."""
    return [size.get_length() if size.is_static else None for size in port.partial_shape]


def _reason(problem: Exception) -> str:
    """The reason in an engine's error message: OpenVINO lists its own source files first."""
    lines = str(problem).strip().splitlines() or [type(problem).__name__]
    return lines[-1 if lines[0].startswith("Exception from ") else 0][:200]
