"""Write a model as an OpenVINO file: a graph (.xml), which holds the metadata too, and its weights (.bin)."""

from pathlib import Path
from tempfile import TemporaryDirectory

from pixelwise.core.errors import ModelError, extras_named
from pixelwise.core.terminal import printable
from pixelwise.inference.engines.openvino import openvino_core
from pixelwise.inference.model_files.model_file import PROPERTY, ModelInfo


def openvino_content(content: bytes, info: ModelInfo, half_weights: bool) -> tuple[bytes, bytes]:
    """Graph and weights of a model file (.onnx); `half_weights` stores weights as float16."""
    with extras_named():
        import onnx
        import openvino
    plain = onnx.load_from_string(content)
    del plain.metadata_props[:]  # OpenVINO would keep them beside those set here
    try:
        model = openvino_core().read_model(model=plain.SerializeToString())
        model.set_rt_info(info.to_metadata()[PROPERTY], [PROPERTY])
        with TemporaryDirectory() as folder:
            graph = Path(folder) / "model.xml"
            openvino.save_model(model, graph, compress_to_fp16=half_weights)
            return graph.read_bytes(), graph.with_suffix(".bin").read_bytes()
    except RuntimeError as problem:
        reason = printable(" ".join(str(problem).split()))[-200:]
        raise ModelError(f"OpenVINO cannot convert the model: {reason}") from problem
