"""Pictures of cloud storage and other places that fsspec knows by URL: s3://, gs://, az:// and more."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO

from pixelwise.core.errors import ImageError, MissingExtraError
from pixelwise.core.pictures.reading import Encoded
from pixelwise.core.terminal import printable, reason_of
from pixelwise.inference.sources.urls import ALLOW, MOST_BYTES, file_name, name_of, scheme_of, shown_url

_STORES = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss", "hf", "memory"})
"""Schemes whose servers are public or chosen by the user's own settings. Others may reach into the own
network or the disk: they must be allowed, as private addresses must."""

_PART = 1_000_000  # bytes that are read at a time


@dataclass(frozen=True)
class StoredFile:
    """A file of a store: its URL, and its path relative to the folder that was named."""

    store: "Store"
    path: str
    url: str
    place: PurePath

    def read(self) -> Encoded:
        """The content. Raises ImageError if the file cannot be read or is too large."""
        return self.store.content(self.path, shown_url(self.url))

    def copy(self, to: BinaryIO, most_bytes: int) -> None:
        """Write the content to an open file. Raises ImageError as `read` does."""
        self.store.copy(to, most_bytes, self.path, shown_url(self.url))


class Store:
    """The file system that a URL names."""

    def __init__(self, url: str, allow_private: bool = False) -> None:
        """Raises ImageError if the URL is not understood or not allowed, or if a package is missing."""
        self.shown, self._url = shown_url(url), url
        scheme = scheme_of(url)
        if not allow_private and (scheme not in _STORES or "::" in url):
            raise ImageError(
                f"{self.shown}: {printable(scheme)}:// is not read",
                f"give a path; or {ALLOW}, if you trust it",
            )
        try:
            from fsspec.core import url_to_fs
        except ModuleNotFoundError:
            missing = MissingExtraError("fsspec")
            raise ImageError(f"{self.shown}: {missing.message}", missing.hint) from None
        self.scheme = scheme
        try:
            self._system, self._path = url_to_fs(url)
        except Exception as problem:  # of any file system's library
            raise self._fault(problem) from problem

    def files(self) -> Iterator[StoredFile]:
        """The file itself, or all files below the folder, sorted, but no hidden ones. Raises ImageError.

        They are read here and not by their URLs, of which fsspec keeps neither the host nor the archive.
        """
        try:
            if self._system.isfile(self._path):
                alone = place_of(self._path.rpartition("/")[2]) or PurePath(name_of(self._url))
                yield StoredFile(self, self._path, self._url, PurePath(alone.name))
                return
            found = sorted(self._system.find(self._path))
        except Exception as problem:  # of any file system's library
            raise self._fault(problem) from problem
        if not found:
            raise ImageError(f"{self.shown}: no such file or folder, or it is empty")
        root = self._path.rstrip("/")
        folder, chained, archive = self._url.partition("::")
        for path in found:
            key = path.removeprefix(root).lstrip("/")
            inside = place_of(key)
            if inside is not None:
                url = f"{folder.rstrip('/')}/{key}{chained}{archive}"
                yield StoredFile(self, path, url, inside)

    def content(self, path: str | None = None, shown: str | None = None) -> Encoded:
        """The content of the file that the URL names, or of another of the store, called `shown` in messages.

        Raises ImageError if it cannot be read or is too large.
        """
        content = io.BytesIO()
        self.copy(content, MOST_BYTES, path, shown)
        return Encoded(content.getvalue(), shown or self.shown)

    def copy(self, to: BinaryIO, most_bytes: int, path: str | None = None, shown: str | None = None) -> None:
        """Write such content to an open file. Raises ImageError as `content` does."""
        shown, left = shown or self.shown, most_bytes
        try:
            with self._system.open(path or self._path, "rb") as file:
                while left >= 0 and (part := file.read(min(_PART, left + 1))):
                    to.write(part)
                    left -= len(part)
        except Exception as problem:  # of any file system's library
            raise self._fault(problem, shown) from problem
        if left < 0:
            limit = f"expected at most {most_bytes // 1_000_000} MB"
            raise ImageError(f"{shown}: {limit}, got more", "download it first")

    def _fault(self, problem: Exception, shown: str | None = None) -> ImageError:
        shown = shown or self.shown
        if isinstance(problem, FileNotFoundError):
            return ImageError(f"{shown}: no such file or folder")
        reason = reason_of(problem)
        hint = f"install the package of fsspec for {printable(self.scheme)}://, such as s3fs or gcsfs"
        missing = isinstance(problem, ImportError)
        return ImageError(f"{shown}: {reason}", hint if missing else None)


def place_of(key: str) -> PurePath | None:
    """Where the results of a key go, relative to those of its folder; None for hidden files and folders.

    Keys are any text. On every system the place lies inside the folder: backslashes separate folders too,
    and a part such as ".." is hidden.
    """
    parts = [part for part in file_name(key).replace("\\", "/").split("/") if part.strip()]
    hidden = not parts or any(part.lstrip().startswith(".") for part in parts)
    return None if hidden else PurePath(*parts)
