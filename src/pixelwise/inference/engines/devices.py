"""Choose the processor or GPU that a model runs on.

"auto" takes a GPU of NVIDIA if the engine can use one, and otherwise the processor. Other GPUs are used if
they are asked for: "mps" is Apple's, "xpu" Intel's.
"""

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pixelwise.core.errors import ArgumentError, ModelError
from pixelwise.inference.engines.engine import Engine

DEVICES = ("auto", "cpu", "cuda", "mps", "xpu")

_PROVIDERS = {"cuda": "CUDAExecutionProvider", "mps": "CoreMLExecutionProvider"}


@dataclass(frozen=True)
class Device:
    """One of DEVICES, and which of several: "cuda:1"."""

    kind: str = "auto"
    index: int = 0

    @classmethod
    def of(cls, text: str) -> "Device":
        """Raises ValueError for another text."""
        parts = re.fullmatch(r"([a-z]+)(?::([0-9]{1,3}))?", str(text))
        if parts is None or parts[1] not in DEVICES or (parts[2] and parts[1] not in ("cuda", "xpu")):
            raise ArgumentError(
                "device", f'expected a device: auto, cpu, cuda, cuda:1, mps or xpu, got "{text}"'
            )
        return cls(parts[1], int(parts[2] or 0))

    def __str__(self) -> str:
        return f"{self.kind}:{self.index}" if self.index else self.kind


PROCESSOR = Device("cpu")

PROCESSOR_PROVIDER = "CPUExecutionProvider"
"""ONNX Runtime's name for it."""


def device_of(engine: Engine) -> str:
    """The device that an engine runs on; engines that do not say so run on the processor."""
    return str(getattr(engine, "device", "cpu"))


def crf_device(engine: Engine) -> str:
    """Where the CRF runs beside an engine: on the same GPU of NVIDIA if torch can use it, or else "cpu"."""
    device = device_of(engine)
    if not device.startswith("cuda") or importlib.util.find_spec("torch") is None:
        return "cpu"
    import torch

    return device if torch.cuda.is_available() else "cpu"


def auto_engine(device: Device, precision: str) -> str:
    """The engine that runs model files on a device if the user names none."""
    if precision == "bfloat16" and importlib.util.find_spec("openvino"):
        return "openvino"
    if not on_processor(device) and device.kind != "xpu":
        return "onnxruntime"
    return "openvino" if importlib.util.find_spec("openvino") else "onnxruntime"


def on_processor(device: Device) -> bool:
    """Whether a model file runs on the processor if the user names no engine."""
    return device.kind == "cpu" or (device.kind == "auto" and not _has_cuda_files())


def _has_cuda_files() -> bool:
    """Whether the installed ONNX Runtime is made for CUDA, found out without importing it."""
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None or spec.origin is None:
        return False
    return any((Path(spec.origin).parent / "capi").glob("*onnxruntime_providers_cuda*"))


def onnx_providers(device: Device, available: list[str]) -> list[Any]:
    """What ONNX Runtime's session gets as providers; `available`: those of this installation.

    Raises ModelError if the one for the device is missing.
    """
    kind = "cuda" if device.kind == "auto" and _PROVIDERS["cuda"] in available else device.kind
    if kind in ("auto", "cpu"):
        return [PROCESSOR_PROVIDER]
    if kind not in _PROVIDERS:
        raise ModelError(
            f"ONNX Runtime does not run on {device}", "use --engine openvino, or --device auto, cpu or cuda"
        )
    provider = _PROVIDERS[kind]
    if provider not in available:
        raise ModelError(
            f"{device} was asked for, but this ONNX Runtime has no {provider}, only {', '.join(available)}",
            "pip uninstall onnxruntime; pip install onnxruntime-gpu"
            if kind == "cuda"
            else "Apple's GPUs need the onnxruntime for macOS; or use --device cpu",
        )
    return [(provider, {"device_id": device.index}) if kind == "cuda" else provider, PROCESSOR_PROVIDER]


def expect_provider(device: Device, wanted: list[Any], used: list[str]) -> str:
    """The device that a session runs on. ONNX Runtime falls back to the processor if a GPU cannot be used.

    Raises ModelError if that GPU was asked for.
    """
    first = wanted[0][0] if isinstance(wanted[0], tuple) else wanted[0]
    if first in used:
        names = {provider: kind for kind, provider in _PROVIDERS.items()}
        kind = names.get(first, "cpu")
        return f"cuda:{device.index}" if kind == "cuda" else kind
    if device.kind != "auto":
        raise ModelError(
            f"{device} was asked for, but ONNX Runtime cannot use it: it has started {', '.join(used)}",
            "CUDA and cuDNN must be installed in the versions that onnxruntime-gpu needs, and the GPU must "
            "exist; or use --device cpu",
        )
    return "cpu"


def openvino_device(device: Device, available: list[str]) -> str:
    """OpenVINO's name of a device; `available`: those that it sees. Raises ModelError."""
    if device.kind in ("auto", "cpu"):
        return "CPU"
    if device.kind != "xpu":
        raise ModelError(f"OpenVINO does not run on {device}", "use --engine onnxruntime, or --device cpu")
    names = [f"GPU.{device.index}", *(["GPU"] if device.index == 0 else [])]
    for name in names:
        if name in available:
            return name
    raise ModelError(
        f"{device} was asked for, but OpenVINO sees only {', '.join(available)}",
        "install the driver of Intel's GPU, or use --device cpu",
    )


def torch_device(device: Device, torch: ModuleType) -> str:
    """torch's name of a device. Raises ModelError if torch cannot use it."""
    cuda = torch.cuda.is_available()
    if device.kind in ("auto", "cpu"):
        return "cuda:0" if device.kind == "auto" and cuda else "cpu"
    found = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count() if cuda else 0))]
    if torch.backends.mps.is_available():
        found.append("mps")
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        found += [f"xpu:{number}" for number in range(torch.xpu.device_count())]
    name = "mps" if device.kind == "mps" else f"{device.kind}:{device.index}"
    if name not in found:
        raise ModelError(
            f"{device} was asked for, but torch {torch.__version__} sees only {', '.join(found)}",
            "install the torch that is made for this GPU, see https://pytorch.org; or use --device cpu",
        )
    return name
