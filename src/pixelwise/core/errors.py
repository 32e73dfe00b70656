"""Exceptions for faults of files, weights and data, and for wrong arguments."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


class PixelwiseError(Exception):
    """Base of all errors here: `message` says what was expected and what came, `hint` what to do. `entries`
    are the parts of a fault that has several.
    """

    def __init__(self, message: str, hint: str | None = None, entries: Sequence[str] = ()) -> None:
        lines = [message, *(f"  {entry}" for entry in entries), *([] if hint is None else [f"hint: {hint}"])]
        super().__init__("\n".join(lines))
        self.message = message
        self.hint = hint
        self.entries = tuple(entries)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self.message, self.hint, self.entries)  # between processes


def _again(kind: type[PixelwiseError], *arguments: Any) -> PixelwiseError:
    """The error, whatever arguments its own class takes."""
    error = kind.__new__(kind)
    PixelwiseError.__init__(error, *arguments)
    return error


class ArgumentError(ValueError):
    """A value that an argument cannot have; `argument` is its name. Commands name the option."""

    def __init__(self, argument: str, message: str) -> None:
        super().__init__(argument, message)
        self.argument = argument

    def __str__(self) -> str:
        return str(self.args[1])


class ImageError(PixelwiseError):
    """A picture cannot be read or written."""


class ModelError(PixelwiseError):
    """A model file is missing, damaged or of another kind."""


class DataError(PixelwiseError):
    """A data set is missing, damaged or labelled inconsistently."""


class SplitError(DataError):
    """A data set has no split of that name."""


class PresetError(PixelwiseError):
    """A file of CRF parameters is missing or damaged, or no preset has that name."""


class TrainingError(PixelwiseError):
    """A training run cannot start, continue or be read."""


class ClusterError(PixelwiseError):
    """A Ray cluster cannot be reached, or its workers end again and again."""


EXTRAS = {
    "torch": "train",
    "torchvision": "train",
    "timm": "train",
    "lightning_fabric": "train",
    "safetensors": "train",
    "tensorboard": "train",
    "scipy": "train",
    "h5py": "train",
    "yaml": "train",
    "matplotlib": "notebook",
    "tqdm": "notebook",
    "onnx": "export",
    "onnxscript": "export",
    "openvino": "openvino",
    "tifffile": "tiff",
    "pillow_heif": "heif",
    "av": "video",
    "fsspec": "cloud",
    "fastapi": "serve",
    "uvicorn": "serve",
    "python_multipart": "serve",
    "prometheus_client": "serve",
    "rasterio": "geo",
    "ray": "distributed",
    "pyarrow": "distributed",
}
"""The install tier that brings a package which the base tier lacks, by import name."""


class MissingExtraError(PixelwiseError, ImportError):
    """A package of an optional install tier, one of EXTRAS, is missing. It is an ImportError too."""

    def __init__(self, package: str) -> None:
        super().__init__(
            f"this needs the package {package}, which is not installed",
            f'pip install "pixelwise[{EXTRAS[package]}]"',
        )


@contextmanager
def extras_named() -> Iterator[None]:
    """Around imports, or as a decorator: a missing package of EXTRAS raises MissingExtraError."""
    try:
        yield
    except ModuleNotFoundError as problem:
        if problem.name not in EXTRAS:
            raise
        raise MissingExtraError(problem.name) from None
