"""In which numbers a net learns, where the recipe leaves that open."""

from pathlib import Path

import torch

from pixelwise.models.registry import is_dense
from pixelwise.training.recipe import Recipe

_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
"""What Linux calls processors' arithmetic in bfloat16."""


def precision(recipe: Recipe) -> str:
    """lightning-fabric's name of the recipe's precision. "auto" is bf16-mixed where that pays, else 32-true.

    It pays on CUDA if the GPU has bfloat16, and for dense nets (VGG16's and AlexNet's) on processors that
    multiply such numbers; nets of depthwise convolutions gain nothing there.
    """
    if recipe.precision != "auto":
        return recipe.precision
    if recipe.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    return "bf16-mixed" if is_dense(recipe.net, recipe.backbone) and processor_has_bfloat16() else "32-true"


def processor_has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies bfloat16 numbers itself; False where the system does not say."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return not _FLAGS.isdisjoint(flags.split())
