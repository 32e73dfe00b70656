"""Ids and measurements are read as their file stores them, whatever Pillow makes of grey values."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from pixelwise.core.errors import DataError
from pixelwise.data.sample_files import ChannelFile, IdFile

Array = npt.NDArray[np.int64]
SHAPE = 5, 7


def values(highest: int) -> Array:
    rng = np.random.default_rng(highest)
    made = rng.integers(0, highest + 1, SHAPE)
    made[0, :2] = 0, highest
    return made


def packed(ids: Array, bits: int) -> bytes:
    """Rows of whole bytes, the first pixel in the highest bits."""
    digits = (ids[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    rows = digits.reshape(len(ids), -1).astype(np.uint8)
    return bytes(np.packbits(rows, axis=1).tobytes())


def png(ids: Array, bits: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    height, width = ids.shape
    rows = packed(ids, bits)
    step = len(rows) // height
    lines = b"".join(b"\0" + rows[i : i + step] for i in range(0, len(rows), step))
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(ids: Array, bits: int, zero_is_white: bool, deflated: bool) -> bytes:
    rows = packed(ids, bits)
    data = zlib.compress(rows) if deflated else rows
    start = 8 + 2 + 12 * 9 + 4
    tags = {256: ids.shape[1], 257: ids.shape[0], 258: bits, 259: 8 if deflated else 1}
    tags |= {262: int(not zero_is_white), 273: start, 277: 1, 278: ids.shape[0], 279: len(data)}
    fields = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + fields + bytes(4) + data


def read(content: bytes, path: Path) -> Array:
    path.write_bytes(content)
    return IdFile(path).read().astype(np.int64)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_grey_png_of_every_depth_holds_its_ids(tmp_path: Path, bits: int) -> None:
    ids = values(2**bits - 1)
    assert read(png(ids, bits), tmp_path / "a.png").tolist() == ids.tolist()


@pytest.mark.parametrize("deflated", [False, True])
@pytest.mark.parametrize("zero_is_white", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_grey_tiff_of_every_depth_and_polarity_holds_its_ids(
    tmp_path: Path, bits: int, zero_is_white: bool, deflated: bool
) -> None:
    ids = values(2**bits - 1)
    assert read(tiff(ids, bits, zero_is_white, deflated), tmp_path / "a.tif").tolist() == ids.tolist()


@pytest.mark.parametrize("highest", [1, 3, 7, 100, 255, 300, 10_000, 65_535])
def test_pgm_of_any_maximum_holds_its_values_binary_and_plain(tmp_path: Path, highest: int) -> None:
    ids = values(highest)
    head = f"\n{SHAPE[1]} {SHAPE[0]}\n{highest}\n".encode()
    binary = b"P5" + head + ids.astype(">u2" if highest > 255 else np.uint8).tobytes()
    plain = b"P2" + head + " ".join(map(str, ids.ravel())).encode()
    for content in (binary, plain):
        assert read(content, tmp_path / "a.pgm").tolist() == ids.tolist()
    depth = ChannelFile(tmp_path / "a.pgm").read()[..., 0]
    assert depth.tolist() == ids.tolist(), "depth in millimetres is not stretched either"


def test_pbm_holds_1_where_it_says_1(tmp_path: Path) -> None:
    ids = values(1)
    head = f"\n{SHAPE[1]} {SHAPE[0]}\n".encode()
    assert read(b"P4" + head + packed(ids, 1), tmp_path / "a.pbm").tolist() == ids.tolist()
    plain = b"P1" + head + " ".join(map(str, ids.ravel())).encode()
    assert read(plain, tmp_path / "a.pbm").tolist() == ids.tolist()


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "P"), ("GIF", "P"), ("BMP", "P"), ("TIFF", "P"), ("BMP", "L")]
)
def test_palette_pictures_hold_indices(tmp_path: Path, kind: str, mode: str) -> None:
    ids = values(3)
    picture = Image.fromarray(ids.astype(np.uint8))
    if mode == "P":
        picture.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0, 0, 0, 200])
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    assert read(buffer.getvalue(), tmp_path / "a.png").tolist() == ids.tolist()


@pytest.mark.parametrize(
    ("kind", "options"), [("JPEG", {}), ("MPO", {"save_all": True}), ("TIFF", {"compression": "jpeg"})]
)
def test_labels_that_a_compression_has_altered_are_refused(
    tmp_path: Path, kind: str, options: dict[str, object]
) -> None:
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(tmp_path / "a.png", kind, **options)
    with pytest.raises(DataError, match=r"a.png is a JPEG, whose compression alters ids"):
        IdFile(tmp_path / "a.png").read()


def test_formats_that_are_not_for_labels_are_named_as_such(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.jp2")
    with pytest.raises(
        DataError, match=r"label .*a.jp2: expected an image, .*\nhint: formats that are read: PNG"
    ):
        IdFile(tmp_path / "a.jp2").read()
