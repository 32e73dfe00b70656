"""Frames of video files and cameras, by PyAV: upright, as RGB, with their times."""

import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from pixelwise.core.errors import ImageError, MissingExtraError
from pixelwise.core.files import open_file
from pixelwise.core.terminal import printable, reason_of
from pixelwise.core.types import RGBImage
from pixelwise.inference.video.clock import Clock
from pixelwise.inference.video.containers import open_container

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MOST_PIXELS = 36_000_000
"""Frames with more, above 8K, are refused."""

_ALWAYS_READ = 9_000_000  # pixels of 4K

_CAMERA = re.compile(r"camera:(.+)")
_SYSTEMS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}


def is_camera(source: object) -> bool:
    """Whether this names a camera, such as camera:0."""
    return isinstance(source, str) and _CAMERA.fullmatch(source) is not None


@dataclass(frozen=True)
class Frame:
    """A frame. index: counted from 0 over the video. pts: its time, in units of the video's time_base."""

    index: int
    pts: int
    pixels: RGBImage


class Video:
    """An open video; a context manager. Notes on faults are complete when the frames have been read."""

    def __init__(self, source: str | Path, shown: str | None = None) -> None:
        """`source`: a file, or a camera such as camera:0, called `shown` in messages. Raises ImageError if it
        holds no video that can be read, or if PyAV is missing.
        """
        self.shown = printable(source) if shown is None else shown
        try:
            import av
        except ModuleNotFoundError:
            missing = MissingExtraError("av")
            raise ImageError(f"{self.shown}: a video; {missing.message}", missing.hint) from None
        self._av: Any = av
        self.is_camera = is_camera(source)
        self._file: io.BufferedReader | None = None
        self._container = self._opened(source)
        try:
            self._stream = self._video_stream()
        except BaseException:
            self.close()
            raise
        self.time_base = Fraction(self._stream.time_base or Fraction(1, 1000))
        self.rate = Fraction(self._stream.average_rate or 25)
        self.aspect = Fraction(self._stream.sample_aspect_ratio or 1)
        """The width of a pixel of the frames, which are upright when they have been read, in heights."""
        duration = self._container.duration or 0  # microseconds
        if "matroska" in self._container.format.name:  # where it ends, and others how long it is
            duration -= max(0, self._container.start_time or 0)
        seconds = duration / 1_000_000
        self.count: int | None = self._stream.frames or round(seconds * self.rate) or None
        """About how many frames there are, as the file says; None if it does not."""
        self._announced = "" if self._stream.frames or not seconds else f"{seconds:.1f} s"
        self.size_changes: int | None = None
        self.pixels = max(_ALWAYS_READ, self._stream.width * self._stream.height)
        """The most pixels of a frame: if the size changes, it may grow to this."""
        self._damaged = 0
        self._ended_early = ""
        self._read = 0
        self._ends = 0
        """The frames that fit before the end of the last one; AVI counts places without a picture too."""
        self._counts_places = "avi" in self._container.format.name

    def __enter__(self) -> "Video":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._container.close()
        if self._file is not None:
            self._file.close()

    def frames(self) -> Iterator[Frame]:
        """All frames in order, with pts that increase, those of a camera from 0: its clock may have run for
        days. What cannot be decoded is left out; see `notes`.

        Raises ImageError if there is no frame at all, or one is too large.
        """
        last: int | None = None
        began, clock = 0, Clock(self.time_base, 1 / self.rate)
        size: tuple[int, ...] = ()
        for image in self._decoded():
            if image.pts is not None:
                pts = clock.steady(image.pts)
            else:
                pts = 0 if last is None else began + last + 1
            if last is None and self.is_camera:
                began = pts
            last = pts - began if last is None else max(pts - began, last + 1)
            pixels = self._upright(image)
            if size and pixels.shape[:2] != size and self.size_changes is None:
                self.size_changes = self._read
            size = pixels.shape[:2]
            self._read += 1
            self._ends = round(last * self.time_base * self.rate) + 1
            yield Frame(self._read - 1, last, pixels)
        if self._read == 0:
            reason = self._ended_early or "it is empty or damaged"
            raise ImageError(f"{self.shown}: no frame of this video can be decoded: {reason}")

    def notes(self) -> list[str]:
        """What a user should know about the file after its frames have been read."""
        notes = []
        if self._ended_early or self._damaged:
            damage = self._ended_early or f"{self._damaged} packets could not be decoded"
            notes.append(f"damaged in part: {damage}")
        reached = self._ends if self._counts_places else self._read
        missing = 0 if self.count is None or self.is_camera else self.count - reached
        # Headers of AVI are out by one; where only the length is known, the sound may be longer.
        if missing > (max(5, 0.1 * self._read) if self._announced else 2):
            notes.append(f"its pictures end after {self._read} frames of {self._announced or self.count}")
        if self.size_changes is not None:
            notes.append(f"its size changes at frame {self.size_changes}")
        return notes

    def _opened(self, source: str | Path) -> "InputContainer":
        try:
            if self.is_camera:
                return self._camera(str(source))
            self._file = open_file(Path(source))
            return open_container(self._file)
        except (self._av.FFmpegError, OSError, ValueError) as problem:
            if self._file is not None:
                self._file.close()
            if isinstance(problem, self._av.FFmpegError):
                what = "the camera cannot be opened" if self.is_camera else "a damaged video, or another file"
                raise ImageError(f"{self.shown}: {what}: {reason_of(problem)}") from None
            raise ImageError(f"{self.shown}: {reason_of(problem)}") from None

    def _camera(self, source: str) -> "InputContainer":
        name = source.partition(":")[2]
        system = next((own for start, own in _SYSTEMS.items() if sys.platform.startswith(start)), "v4l2")
        if system == "v4l2":
            device = f"/dev/video{name}" if name.isdecimal() else name
        elif system == "dshow":
            device = f"video={self._named(name) if name.isdecimal() else name}"
        else:
            device = name
        opened: InputContainer = self._av.open(device, "r", format=system, timeout=20.0)
        return opened

    def _named(self, number: str) -> str:
        """The name of a camera of Windows, which opens cameras by their names."""
        cameras = [
            device for device in self._av.enumerate_input_devices("dshow") if "video" in device.media_types
        ]
        if int(number) >= len(cameras):
            raise ImageError(f"{self.shown}: there are {len(cameras)} cameras, counted from 0")
        return str(cameras[int(number)].name)

    def _video_stream(self) -> "VideoStream":
        streams: list[VideoStream] = [
            stream
            for stream in self._container.streams.video
            if not int(stream.disposition) & int(self._av.stream.Disposition.attached_pic)
        ]
        if not streams:
            raise ImageError(f"{self.shown}: this file holds no video, perhaps only sound")
        stream = streams[0]
        context = stream.codec_context
        if context is None:
            raise ImageError(f"{self.shown}: the video's codec is unknown", "convert it to H.264")
        self._expect_bounded(context.width, context.height)
        context.options = {"max_pixels": str(MOST_PIXELS)}
        context.thread_type = "AUTO"
        context.thread_count = 2
        return stream

    def _expect_bounded(self, width: int, height: int, most: int = MOST_PIXELS) -> None:
        if width * height > min(most, MOST_PIXELS):
            raise ImageError(
                f"{self.shown}: a frame of {width}x{height} is too large, at most "
                f"{min(most, MOST_PIXELS) // 1_000_000} megapixels are read"
            )

    def _decoded(self) -> "Iterator[VideoFrame]":
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except self._av.BlockingIOError:  # a camera without a new picture
                continue
            except (self._av.FFmpegError, OSError, ValueError) as problem:
                self._ended_early = reason_of(problem)
                return
            try:
                yield from packet.decode()
            except self._av.EOFError:
                return
            except (self._av.FFmpegError, ValueError):
                self._damaged += 1

    def _upright(self, image: "VideoFrame") -> RGBImage:
        self._expect_bounded(image.width, image.height, self.pixels)
        pixels = np.asarray(image.to_ndarray(format="rgb24"), np.uint8)
        turns = round(image.rotation / 90) % 4
        if self._read == 0 and turns % 2:
            self.aspect = 1 / self.aspect
        return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels
