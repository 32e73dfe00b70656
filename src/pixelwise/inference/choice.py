"""Which engine runs a model: by the kind of its file, what is installed, and what was asked for."""

import hashlib
import importlib.util
from pathlib import Path

from pixelwise.errors import EXTRAS, MissingExtraError, ModelError
from pixelwise.files import sha256_of
from pixelwise.inference.engines import Engine, OnnxEngine, OpenVinoEngine, TorchEngine
from pixelwise.inference.model_file import ModelInfo, read_model
from pixelwise.types import PRECISIONS

ENGINES = ("auto", "onnxruntime", "openvino", "torch")


def open_model(
    name_or_path: str | Path, threads: int | None, engine: str, precision: str
) -> tuple[Engine, ModelInfo, str]:
    """The engine for a bundled model by name, a model file (.onnx) or a net (.safetensors); what the model
    says of itself; and what tells it apart from others of its name. See predictor.load.
    """
    if engine not in ENGINES:
        raise ValueError(f'engine is one of {", ".join(ENGINES)}, not "{engine}"')
    if precision not in PRECISIONS:
        raise ValueError(f'precision is one of {", ".join(PRECISIONS)}, not "{precision}"')
    if Path(name_or_path).suffix == ".safetensors":
        return _open_net(Path(name_or_path), threads, engine, precision)
    if engine == "torch":
        raise ModelError(
            f"{name_or_path} is a model file, which torch does not run", "leave the choice to --engine auto"
        )
    model, source = read_model(name_or_path)
    if engine == "auto":
        engine = "openvino" if importlib.util.find_spec("openvino") else "onnxruntime"
    if engine == "onnxruntime" and precision != "float32":
        raise ModelError(f"ONNX Runtime computes in float32, not in {precision}", "take the engine openvino")
    made: OnnxEngine | OpenVinoEngine
    if engine == "openvino":
        made = OpenVinoEngine(model, threads, source, precision)
    else:
        made = OnnxEngine(model, threads, source)
    info = ModelInfo.from_metadata(made.metadata, source)
    return made, info, identity_of(info, hashlib.sha256(model).hexdigest(), precision)


def _open_net(path: Path, threads: int | None, engine: str, precision: str) -> tuple[Engine, ModelInfo, str]:
    if engine not in ("auto", "torch"):
        raise ModelError(
            f"{path} is a net, which {engine} does not run", "make a model file of it: pixelwise export"
        )
    try:
        import torch

        from pixelwise.inference.net_file import read_net
        from pixelwise.models.fast import for_inference
    except ModuleNotFoundError as problem:
        if problem.name not in EXTRAS:
            raise
        raise MissingExtraError(problem.name) from None
    if threads is not None:
        torch.set_num_threads(threads)
    net, info = read_net(path)
    return TorchEngine(for_inference(net, precision)), info, identity_of(info, sha256_of(path), precision)


def identity_of(info: ModelInfo, digest: str, precision: str) -> str:
    """What tells a model from others of its name, and its results in other numbers."""
    return f"{info.name} {digest[:16]}{'' if precision == 'float32' else ' ' + precision}"
