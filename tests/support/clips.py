"""Small videos that tests make: plain colours, with sound, turned, of changing size."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

av: Any = pytest.importorskip("av")

RED, GREEN, BLUE = (250, 0, 0), (0, 250, 0), (0, 0, 250)
Colour = tuple[int, int, int]


def plain(color: Colour, size: tuple[int, int] = (32, 48)) -> npt.NDArray[np.uint8]:
    """A frame of (height, width) `size`."""
    return np.full((*size, 3), color, np.uint8)


def write_clip(
    path: Path,
    frames: Sequence[npt.NDArray[np.uint8]],
    pts: Sequence[int] | None = None,
    codec: str = "libx264",
    turn: int | None = None,
    sound: str | None = None,
    rate: int = 10,
    sound_rate: int = 8000,
    aspect: Fraction | None = None,
) -> Path:
    """Write frames at `rate` per second, or at the times `pts` in units of 1/rate. turn: a display rotation.

    sound: the codec of a tone that lasts as long as the frames. aspect: the width of a pixel, in heights.
    """
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if turn is not None:
            stream.set_display_rotation(turn)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        tone = None if sound is None else out.add_stream(sound, rate=sound_rate, layout="mono")
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = index if pts is None else pts[index]
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
        if tone is not None:
            kind = tone.codec_context.format.name
            wave = np.sin(np.arange(sound_rate * len(frames) // rate) / 3)[None] * 0.3
            if kind.startswith("flt"):
                wave = wave.astype(np.float32)
            elif kind.startswith("s32"):
                wave = (wave * np.iinfo(np.int32).max).astype(np.int32)
            else:
                wave = (wave * np.iinfo(np.int16).max).astype(np.int16)
            for start in range(0, wave.shape[1], 800):
                piece = av.AudioFrame.from_ndarray(wave[:, start : start + 800], format=kind, layout="mono")
                piece.sample_rate, piece.pts = sound_rate, start
                out.mux(tone.encode(piece))
            out.mux(tone.encode())
    return path


def colours(path: Path) -> list[str]:
    """The names of the strongest channel in the middle of each frame."""
    with av.open(str(path)) as file:
        return [strongest(frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]


def times(path: Path) -> list[float]:
    """The times of the frames in seconds."""
    with av.open(str(path)) as file:
        return [float(frame.pts * frame.time_base) for frame in file.decode(video=0)]


def strongest(pixels: npt.NDArray[np.uint8]) -> str:
    middle = pixels[pixels.shape[0] // 2, pixels.shape[1] // 2]
    return ("red", "green", "blue")[int(middle.argmax())]
