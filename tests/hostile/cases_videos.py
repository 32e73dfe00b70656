"""Videos, animations and HEIC photos that are damaged, forged, or something else than they say."""

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases_pictures import CHANGES, Case
from clips import RED, plain, write_clip
from PIL import Image

Draw = np.random.Generator


def cases(count: int, seed: int, folder: Path) -> Iterator[Case]:
    """Write `count` files into `folder`: each of `fixed` once, then mutations of files of all formats."""
    draw = np.random.default_rng(seed)
    sound = sound_files(draw, folder)
    known = list(fixed(sound).items())
    for number in range(count):
        if number < len(known):
            name, content = known[number]
            made = name
        else:
            kind = list(sound)[number % len(sound)]
            change = CHANGES[int(draw.integers(len(CHANGES)))]
            content, made = change(sound[kind], draw), f"{kind}, {change.__name__}"
            name = f"{number:05}.{kind.split('_')[0]}"
        path = folder / name
        path.write_bytes(content)
        yield Case(path, made)


def sound_files(draw: Draw, folder: Path) -> dict[str, bytes]:
    """One of each container and codec, and an animation of each format, by ending."""
    frames = list(draw.integers(0, 256, (4, 32, 48, 3), np.uint8))
    found = {}
    for name, codec, tone in (
        ("mp4", "libx264", "aac"), ("mp4_mpeg4", "mpeg4", None), ("mov", "mjpeg", "pcm_s16le"),
        ("mkv", "libx264", "pcm_s16le"), ("mkv_ffv1", "ffv1", None), ("webm", "libvpx", None),
        ("avi", "mpeg4", "pcm_s16le"), ("mts", "mpeg2video", None), ("flv", "flv", None),
        ("wmv", "msmpeg4", None),
    ):  # fmt: skip
        rate = 25 if codec == "mpeg2video" else 10
        path = folder / f"sound.{name.partition('_')[0]}"
        if path.suffix == ".mts":
            path = path.with_suffix(".ts")
        found[name] = write_clip(path, frames, codec=codec, sound=tone, rate=rate).read_bytes()
        path.unlink()
    images = [Image.fromarray(frame) for frame in frames]
    for kind, options in (("gif", {}), ("png", {}), ("tif", {"compression": "tiff_lzw"}), ("webp", {})):
        file = io.BytesIO()
        form = "TIFF" if kind == "tif" else kind.upper()
        images[0].save(file, form, save_all=True, append_images=images[1:], **options)
        found[kind] = file.getvalue()
    heif: Any = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    heif.from_pillow(images[0]).save(file)
    found["heic"] = file.getvalue()
    return found


def fixed(sound: dict[str, bytes]) -> dict[str, bytes]:
    """What a mutation would not find, by file name."""
    large = _renamed(sound["mp4"], b"avc1", 24, struct.pack(">HH", 65_000, 65_000))
    heic = sound["heic"]
    place = heic.index(b"ispe") + 8
    return {
        "playlist.mp4": b"#EXTM3U\n#EXTINF:1.0,\n/etc/passwd\n#EXT-X-ENDLIST\n",
        "concat.mp4": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "session.mp4": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5 RTP/AVP 96\n",
        "empty.mp4": b"",
        "words.mkv": b"just words",
        "picture.mov": sound["png"],
        "movie.png": sound["mp4"],
        "movie.gif": sound["mkv"],
        "zeros.mp4": bytes(1_000_000),
        "large.mp4": large,
        "no_index.mp4": sound["mp4"][: sound["mp4"].index(b"moov") - 4],
        "huge_box.mp4": sound["mp4"][:32] + struct.pack(">I4sQ", 1, b"mdat", 2**60) + sound["mp4"][32:],
        "small_says_huge.heic": heic[:place] + struct.pack(">II", 30_000, 30_000) + heic[place + 8 :],
        "says_nothing.heic": heic[:place] + struct.pack(">II", 0, 0) + heic[place + 8 :],
        "only_head.heic": heic[:40],
        "line\nbreak.mp4": b"\x1aE\xdf\xa3",
        "\x1b]0;title\x07.mkv": b"",
        "raw.nef": b"MM\0*" + bytes(60),
        "raw.cr3": b"\0\0\0\x18ftypcrx " + bytes(60),
    }


def plain_video(path: Path) -> Path:
    """A video that can be segmented, to go between the others."""
    return write_clip(path, [plain(RED)] * 3)


def _renamed(content: bytes, box: bytes, after: int, value: bytes) -> bytes:
    """The content with `value` at a distance from the end of a box's name."""
    place = content.index(box) + len(box) + after
    return content[:place] + value + content[place + len(value) :]
