"""What a predictor takes besides files, Pillow images and arrays: content of files, tensors, URLs."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, Protocol, runtime_checkable
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import numpy.typing as npt
from PIL import Image

from pixelwise.core.errors import ImageError
from pixelwise.core.pictures.reading import Encoded, Readable
from pixelwise.core.terminal import printable
from pixelwise.inference.sources.cloud import Store
from pixelwise.inference.sources.urls import ALLOW, fetched, is_url, scheme_of, shown_url

MOST_BYTES = 500_000_000
"""Of a file object: its content is kept in memory."""

_STDIN = "standard input"
_ROUNDING = 0.01  # how far the numbers of a tensor may lie outside 0 to 1: resizing overshoots


@runtime_checkable
class Tensor(Protocol):
    """A torch.Tensor, without importing torch."""

    @property
    def shape(self) -> Any: ...
    @property
    def dtype(self) -> Any: ...
    def is_floating_point(self) -> bool: ...
    def detach(self) -> Any: ...


Source = Readable | bytes | bytearray | BinaryIO | Tensor
"""What a predictor segments: a path, the http(s) URL of a picture, the content of a picture file or an open
binary file, a Pillow image, an RGB array (H, W, 3) of uint8, a torch tensor as `pixels_of_tensor` takes it;
models of bands take arrays (H, W, K).
"""


def readable(source: Source, allow_private_urls: bool = False) -> Readable:
    """The source as read_photo takes it: an open file is read, from where it is to its end; a URL is fetched.

    Raises ImageError if that fails, ValueError for tensors that are not pictures.
    """
    if isinstance(source, bytes | bytearray):
        return Encoded(bytes(source))
    if isinstance(source, str) and is_url(source):
        return read_url(source, allow_private_urls)
    if isinstance(source, np.ndarray):
        return source
    if isinstance(source, Tensor):
        return pixels_of_tensor(source)
    if hasattr(source, "read"):
        name = getattr(source, "name", None)
        return read_stream(source, name if isinstance(name, str) else "the file object")
    return source


def expect_several(sources: object) -> None:
    """Raise ValueError for a single picture, in any of its forms, where several are expected."""
    name = type(sources).__name__
    if isinstance(sources, str | bytes | bytearray | Path | Image.Image | Encoded) or hasattr(
        sources, "read"
    ):
        raise ValueError(f"expected several pictures, such as a list, got one {name}")
    if not isinstance(sources, Iterable):
        raise ValueError(f"expected several pictures, such as a list, got {name}")
    shape = tuple(getattr(sources, "shape", ()))
    is_tensor = isinstance(sources, Tensor) and len(shape) < 4
    if is_tensor or (isinstance(sources, np.ndarray) and len(shape) == 3 and shape[2] == 3):
        raise ValueError(
            f"expected several pictures, such as a list, got one {name} {shape}; an array of several has a "
            "fourth axis, as array[None]"
        )


def read_url(url: str, allow_private: bool) -> Encoded | Path:
    """The picture of a URL: of http(s), of a store that fsspec knows; of file:// the path, if allowed.

    Raises ImageError.
    """
    if scheme_of(url) in ("http", "https"):
        return Encoded(fetched(url, allow_private), shown_url(url))
    if scheme_of(url) == "file":
        return path_of(url, allow_private)
    return Store(url, allow_private).content()


def path_of(url: str, allow_private: bool) -> Path:
    """The path that a file:// URL names. Raises ImageError if that is not allowed."""
    if not allow_private:
        raise ImageError(f"{shown_url(url)}: file:// is not read", f"give the path; or {ALLOW}")
    return Path(url2pathname(urlsplit(url).path))


def read_stdin() -> Encoded:
    """The picture that is piped into the command. Raises ImageError if there is none."""
    if sys.stdin is None or sys.stdin.isatty():
        raise ImageError(
            f"{_STDIN}: expected a picture, got a terminal",
            "give it one: pixelwise segment - < photo.jpg",
        )
    return read_stream(sys.stdin.buffer, _STDIN)


def read_stream(file: Any, name: str) -> Encoded:
    """The content of an open binary file, from where it is to its end. Raises ImageError."""
    shown = printable(name)
    parts: list[bytes] = []
    left = MOST_BYTES
    try:
        while part := file.read(min(left + 1, 1_000_000)):
            if not isinstance(part, bytes):
                raise ImageError(f"{shown}: expected a file opened as binary, got text", 'open it with "rb"')
            parts.append(part)
            left -= len(part)
            if left < 0:
                raise ImageError(
                    f"{shown}: expected at most {MOST_BYTES // 1_000_000} MB, got more",
                    "save it as a file and give its path",
                )
    except (OSError, ValueError) as problem:  # ValueError: the file is closed, or not for reading
        raise ImageError(f"{shown}: cannot be read: {printable(problem)}") from problem
    if not parts:
        hint = "if it has just been written, go back to its beginning with seek(0)"
        raise ImageError(f"{shown}: expected a picture, got no bytes", None if name == _STDIN else hint)
    return Encoded(b"".join(parts), name)


def pixels_of_tensor(tensor: Tensor) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 of a torch tensor (3, H, W) or (H, W, 3): uint8, or floats from 0 to 1.

    Raises ValueError for other types, shapes and numbers, and where both ends of the shape are 3.
    """
    shape = tuple(int(side) for side in tensor.shape)
    what = f"a tensor {shape} of {str(tensor.dtype).removeprefix('torch.')}"
    if len(shape) == 4:
        raise ValueError(f"expected one picture, got {what}: give a batch to predictor.batch(tensor)")
    if len(shape) != 3 or 3 not in (shape[0], shape[2]) or 0 in shape:
        raise ValueError(f"expected a tensor (3, H, W) or (H, W, 3), got {what}")
    if shape[0] == shape[2]:
        raise ValueError(
            f"expected a tensor (3, H, W) or (H, W, 3), got {what}, which could be either: "
            "give it as an array, tensor.permute(1, 2, 0).numpy() if channels come first"
        )
    array = np.asarray(tensor.detach().cpu().float() if tensor.is_floating_point() else tensor.detach().cpu())
    if tensor.is_floating_point():
        low, high = float(array.min()), float(array.max())
        if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):  # NaN fails too
            raise ValueError(
                f"expected numbers from 0 to 1 in {what}, got {low:g} to {high:g}: "
                "divide by 255, or give the picture before it was normalised"
            )
        array = np.rint(array.clip(0, 1) * 255).astype(np.uint8)
    elif array.dtype != np.uint8:
        raise ValueError(f"expected a tensor of uint8 or of floats from 0 to 1, got {what}")
    return np.ascontiguousarray(array.transpose(1, 2, 0) if shape[0] == 3 else array)
