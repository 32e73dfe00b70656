"""Forty files that are no good picture, and ten odd ones that are, two of 20000 x 20000 pixels."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 20_000


def huge_png() -> bytes:
    """20000 x 20000 RGB: a compressed block of 250 rows, 80 times, independent since flushed."""
    rows = np.zeros((250, 1 + 3 * SIDE), np.uint8)
    rows[:, 1:] = np.tile(np.array([250, 10, 10], np.uint8), SIDE)
    block = rows.tobytes()
    packer = zlib.compressobj(1)
    head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    first = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    header, body = (head + first)[:2], (head + first)[2:]
    checksum = 1
    for _ in range(80):
        checksum = zlib.adler32(block, checksum)
    data = header + body * 80 + b"\x03\x00" + struct.pack(">I", checksum)  # 03 00: an empty last block
    return png(SIDE, SIDE, data)


def huge_jpeg() -> bytes:
    """20000 x 20000: one row of blocks, 1250 times, with restart markers between them."""
    buffer = io.BytesIO()
    Image.new("RGB", (SIDE, 16), (10, 10, 250)).save(buffer, "JPEG", subsampling=2, restart_marker_rows=1)
    content = bytearray(buffer.getvalue())
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 7] = struct.pack(">H", SIDE)
    scan = content.index(b"\xff\xda")
    start = scan + 2 + struct.unpack(">H", content[scan + 2 : scan + 4])[0]
    row = bytes(content[start:-2])
    marked = b"".join(row + bytes([0xFF, 0xD0 + index % 8]) for index in range(SIDE // 16 - 1))
    return bytes(content[:start]) + marked + row + b"\xff\xd9"


def png(width: int, height: int, data: bytes, extra: bytes = b"") -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def encoded(kind: str, picture: Image.Image | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    chosen = Image.effect_noise((90, 60), 90).convert("RGB") if picture is None else picture
    chosen.save(buffer, kind, **options)
    return buffer.getvalue()


def write_good(folder: Path) -> list[Path]:
    exif = Image.Exif()
    exif[0x0112] = 6
    noise = Image.effect_noise((90, 60), 90)
    files = {
        "good_rgb.jpg": encoded("JPEG"),
        "good_turned.jpg": encoded("JPEG", exif=exif.tobytes()),
        "good_cmyk.jpg": encoded("JPEG", noise.convert("CMYK")),
        "good_sixteen.png": encoded("PNG", Image.new("I;16", (90, 60), 30_000)),
        "good_alpha.png": encoded("PNG", noise.convert("LA")),
        "good_palette.gif": encoded("GIF"),
        "good_dot.png": encoded("PNG", Image.new("1", (1, 1))),
        "good_lossy.webp": encoded("WEBP"),
        "good_huge.png": huge_png(),
        "good_huge.jpg": huge_jpeg(),
    }
    return _write(folder, files)


def write_hostile(folder: Path) -> list[Path]:
    whole = {
        kind: encoded(kind)
        for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "TGA", "JPEG2000", "PPM")
    }
    endings = {"TIFF": "tif", "JPEG2000": "jp2"}
    ztxt = b"zTXt" + b"a\0\0" + zlib.compress(bytes(80_000_000), 9)
    text_bomb = struct.pack(">I", len(ztxt) - 4) + ztxt + struct.pack(">I", zlib.crc32(ztxt))
    wrong_crc = bytearray(png(4, 4, zlib.compress(bytes(52))))
    wrong_crc[30] ^= 0xFF
    files = {
        **{
            f"truncated_{kind}.{endings.get(kind, kind.lower())}": data[: len(data) // 2]
            for kind, data in whole.items()
        },
        **{f"empty{index}.{ending}": b"" for index, ending in enumerate(("jpg", "png", "gif", "tif"))},
        "text.jpg": b"this is not a picture",
        "page.png": b"<!DOCTYPE html><html></html>",
        "document.jpg": b"%PDF-1.7\n" + bytes(50),
        "archive.png": b"PK\x03\x04" + bytes(50),
        "program.bmp": b"\x7fELF" + bytes(50),
        "noise.jpg": np.random.default_rng(5).bytes(3000),
        "zeros.png": bytes(3000),
        "video.webp": b"RIFF\x40\x00\x00\x00AVI LIST" + bytes(50),
        "signature.png": b"\x89PNG\r\n\x1a\n",
        "start.jpg": b"\xff\xd8\xff\xe0",
        "start.gif": b"GIF89a",
        "start.bmp": b"BM" + bytes(12),
        "start.tif": b"II*\x00\x08\x00\x00\x00\xff\xff",
        "nothing.png": png(0, 4, zlib.compress(b"")),
        "flat.gif": b"GIF89a\x00\x00\x00\x00\x00\x00\x00;",
        "scrambled.png": png(50, 50, bytes(100)),
        "checksum.png": bytes(wrong_crc),
        "no_data.png": png(50, 50, zlib.compress(b"")),
        "bomb.png": png(100_000, 100_000, zlib.compress(b"")),
        "bomb.pbm": b"P4\n30000 30000\n" + bytes(100),
        "bomb.gif": b"GIF89a\xff\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x08\x00;",
        "bomb.bmp": b"BM"
        + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0),
        "bomb_text.png": png(4, 4, zlib.compress(bytes(52)), text_bomb),
        "line\nbreak\x1b[31m.png": b"",
    }
    paths = _write(folder, files)
    for name, make in {"loop.png": _loop, "dangling.jpg": _dangle, "pipe.png": os.mkfifo}.items():
        make(folder / name)
        paths.append(folder / name)
    return paths


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _dangle(path: Path) -> None:
    path.symlink_to("nowhere")


def _write(folder: Path, files: dict[str, bytes]) -> list[Path]:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]
