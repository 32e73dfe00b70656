"""OpenVINO runs model files."""

import functools
import math
import os
import threading
from pathlib import Path
from typing import Any, Self

import numpy as np

from pixelwise import _core
from pixelwise.core.errors import MissingExtraError, ModelError
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.precision import for_inference
from pixelwise.core.threads import processors, thread_count
from pixelwise.core.types import RGBImage, Scores
from pixelwise.inference.engines.coarse_scores import CoarseScores
from pixelwise.inference.engines.contract import check_contract
from pixelwise.inference.engines.devices import PROCESSOR, Device, openvino_device
from pixelwise.inference.engines.model_failures import (
    bound_to_process,
    content_of,
    failed,
    incomplete,
    only_picture,
    too_large,
)
from pixelwise.inference.engines.upsampling_tail import coarse, without_upsampling
from pixelwise.inference.model_files.model_file import OUTPUT
from pixelwise.inference.model_files.onnx_file import checked_metadata
from pixelwise.inference.model_files.openvino_file import OpenVinoFile
from pixelwise.inference.model_files.openvino_poolings import pool_maps_of_any_size

USUAL_SIDE = 512
"""A model file is loaded only if a square picture of this side, in pixels, fits into memory."""


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
    """OpenVINO on the processor or a GPU of Intel, for the same files with the same checks, and
    for its own files.

    precision: of floating-point numbers: "bfloat16" on processors with such arithmetic, else float32. What
    an int8 file holds in int8 is computed so where the processor has instructions for it. Elsewhere OpenVINO
    would add pairs of products in 16 bits, which overflows, so it is computed in float32 there.
    bundled: the file ships with pixelwise, so its tensors are not checked for pictures of usual size. Scoring
    in a process that was forked later raises ModelError if the calls run in OpenVINO's threads: they do not
    exist in the new process, which would wait for them forever.
    """

    def __init__(
        self,
        model: "str | Path | bytes | OpenVinoFile",
        threads: int | None = None,
        source: str | None = None,
        precision: str = "float32",
        bundled: bool = False,
        device: Device = PROCESSOR,
    ) -> None:
        try:
            import openvino  # noqa: F401
        except ModuleNotFoundError:
            raise MissingExtraError("openvino") from None
        parts: tuple[bytes, ...]
        if isinstance(model, OpenVinoFile):
            parts, self._source, self._metadata = (
                (model.graph, model.weights),
                source or "the model",
                model.metadata,
            )
        else:
            content, self._source = content_of(model, source)
            parts, self._metadata = (content,), checked_metadata(content, self._source)
        core = openvino_core()
        place = openvino_device(device, core.available_devices)
        self.device = "cpu" if place == "CPU" else f"xpu:{device.index}"
        self._threads = thread_count(threads)
        precision = for_inference(precision)
        if (
            place == "CPU"
            and precision == "bfloat16"
            and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        ):
            raise ModelError("this processor has no arithmetic in bfloat16", "use --precision float32")
        streams = max(1, processors() // self._threads)  # as many calls at a time as there are processors for
        self._home = os.getpid() if streams > 1 else None  # a single stream runs in the thread that calls
        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bfloat16" else "f32",
            "INFERENCE_NUM_THREADS": streams * self._threads,
            "NUM_STREAMS": streams,
            "ENABLE_CPU_PINNING": False,  # processes side by side would choose the same processors
        }
        if place != "CPU":
            del options["INFERENCE_NUM_THREADS"], options["ENABLE_CPU_PINNING"]  # of the processor alone
        try:
            self._model = core.read_model(*parts)
            pool_maps_of_any_size(self._model)
        except RuntimeError as problem:
            raise incomplete(self._source, problem) from problem
        described = [
            {port.any_name: (port.element_type.get_type_name(), _sizes(port)) for port in ports}
            for ports in (self._model.inputs, self._model.outputs)
        ]
        self._inputs = check_contract(self._source, self._metadata, described[0], described[1], ("u8", "f32"))
        self._room = USUAL_SIDE if bundled else 0
        self._expect_room((USUAL_SIDE, USUAL_SIDE))
        try:
            net, self._stride = without_upsampling(self._model)
            if place == "CPU" and not _core.has_int8_products():
                _without_int8(net)
            self._net = core.compile_model(net, place, options)
        except RuntimeError as problem:
            raise incomplete(self._source, problem) from problem
        self._requests = threading.local()

    def __reduce__(self) -> tuple[Any, ...]:
        raise bound_to_process(self._source)

    def __deepcopy__(self, memo: object) -> Self:
        return self  # it never changes

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
            raise too_large(self._source, size)

    def _largest_tensor(self, size: tuple[int, int]) -> int:
        """The bytes of the largest tensor in the net for a picture of `size`; nothing is computed."""
        try:
            shaped = self._model.clone()
            shaped.reshape({name: [1, *size, channels] for name, channels in self._inputs.channels.items()})
        except RuntimeError as problem:
            raise incomplete(self._source, problem) from problem
        ports = [port for node in shaped.get_ops() for port in node.outputs()]
        known = [port for port in ports if port.get_partial_shape().is_static]
        return max(int(math.prod(port.get_shape()) * port.get_element_type().size) for port in known)

    def scores(self, image: RGBImage) -> Scores:
        scores = self.coarse_scores(image)
        return scores.enlarged() if isinstance(scores, CoarseScores) else scores

    def coarse_scores(self, image: RGBImage) -> Scores | CoarseScores:
        """The scores before the last upsampling, if the net ends in one."""
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
            raise failed(self._source, image, problem) from problem
        scores = only_picture(self._source, results[OUTPUT if self._stride == 1 else 0])
        if self._stride > 1:
            return coarse(scores, self._stride, image.shape[:2])
        return np.array(scores, np.float32)  # what OpenVINO returns is its own memory


def _without_int8(net: Any) -> None:
    """Replace int8 weights by their values in float32, so that these layers run in floating point."""
    from openvino import Type, passes

    if not any(op.get_type_name() == "Constant" and op.get_element_type() == Type.i8 for op in net.get_ops()):
        return
    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())
    manager.run_passes(net)


def _sizes(port: Any) -> list[int | None]:
    """The sizes of an input or output of OpenVINO; None where any size is accepted."""
    return [size.get_length() if size.is_static else None for size in port.partial_shape]
