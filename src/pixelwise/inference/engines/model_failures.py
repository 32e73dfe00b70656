"""Read a model file for an engine, and what to say when it fails."""

from pathlib import Path
from typing import Any

from pixelwise.core.errors import ModelError
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.types import RGBImage
from pixelwise.inference.model_files.model_file import read_model


def content_of(model: "str | Path | bytes", source: str | None) -> tuple[bytes, str]:
    """The bytes of a model, and its name in messages."""
    if isinstance(model, bytes):
        return model, source or "the model"
    return read_model(model)[0], source or str(model)


def incomplete(source: str, problem: Exception) -> ModelError:
    """The error for a file that an engine cannot load."""
    return ModelError(
        f"{source} is not a complete ONNX model: {_reason(problem)}",
        "the file may be truncated or of another kind; export or download it again",
    )


def only_picture(source: str, scores: Any) -> Any:
    """The scores (C, h, w) of the one picture of a batch."""
    if scores.ndim != 4 or len(scores) != 1 or 0 in scores.shape:
        raise ModelError(f"{source} gives scores of shape {scores.shape}, expected (1, C, h, w)")
    return scores[0]


def bound_to_process(source: str) -> TypeError:
    """The error for an engine that should be pickled, as for another process."""
    return TypeError(
        f"{source} is loaded in an engine that cannot be pickled: load it in each process, or segment many "
        "pictures in threads, with predictor.batch"
    )


def one_map(source: str) -> ModelError:
    """The error for a net that scores a single class, which every pixel would have."""
    return ModelError(
        f"{source} gives one map, but a label needs the scores of two classes or more",
        "if it is the foreground's, before a sigmoid, put the net into a module that returns "
        'torch.cat([torch.zeros_like(x), x], 1), and name two classes, such as ["background", "cat"]',
    )


def too_large(source: str, size: tuple[int, ...]) -> ModelError:
    """The error for a picture of (height, width) that exceeds the memory budget."""
    return ModelError(
        f"{source} takes more than {PICTURES.total / 1e9:.1f} GB of memory "
        f"for a picture of {size[0]}x{size[1]}",
        "export it with a smaller --long-side",
    )


def failed(source: str, image: RGBImage, problem: Exception) -> ModelError:
    """The error for an image that an engine cannot score."""
    height, width = image.shape[:2]
    return ModelError(f"{source} failed on an image of {height}x{width}: {_reason(problem)}")


def _reason(problem: Exception) -> str:
    """The reason in an engine's error message: OpenVINO lists its own source files first."""
    lines = str(problem).strip().splitlines() or [type(problem).__name__]
    return lines[-1 if lines[0].startswith("Exception from ") else 0][:200]
