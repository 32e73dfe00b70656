"""Videos at URLs: each is fetched into a temporary file, within limits, and read as a video file is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from pixelwise.core.errors import ImageError
from pixelwise.core.terminal import reason_of
from pixelwise.inference.sources.cloud import Store
from pixelwise.inference.sources.given import path_of
from pixelwise.inference.sources.urls import fetch, is_url, scheme_of, shown_url

MOST_BYTES = 2_000_000_000
"""Of one video."""

SECONDS = 600.0
"""For one video at an http(s) URL."""

Fetch = Callable[[BinaryIO], object]
"""Writes a video to an open file. Raises ImageError."""


def fetch_of(url: str, allow_private: bool) -> Fetch:
    """What fetches the video at a URL. Raises ImageError if the URL is not understood or not allowed."""
    if scheme_of(url) in ("http", "https"):
        return lambda file: fetch(url, file, "video", allow_private, MOST_BYTES, SECONDS)
    return partial(Store(url, allow_private).copy, most_bytes=MOST_BYTES)


@contextmanager
def downloaded(fetching: Fetch, shown: str) -> Iterator[Path]:
    """A temporary file with the video, called `shown` in messages. Raises ImageError."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "video"
        try:
            with path.open("xb") as file:
                fetching(file)
        except OSError as problem:
            reason = reason_of(problem)
            raise ImageError(f"{shown}: no room for it: {reason}", "TMPDIR may name another folder") from None
        yield path


@contextmanager
def local_video(source: str | Path, allow_private: bool) -> Iterator[str | Path]:
    """The source itself, a file or a camera; a temporary file of a URL; the path of file://. ImageError."""
    if not isinstance(source, str) or not is_url(source):
        yield source
    elif scheme_of(source) == "file":
        yield path_of(source, allow_private)
    else:
        with downloaded(fetch_of(source, allow_private), shown_url(source)) as path:
            yield path
