"""Convert a net or a model file to a format and a precision, in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pixelwise.core.errors import ModelError
from pixelwise.exporting.calibration import Calibration, Recorder, record
from pixelwise.inference.engines.onnx import OnnxEngine
from pixelwise.inference.engines.registry import with_crf
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.predictor import Predictor

if TYPE_CHECKING:
    from pixelwise.models.nets.segmentation_net import SegmentationNet


@dataclass(frozen=True)
class Source:
    """A trained net, or the content of a model file. precision: what it computes in. name: in messages."""

    net: "SegmentationNet | None"
    content: bytes
    info: ModelInfo
    steps: int | None = None
    planned: int | None = None
    is_best: bool = False
    precision: str = "float32"
    name: str = "the model in float32"


@dataclass(frozen=True)
class Converted:
    """A model in another form.

    files: content by ending, "" for that of the name. before: the model in float32, whose net sees `channels`
    channels. deviation: of its scores from the net's, if it was compared. recorded: the pictures of a
    calibration.
    """

    files: Mapping[str, bytes]
    before: Predictor
    channels: int
    deviation: float | None
    recorded: Recorder | None = None


def converted(
    source: Source, info: ModelInfo, form: str, precision: str, calibration: Calibration | None
) -> Converted:
    """The model with the metadata `info`, in this format and precision; int8 needs the pictures of a
    calibration. Raises ModelError for a model that cannot be converted.
    """
    if form == "torchscript":
        return _torchscript(source, info)
    found = None
    if source.net is None:
        from pixelwise.exporting.metadata import redescribed

        content = redescribed(source.content, info)
    else:
        from pixelwise.exporting.onnx import onnx_content

        content, found = onnx_content(source.net, info, half_weights=form == "onnx" or precision != "float32")
    engine = OnnxEngine(content, 1, source.name)
    recorded = None
    if calibration is not None:
        from pixelwise.exporting.reduced_precision import to_int8

        recorded = record(calibration, engine, replace(info, crf=None))
        content = to_int8(content, info, recorded.seen)
    elif precision == "float16" and form == "onnx":
        from pixelwise.exporting.reduced_precision import to_float16

        content = to_float16(content, info)
    files = {"": content}
    if form == "openvino":
        from pixelwise.exporting.openvino import openvino_content

        graph, weights = openvino_content(content, info, precision == "float16")
        files = {"": graph, ".bin": weights}
    before = Predictor(with_crf(engine, info), info)
    return Converted(files, before, engine.channels, found, recorded)


def _torchscript(source: Source, info: ModelInfo) -> Converted:
    if source.net is None:
        raise ModelError(
            "TorchScript is made from a net in torch, not from a model file",
            "name the run folder or the .safetensors file; formats for model files: onnx, openvino",
        )
    from pixelwise.exporting.onnx import channels_of
    from pixelwise.exporting.torchscript import torchscript_content
    from pixelwise.inference.engines.torch import TorchEngine

    content = torchscript_content(source.net, info)
    before = Predictor(with_crf(TorchEngine(source.net), info), info)
    return Converted({"": content}, before, sum(channels_of(source.net, info.inputs)), None)
