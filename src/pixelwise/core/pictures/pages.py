"""The pictures of a file that holds several: frames of animations, pages of TIFF files."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image

from pixelwise.core.errors import ImageError
from pixelwise.core.pictures.endings import SEVERAL_SUFFIXES
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.pictures.opening import expect_bounded, identified, opened
from pixelwise.core.pictures.pillow_limits import guarded
from pixelwise.core.pictures.tiff_directories import Directory, directories
from pixelwise.core.terminal import printable
from pixelwise.core.types import RGBImage

MOST_PAGES = 20_000
"""Of a file with more, as forged ones have, only the first ones are read."""


_LARGEST_FRAME = 16_000_000  # pixels
_FRAME_BYTES = 32  # for each pixel of a frame while it is decoded
_MOST_AHEAD = 8  # frames that are kept for threads that ask for a frame after one that comes later


def holds_several(image: Image.Image) -> bool:
    """Whether an open file, not yet decoded, holds several pictures. In MPO and PSD the first is the whole
    one; in TIFF, smaller copies of a picture ("overviews") and its mask do not count.
    """
    if image.format in ("MPO", "PSD"):
        return False
    try:
        if not getattr(image, "is_animated", False):
            return False
    except Exception:  # decoders raise nearly anything on damaged files, here on what follows the first frame
        return True
    return image.format != "TIFF" or not all(page.is_part for page in islice(_directories(image), 1, None))


def _directories(image: Image.Image) -> Iterator[Directory]:
    """Those of the pages of an open TIFF file."""
    file: Any = image.fp  # type: ignore[attr-defined]
    here = file.tell()
    try:
        yield from islice(directories(file), MOST_PAGES)
    finally:
        file.seek(here)


Read = Callable[[Image.Image, str], RGBImage]
"""Decodes an open picture, with its name for messages. Raises ImageError."""


@dataclass(frozen=True)
class Page:
    """One picture of a file that holds several, counted from 0."""

    reader: "Pages"
    index: int

    def __str__(self) -> str:
        return f"{self.reader.path}, page {self.index + 1}"

    def frame(self, read: Read) -> RGBImage | None:
        """The whole picture, as `read` gives it, if it is a frame of an animation, of usual size: those are
        read one after the other, and going back means to begin again. Else None. Raises ImageError.
        """
        return self.reader.frame(self.index, read)

    @contextmanager
    def opened(self) -> Iterator[Image.Image]:
        """The picture, not yet decoded; other pages of its file wait while the block runs, so it must not
        wait for memory. ImageError.
        """
        with self.reader.at(self.index) as image:
            yield image


@dataclass(eq=False)
class Pages:
    """Reads the pages of a file. A frame of an animation builds on those before it, so the file stays open
    from one page to the next and begins again only for an earlier page. It is closed when all pages have been
    asked for: a folder may hold more files than may be open.
    """

    path: Path
    _left: set[int] = field(default_factory=set, repr=False)
    _places: list[tuple[int, int]] = field(default_factory=list, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _kept: ExitStack = field(default_factory=ExitStack, repr=False)
    _frame_bytes: int = field(default=0, repr=False)
    _image: Image.Image | None = field(default=None, repr=False)
    _ahead: dict[int, RGBImage] = field(default_factory=dict, repr=False)

    def pages(self) -> list[Page]:
        """All pages. Raises ImageError if the file cannot be read."""
        shown = printable(self.path)
        parts = set[int]()
        with opened(self.path, shown) as image:
            if image.format == "TIFF":
                found = list(_directories(image))
                parts = {index for index, page in enumerate(found) if index and page.is_part}
                self._places = [(page.place, page.orientation) for page in found]
            elif _is_frame(image):
                self._frame_bytes = _FRAME_BYTES * image.width * image.height
            try:
                count = int(getattr(image, "n_frames", 1)) if holds_several(image) else 1
            except Exception:  # decoders raise nearly anything on damaged files
                count = 0
        if count == 0:
            with opened(self.path, shown) as image:
                count = _whole_pages(image)
        self._left = set(range(min(count, MOST_PAGES))) - parts
        return [Page(self, index) for index in sorted(self._left)]

    def place_and_orientation(self, index: int) -> tuple[int, int]:
        """Where the directory of a page begins in a TIFF file, 0 if that is not known, and the orientation,
        numbered as in EXIF.
        """
        return self._places[index] if index < len(self._places) else (0, 1)

    @contextmanager
    def at(self, index: int) -> Iterator[Image.Image]:
        """The open file at a page. Raises ImageError."""
        with self.seen(index) as image:
            yield image
            self._done(index)

    @contextmanager
    def seen(self, index: int) -> Iterator[Image.Image]:
        """As `at`, for a look at a page that will be asked for again."""
        with self._lock, self._open_for(index) as image:
            self._seek(image, index)
            yield image

    def frame(self, index: int, read: Read) -> RGBImage | None:
        """As `Page.frame`. The frames before it that nobody has asked for yet are kept for who will."""
        with PICTURES.reserve(self._frame_bytes), self._lock:  # who has the file must not wait for memory
            kept = self._ahead.pop(index, None)
            if kept is not None:
                self._done(index)
                return kept
            with self._open_for(index) as image:
                for number in range(image.tell(), index):
                    if number in self._left and len(self._ahead) < _MOST_AHEAD:
                        with suppress(ImageError):  # which its own turn reports
                            self._seek(image, number)
                            if _is_frame(image):
                                self._ahead[number] = read(image, self._shown(number))
                self._seek(image, index)
                if not _is_frame(image):
                    return None
                pixels = read(image, self._shown(index))
                self._done(index)
                return pixels

    @contextmanager
    def _open_for(self, index: int) -> Iterator[Image.Image]:
        """The open file at this page or one before it. It is closed if the block fails."""
        try:
            with guarded():
                if self._image is None or (self._image.tell() > index and self._image.format != "TIFF"):
                    self._kept.close()
                    self._image = self._kept.enter_context(identified(self.path, self._shown(index)))
                yield self._image
        except BaseException:
            self._left.discard(index)
            self._close()
            raise

    def _shown(self, index: int) -> str:
        return f"{printable(self.path)}, page {index + 1}"

    def leave_out(self, index: int) -> None:
        """Nobody will ask for this page."""
        with self._lock:
            self._done(index)

    def _done(self, index: int) -> None:
        self._left.discard(index)
        self._ahead.pop(index, None)
        if not self._left:
            self._close()

    def close(self) -> None:
        """Close the file; the next page opens it again."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        self._image = None
        self._kept.close()

    def _seek(self, image: Image.Image, index: int) -> None:
        shown = self._shown(index)
        try:
            image.seek(index)
        except Exception as problem:
            raise ImageError(f"{shown}: damaged {image.format}: this page cannot be found") from problem
        expect_bounded(image, shown)


def _is_frame(image: Image.Image) -> bool:
    """Whether the picture at which a file is open is a frame of an animation, of usual size."""
    return image.format != "TIFF" and image.width * image.height <= _LARGEST_FRAME


def _whole_pages(image: Image.Image) -> int:
    """How many pages of a damaged file can be found before the first that cannot."""
    for count in range(1, MOST_PAGES):
        try:
            image.seek(count)
        except Exception:  # EOFError after the last one
            return count
    return MOST_PAGES


def pages_of(path: Path) -> list[Page]:
    """The pages of a file that holds several, else none. A file that cannot be read has none either: reading
    it will report the fault.
    """
    if path.suffix.lower() not in SEVERAL_SUFFIXES:
        return []
    try:
        found = Pages(path).pages()
    except ImageError:
        return []
    return found if len(found) > 1 else []
