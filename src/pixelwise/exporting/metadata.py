"""The metadata of a model file in an ONNX graph."""

from typing import Any

from pixelwise.core.errors import extras_named
from pixelwise.inference.model_files.model_file import ModelInfo


def with_metadata(model: Any, info: ModelInfo) -> bytes:
    """The bytes of an ONNX model with this metadata in place of its own."""
    from onnx import helper

    del model.metadata_props[:]
    helper.set_model_props(model, info.to_metadata())
    content: bytes = model.SerializeToString()
    return content


def redescribed(content: bytes, info: ModelInfo) -> bytes:
    """The bytes of a model file with this metadata in place of its own."""
    with extras_named():
        import onnx
    return with_metadata(onnx.load_from_string(content), info)
