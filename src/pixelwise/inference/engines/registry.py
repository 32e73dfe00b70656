"""Choose the engine for a model, by the kind of its file, the installed packages and the user's wish."""

import hashlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pixelwise.core.classes import Classes
from pixelwise.core.errors import ModelError, extras_named
from pixelwise.core.files import sha256_of
from pixelwise.core.pictures.bands import BandForm
from pixelwise.core.precision import for_inference as inference_precision
from pixelwise.core.precision import for_net
from pixelwise.core.threads import thread_count
from pixelwise.core.types import BANDS, IMAGE
from pixelwise.inference.engines.batching import Batching
from pixelwise.inference.engines.crf_engine import CRFEngine
from pixelwise.inference.engines.devices import Device, auto_engine, on_processor, torch_device
from pixelwise.inference.engines.engine import Engine
from pixelwise.inference.engines.model_failures import one_map
from pixelwise.inference.engines.onnx import OnnxEngine
from pixelwise.inference.engines.openvino import OpenVinoEngine
from pixelwise.inference.model_files import openvino_file, torchscript_file
from pixelwise.inference.model_files.card import with_record
from pixelwise.inference.model_files.int8_forms import expect_int8, int8_pays, is_int8
from pixelwise.inference.model_files.model_file import ModelInfo, bundled_names, read_model
from pixelwise.inference.normalisation import Normalisation
from pixelwise.inference.probabilities import are_probabilities

if TYPE_CHECKING:
    from torch import nn

ENGINES = ("auto", "onnxruntime", "openvino", "torch")


def open_model(
    name_or_path: str | Path, threads: int | None, engine: str, precision: str, device: str = "auto"
) -> tuple[Engine, ModelInfo, str]:
    """The engine for a bundled model by name, a model file (.onnx, .xml, .pt) or a net (.safetensors), the
    model's metadata and its identity. See inference/loading.py.
    """
    if engine not in ENGINES:
        raise ValueError(f'expected an engine among {", ".join(ENGINES)}, got "{engine}"')
    precision, place = inference_precision(precision), Device.of(device)
    path = Path(name_or_path)
    if path.suffix == ".safetensors":
        return _open_net(path, threads, engine, precision, place)
    if path.suffix == openvino_file.ENDING:
        return _open_openvino(path, threads, engine, precision, place)
    if path.suffix in torchscript_file.ENDINGS:
        return _open_torchscript(path, threads, engine, precision, place)
    if engine == "torch":
        raise ModelError(f"{name_or_path} is a model file, which torch does not run", "use --engine auto")
    precision = decided_precision(name_or_path, precision, device)
    bundled = str(name_or_path) in bundled_names()
    model, source = read_model(name_or_path, int8=bundled and precision == "int8")
    if engine == "auto":
        engine = auto_engine(place, precision)
    if engine == "onnxruntime" and precision == "bfloat16":
        raise ModelError("ONNX Runtime does not compute in bfloat16", "use the engine openvino")
    made: OnnxEngine | OpenVinoEngine
    if engine == "openvino":
        made = OpenVinoEngine(model, threads, source, precision, bundled, place)
    else:
        made = OnnxEngine(model, threads, source, place)
    info = with_record(ModelInfo.from_metadata(made.metadata, source), name_or_path)
    precision = _precision_of_file(info, precision, source)
    batched = isinstance(made, OnnxEngine) and made.device != "cpu" and made.takes_batches
    whole = Batching(made) if isinstance(made, OnnxEngine) and batched else made
    return with_crf(whole, info), info, identity_of(info, hashlib.sha256(model).hexdigest(), precision)


def decided_precision(model: object, precision: str, device: str = "auto") -> str:
    """A name of core.precision.INFERENCE with "auto" replaced where it stands for int8: for a bundled model
    whose card says that int8 holds, on a processor with instructions for it. Others decide on float32 later.
    """
    chosen = inference_precision(precision)
    if chosen == "auto" and str(model) in bundled_names() and on_processor(Device.of(device)):
        return "int8" if int8_pays(str(model)) else "float32"
    return chosen


def _precision_of_file(info: ModelInfo, precision: str, source: str) -> str:
    """The format in which a model file runs. Raises ModelError for int8 if the file is not of it."""
    if precision == "int8":
        expect_int8(info, source)
    if precision == "bfloat16":
        return precision
    return "int8" if is_int8(info) else "float32"


def runs_in_torch(name_or_path: str | Path) -> bool:
    """Whether the threads of a model are those of torch in the whole process: of a net and of TorchScript."""
    return Path(name_or_path).suffix in (".safetensors", *torchscript_file.ENDINGS)


def with_crf(engine: Engine, info: ModelInfo) -> Engine:
    """The engine, followed by the model's own CRF if it has one."""
    return engine if info.crf is None else CRFEngine(engine, info.crf)


def _open_openvino(
    path: Path, threads: int | None, engine: str, precision: str, device: Device
) -> tuple[Engine, ModelInfo, str]:
    if engine not in ("auto", "openvino"):
        raise ModelError(f"{path} is an OpenVINO file, which {engine} does not run", "use --engine auto")
    file = openvino_file.read_openvino(path)
    made = OpenVinoEngine(file, threads, str(path), precision, device=device)
    info = ModelInfo.from_metadata(file.metadata, str(path))
    precision = _precision_of_file(info, precision, str(path))
    digest = hashlib.sha256(file.graph + file.weights).hexdigest()
    return with_crf(made, info), info, identity_of(info, digest, precision)


def _open_torchscript(
    path: Path, threads: int | None, engine: str, precision: str, device: Device
) -> tuple[Engine, ModelInfo, str]:
    if engine not in ("auto", "torch") or precision not in ("auto", "float32"):
        raise ModelError(
            f"{path} is a TorchScript file, which runs in torch as it was exported, "
            f"not in {engine} in {precision}",
            "leave --engine and --precision out",
        )
    file = torchscript_file.read_torchscript(path)
    info = ModelInfo.from_metadata(file.metadata, str(path))
    with extras_named():
        from pixelwise.inference.engines.torchscript import TorchScriptEngine
    made = TorchScriptEngine(file, info, threads, str(path), device)
    digest = hashlib.sha256(file.content).hexdigest()
    return with_crf(made, info), info, identity_of(info, digest, "float32")


def _open_net(
    path: Path, threads: int | None, engine: str, precision: str, device: Device
) -> tuple[Engine, ModelInfo, str]:
    if engine not in ("auto", "torch"):
        raise ModelError(
            f"{path} is a net, which {engine} does not run", "convert it to a model file: pixelwise export"
        )
    with extras_named():
        import torch

        from pixelwise.inference.engines.torch import net_engine
        from pixelwise.inference.model_files.net_file import read_net
    if threads is not None:
        torch.set_num_threads(thread_count(threads))
    precision = for_net(precision)
    net, info = read_net(path)
    return net_engine(net, precision, device), info, identity_of(info, sha256_of(path), precision)


def open_module(
    module: object,
    classes: Classes | Sequence[str] | None,
    normalisation: Normalisation,
    long_side: int,
    multiple: int,
    threads: int | None,
    engine: str,
    precision: str,
    device: str = "auto",
    bands: BandForm | None = None,
) -> tuple[Engine, ModelInfo, str]:
    """The engine for any torch module, which is tested on a small picture; see inference/loading.py.

    The net runs unchanged, in evaluation mode, and returns to its own mode after each picture. With the
    device "auto" it stays where it is.
    """
    torch = sys.modules.get("torch")  # who has a net has imported torch
    if torch is None or not isinstance(module, torch.nn.Module):
        raise ValueError(
            "expected the name of a bundled model, the path of a model file, or a torch module, "
            f"got {type(module).__name__}"
        )
    if classes is None:
        raise ValueError(
            'a net does not know its classes: name them in order, as classes=["background", "cat"]'
        )
    precision = for_net(precision)
    if engine not in ("auto", "torch") or precision != "float32":
        raise ValueError(
            f"a torch module runs in torch in the type of its weights, not in {engine} in {precision}"
        )
    from pixelwise.inference.engines.torch import TorchEngine
    from pixelwise.inference.model_files.foreign_net import ForeignNet

    if threads is not None:
        torch.set_num_threads(thread_count(threads))
    known = classes if isinstance(classes, Classes) else Classes.named(classes)
    record = dict(normalisation.record())
    inputs = (IMAGE,) if bands is None else (BANDS,)
    info = ModelInfo(type(module).__name__, known, long_side, record, inputs=inputs, bands=bands)
    _expect_channels(module, normalisation.channels)
    parameter = next(module.parameters(), None)
    if parameter is not None and parameter.is_meta:
        raise ModelError(
            "the net is on the device meta, so it has no weights", "load them before you load the net here"
        )
    net = ForeignNet(module, normalisation, multiple)
    place = Device.of(device)
    if place.kind != "auto":
        net = net.to(torch_device(place, torch))
    elif parameter is not None:
        net = net.to(parameter.device)
    made = TorchEngine(net)
    picture = np.random.default_rng(0).integers(0, 256, (65, 97, normalisation.channels), np.uint8)
    scores = made.scores(picture)
    if len(scores) == 1:
        raise one_map("the net")
    if len(scores) != len(known):
        raise ModelError(
            f"the net scores {len(scores)} classes, but {len(known)} are named", "name all of them in order"
        )
    net.gives_probabilities = are_probabilities(scores)
    whole: Engine = made if made.device == "cpu" else Batching(made)
    settings = (record, long_side, multiple, known, bands, net.gives_probabilities)
    return whole, info, identity_of(info, _digest(module, settings), precision)


def _digest(module: "nn.Module", settings: object) -> str:
    """Differs between nets that give different results: by their tensors, layers or settings."""
    import torch

    described = re.sub(r" at 0x[0-9a-f]+", "", f"{settings!r}\n{module!r}")  # addresses differ between runs
    digest = hashlib.sha256(described.encode())
    for name, value in module.state_dict().items():
        if not isinstance(value, torch.Tensor):  # what a module's get_extra_state returns
            digest.update(f"{name} {value!r}".encode())
            continue
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _expect_channels(module: "nn.Module", channels: int) -> None:
    """Raise ModelError if the first convolution takes another number of channels than pictures have."""
    sizes = [layer.in_channels for layer in module.modules() if hasattr(layer, "in_channels")]
    if sizes and sizes[0] not in (0, channels) and isinstance(sizes[0], int):  # 0: a lazy layer
        raise ModelError(
            f"the net takes {sizes[0]} channels, but pictures have {channels}",
            f'say what they hold: load(net, ..., bands="{sizes[0]}xuint16"), with uint8, uint16 or float32',
        )


def identity_of(info: ModelInfo, digest: str, precision: str) -> str:
    """An identity that differs between models of the same name and between precisions."""
    return f"{info.name} {digest[:16]}{'' if precision == 'float32' else ' ' + precision}"
