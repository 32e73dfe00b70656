"""Write a video in parts and join them with the sound of the original.

A part is complete or not there, so an interrupted run goes on after the last one. All parts have the same
settings and keep the times of the original's frames; joining copies their packets.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image

from pixelwise.core.errors import ImageError
from pixelwise.core.files import open_file
from pixelwise.core.terminal import reason_of
from pixelwise.core.types import RGBImage
from pixelwise.inference.video.clock import Clock
from pixelwise.inference.video.containers import open_container

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet

_PART = "nut"  # FFmpeg's own container: it keeps any time base
_COPIED = frozenset({"aac", "mp3", "mp2", "ac3", "eac3", "alac", "opus", "flac", "dts"})
"""Codecs of sound that MP4 holds; others are encoded again."""

_GAP = Fraction(1, 10)  # seconds of silence
_BT709 = 1


@dataclass(frozen=True)
class Shape:
    """What all parts of a video have in common.

    size: (height, width). time_base: the unit of pts. rate: frames a second, which says how long the last one
    is shown. aspect: the width of a pixel, in heights.
    """

    size: tuple[int, int]
    time_base: Fraction
    rate: Fraction
    aspect: Fraction


_FINEST = 1_000_000


def _representable(rate: Fraction) -> Fraction:
    """As near to it as FFmpeg's fractions of 32 bits come: long videos may have rates with more digits."""
    within = min(max(rate, Fraction(1, _FINEST)), Fraction(_FINEST))
    return within.limit_denominator(_FINEST if within < 1000 else 1000)


def encode_part(file: BinaryIO, frames: Iterable[tuple[int, RGBImage]], shape: Shape) -> None:
    """Write frames with their pts as H.264."""
    import av

    size, time_base = shape.size, shape.time_base
    with av.open(file, "w", format=_PART) as out:
        stream: Any = out.add_stream(_encoder(), rate=_representable(shape.rate), options=_settings())
        stream.width, stream.height = even(size[1]), even(size[0])
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base, context.sample_aspect_ratio = time_base, shape.aspect
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.flags |= int(av.codec.context.Flags.global_header)
        for pts, pixels in frames:
            frame: Any = av.VideoFrame.from_ndarray(_padded(pixels, size), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="itu709")
            frame.pts, frame.time_base = pts, time_base
            out.mux(stream.encode(frame))
        out.mux(stream.encode())


def join_parts(file: BinaryIO, parts: Sequence[Path], original: Path | None, shown: str) -> list[str]:
    """Write an MP4 of the parts' pictures and the sound of `original`; without the sound if that fails.

    Returns what a user should know. Raises ImageError if the pictures cannot be written.
    """
    import av

    try:
        _join(file, parts, original)
        return []
    except (av.FFmpegError, ValueError):
        file.seek(0)
        file.truncate()
    try:
        _join(file, parts, None)
    except (av.FFmpegError, ValueError) as problem:
        reason = reason_of(problem)
        raise ImageError(f"{shown}: the overlaid video cannot be written: {reason}") from problem
    return ["overlay without the sound, which MP4 does not hold"]


def _join(file: BinaryIO, parts: Sequence[Path], original: Path | None) -> None:
    import av

    with ExitStack() as stack:
        out = stack.enter_context(av.open(file, "w", format="mp4"))
        first = stack.enter_context(_reading(parts[0], stack))
        pictures: Any = out.add_stream_from_template(first.streams.video[0])
        sources = [_pictures(parts, pictures)]
        if original is not None:
            sound = stack.enter_context(_reading(original, stack))
            if sound.streams.audio:
                sources.append(_sound(sound, sound.streams.audio[0], out))
        for _, packet in heapq.merge(*sources, key=lambda entry: entry[0]):
            out.mux(packet)


def even(side: int) -> int:
    """The next even number: colours of a video have half its resolution."""
    return side + side % 2


def _encoder() -> str:
    import av

    return "libx264" if "libx264" in av.codecs_available else "mpeg4"


def _settings() -> dict[str, str]:
    """No frame depends on a later one (bf), so that parts can follow each other."""
    own = {"crf": "20", "preset": "veryfast"} if _encoder() == "libx264" else {"qscale": "3"}
    return {"bf": "0", **own}


def _padded(pixels: RGBImage, size: tuple[int, int]) -> RGBImage:
    """The frame in the video's size, resized if its own is another, with an edge repeated if that is odd."""
    if pixels.shape[:2] != size:
        pixels = np.asarray(Image.fromarray(pixels).resize((size[1], size[0])))
    extra = [(0, size[0] % 2), (0, size[1] % 2), (0, 0)]
    return np.ascontiguousarray(np.pad(pixels, extra, mode="edge"))


def _reading(path: Path, stack: ExitStack) -> "InputContainer":
    return open_container(stack.enter_context(open_file(path)))


def _pictures(parts: Sequence[Path], stream: Any) -> "Iterator[tuple[float, Packet[Any]]]":
    for path in parts:
        with ExitStack() as stack:
            part = stack.enter_context(_reading(path, stack))
            for packet in part.demux(part.streams.video[0]):
                if packet.pts is not None:
                    packet.dts = packet.pts  # which the container leaves out where times are irregular
                    packet.stream = stream
                    yield float(packet.dts * packet.time_base), packet


def _sound(
    source: "InputContainer", stream: "AudioStream", out: "OutputContainer"
) -> "Iterator[tuple[float, Packet[Any]]]":
    import av

    context = stream.codec_context
    if context is None:  # of an unknown codec
        return iter(())
    if context.codec.canonical_name in _COPIED:
        return _copied(source, stream, out.add_stream_from_template(stream))
    rates = av.Codec("aac", "w").audio_rates or [context.sample_rate]
    rate = min(rates, key=lambda known: abs(known - context.sample_rate))
    return _encoded(source, stream, out.add_stream("aac", rate=rate))


def _copied(
    source: "InputContainer", stream: "AudioStream", copy: Any
) -> "Iterator[tuple[float, Packet[Any]]]":
    for packet in _intact(source, stream):
        if packet.dts is not None and packet.size:
            packet.stream = copy
            yield float(packet.dts * packet.time_base), packet


def _encoded(
    source: "InputContainer", stream: "AudioStream", made: Any
) -> "Iterator[tuple[float, Packet[Any]]]":
    for frame in _decoded(source, stream):
        for done in made.encode(frame):
            yield float((done.dts or 0) * done.time_base), done
    for done in made.encode():
        yield float((done.dts or 0) * done.time_base), done


def _decoded(source: "InputContainer", stream: "AudioStream") -> "Iterator[Any]":
    """The pieces of sound, with times that are counted in samples: those of containers are rounded, and then
    pieces overlap. Longer gaps stay.
    """
    import av

    now: Fraction | None = None
    for packet in _intact(source, stream):
        try:
            frames: list[Any] = packet.decode()
        except av.InvalidDataError:  # a damaged piece of sound
            continue
        for frame in frames:
            given = None if frame.pts is None else frame.pts * frame.time_base
            if now is None or (given is not None and given - now > _GAP):
                now = given or Fraction(0)
            frame.time_base = Fraction(1, frame.sample_rate)
            frame.pts = round(now * frame.sample_rate)
            now += Fraction(frame.samples, frame.sample_rate)
            yield frame


def _intact(source: "InputContainer", stream: "AudioStream") -> "Iterator[Any]":
    """The packets up to the end of the file, or to where it is damaged."""
    import av

    last: int | None = None
    clock: Clock | None = None
    try:
        for packet in source.demux(stream):
            if packet.dts is not None:
                clock = clock or Clock(packet.time_base, (packet.duration or 1) * packet.time_base)
                later = clock.steady(packet.dts) - packet.dts
                packet.dts += later
                packet.pts = None if packet.pts is None else packet.pts + later
                if last is not None and packet.dts <= last:
                    continue  # MP4 refuses times that do not increase
                last = packet.dts
            yield packet
    except av.FFmpegError:
        return
