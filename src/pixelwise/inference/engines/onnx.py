"""ONNX Runtime runs model files."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.threads import thread_count
from pixelwise.core.types import Channel, RGBImage, Scores
from pixelwise.inference.engines.coarse_scores import CoarseScores
from pixelwise.inference.engines.contract import check_contract
from pixelwise.inference.engines.devices import (
    PROCESSOR,
    PROCESSOR_PROVIDER,
    Device,
    expect_provider,
    onnx_providers,
)
from pixelwise.inference.engines.model_failures import (
    bound_to_process,
    content_of,
    failed,
    incomplete,
    only_picture,
    too_large,
)
from pixelwise.inference.engines.upsampling_tail import coarse
from pixelwise.inference.model_files.model_file import OUTPUT
from pixelwise.inference.model_files.onnx_file import checked_metadata
from pixelwise.inference.model_files.onnx_tail import without_upsampling


class OnnxEngine:
    """ONNX Runtime, on the processor or a GPU.

    `model` is a path or the bytes of a file that keeps the contract of model_file.py, `source` its name in
    messages. Raises ModelError for files that hold more than onnx_file.py allows, before they are run, and
    for pictures for which a model exceeds the memory budget. Idle threads sleep instead of spinning, because
    other threads need the processor (decoding, encoding).

    On x86-64 processors without instructions for int8 ONNX Runtime would add pairs of products in 16 bits,
    which overflows. x64quantprecision makes it convert the weights to unsigned numbers there: slower, exact.
    """

    def __init__(
        self,
        model: "str | Path | bytes",
        threads: int | None = None,
        source: str | None = None,
        device: Device = PROCESSOR,
    ) -> None:
        from onnxruntime import InferenceSession, SessionOptions, get_available_providers

        content, self._source = content_of(model, source)
        self._metadata = checked_metadata(content, self._source)
        self._threads = thread_count(threads)
        options = SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.x64quantprecision", "1")
        _bound_memory()
        options.add_session_config_entry("session.use_env_allocators", "1")
        providers = onnx_providers(device, get_available_providers())
        self._output, self._stride = OUTPUT, 1
        if providers == [PROCESSOR_PROVIDER]:
            content, self._output, self._stride = without_upsampling(content)
        try:
            self._session = InferenceSession(content, options, providers=providers)
        except Exception as problem:  # ONNX Runtime's exceptions have no common base
            raise incomplete(self._source, problem) from problem
        self.device = expect_provider(device, providers, self._session.get_providers())
        inputs = {entry.name: (entry.type, entry.shape) for entry in self._session.get_inputs()}
        outputs = {
            OUTPUT if entry.name == self._output else entry.name: (entry.type, entry.shape)
            for entry in self._session.get_outputs()
        }
        self._inputs = check_contract(
            self._source, self._metadata, inputs, outputs, ("tensor(uint8)", "tensor(float)")
        )

    def __reduce__(self) -> tuple[Any, ...]:
        raise bound_to_process(self._source)

    def __deepcopy__(self, memo: object) -> Self:
        return self  # it never changes

    @property
    def threads(self) -> int:
        return self._threads

    @property
    def channels(self) -> int:
        """How many channels all inputs have together."""
        return sum(self._inputs.channels.values())

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata properties of the file."""
        return dict(self._metadata)

    @property
    def takes_batches(self) -> bool:
        """Whether the graph takes any number of pictures at a time."""
        return not any(isinstance(entry.shape[0], int) for entry in self._session.get_inputs())

    def batch_scores(self, images: Sequence[RGBImage]) -> list[Scores]:
        """The scores of pictures of one size. Raises ModelError."""
        feeds = [self._inputs.feeds(image) for image in images]
        joined = {name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}
        found = (self._of_picture(each[np.newaxis], images[0]) for each in self._run(joined, images[0]))
        return [_at_full_size(scores) for scores in found]

    def scores(self, image: RGBImage) -> Scores:
        return _at_full_size(self.coarse_scores(image))

    def coarse_scores(self, image: RGBImage) -> Scores | CoarseScores:
        """The scores before the last upsampling, if the net ends in one."""
        return self._of_picture(self._run(self._inputs.feeds(image), image), image)

    def _of_picture(self, results: Channel, image: RGBImage) -> Scores | CoarseScores:
        """What the session gives for one picture, (1, C, h, w)."""
        scores = only_picture(self._source, results)
        if self._stride > 1:
            return coarse(scores, self._stride, image.shape[:2])
        return np.ascontiguousarray(scores, np.float32)

    def _run(self, feeds: dict[str, Channel], image: RGBImage) -> Channel:
        try:
            (scores,) = self._session.run([self._output], feeds)
        except Exception as problem:  # as above
            if "bfc_arena" in str(problem):
                raise too_large(self._source, image.shape[:2]) from problem
            raise failed(self._source, image, problem) from problem
        return np.asarray(scores)


def _at_full_size(scores: Scores | CoarseScores) -> Scores:
    return scores.enlarged() if isinstance(scores, CoarseScores) else scores


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
