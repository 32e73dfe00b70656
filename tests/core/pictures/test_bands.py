"""Every channel of a picture at its full depth."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageOps

from pixelwise.core.errors import ImageError, MissingExtraError
from pixelwise.core.pictures import tiff_bands
from pixelwise.core.pictures.bands import BandForm, form_of, read_bands, view_of
from pixelwise.core.pictures.memory_budget import Budget

tifffile = pytest.importorskip("tifffile", reason="needs tifffile")
RNG = np.random.default_rng(0)


def noise(bands: int, kind: type[np.generic], size: tuple[int, int] = (19, 13)) -> npt.NDArray[Any]:
    return RNG.integers(0, 256 if kind is np.uint8 else 30_000, (*size, bands)).astype(kind)


def deep_png(path: Path, values: npt.NDArray[np.uint16]) -> Path:
    """A PNG of 16 bits a sample, which Pillow does not write."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    height, width, samples = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6, 2: 4}[samples], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


def tiff(path: Path, values: npt.NDArray[Any], **options: Any) -> Path:
    tifffile.imwrite(path, values, **{"photometric": "minisblack", "planarconfig": "contig", **options})
    return path


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("bands", [2, 4, 5, 13])
@pytest.mark.parametrize(
    "options",
    [{}, {"byteorder": ">"}, {"bigtiff": True}, {"compression": "zlib"}, {"tile": (16, 16)}],
    ids=["plain", "big-endian", "bigtiff", "deflate", "tiles"],
)
def test_a_tiff_of_any_number_of_bands_is_read_unchanged(
    tmp_path: Path, bands: int, kind: type[np.generic], options: dict[str, Any]
) -> None:
    values = noise(bands, kind)
    found = read_bands(tiff(tmp_path / "a.tif", values, **options))
    assert found.dtype == values.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found, values)


def test_bands_that_lie_plane_by_plane_come_side_by_side(tmp_path: Path) -> None:
    values = noise(5, np.uint16)
    path = tiff(tmp_path / "a.tif", np.moveaxis(values, 2, 0), planarconfig="separate")
    np.testing.assert_array_equal(read_bands(path), values)


@pytest.mark.parametrize("extra", [0, 1, 2])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_fourth_sample_is_kept_whatever_the_file_calls_it(
    tmp_path: Path, kind: type[np.generic], extra: int
) -> None:
    """Pillow drops unnamed ones, and divides colours by premultiplied alpha."""
    values = noise(4, kind)
    path = tiff(tmp_path / "a.tif", values, photometric="rgb", extrasamples=[extra])
    np.testing.assert_array_equal(read_bands(path), values)


@pytest.mark.parametrize("samples", [3, 4])
def test_a_png_of_16_bits_keeps_its_low_bytes(tmp_path: Path, samples: int) -> None:
    values = RNG.integers(0, 65_536, (9, 7, samples), np.uint16)
    np.testing.assert_array_equal(read_bands(deep_png(tmp_path / "a.png", values)), values)


def test_grey_of_16_bits_with_alpha_is_refused(tmp_path: Path) -> None:
    path = deep_png(tmp_path / "a.png", noise(2, np.uint16))
    with pytest.raises(ImageError, match=r"a\.png: grey of 16 bits with alpha is not read in full\nhint"):
        read_bands(path)


@pytest.mark.parametrize("turn", range(1, 9))
def test_the_orientation_is_applied_as_to_photos(tmp_path: Path, turn: int) -> None:
    values = noise(4, np.uint8)
    exif = Image.Exif()
    exif[274] = turn
    Image.fromarray(values).save(tmp_path / "a.png", exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.png")))
    np.testing.assert_array_equal(read_bands(tmp_path / "a.png"), upright)
    deep = tiff(tmp_path / "a.tif", values.astype(np.uint16), extratags=[(274, 3, 1, turn)])
    np.testing.assert_array_equal(read_bands(deep), upright)


def test_other_numbers_become_float32_and_nan_is_an_error(tmp_path: Path) -> None:
    values = noise(3, np.int16) - 500
    found = read_bands(tiff(tmp_path / "a.tif", values))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values)
    broken = noise(5, np.float32)
    broken[3, 4, 2] = np.nan
    with pytest.raises(ImageError, match=r"b\.tif: holds NaN, infinite or too large numbers"):
        read_bands(tiff(tmp_path / "b.tif", broken))


def test_pages_of_one_size_are_refused_since_they_may_be_anything(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(6, np.uint16), photometric="minisblack")
    with pytest.raises(ImageError, match="several pages of the same size"):
        read_bands(tmp_path / "a.tif")


def test_smaller_pages_that_follow_are_previews(tmp_path: Path) -> None:
    values = noise(5, np.uint16)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for step in (1, 2):
            file.write(values[::step, ::step], photometric="minisblack", planarconfig="contig")
    np.testing.assert_array_equal(read_bands(tmp_path / "a.tif"), values)


def test_palettes_and_damaged_files_are_named(tmp_path: Path) -> None:
    Image.fromarray(noise(1, np.uint8)[..., 0]).convert("P").save(tmp_path / "p.png")
    with pytest.raises(ImageError, match=r"p\.png: a picture of mode P has no bands of its own"):
        read_bands(tmp_path / "p.png")
    whole = tiff(tmp_path / "a.tif", noise(5, np.uint16)).read_bytes()
    for length in (9, 300, len(whole) - 40):
        (tmp_path / "cut.tif").write_bytes(whole[:length])
        with pytest.raises(ImageError, match=r"cut\.tif: (damaged or )?truncated TIFF image"):
            read_bands(tmp_path / "cut.tif")
    with pytest.raises(ImageError, match=r"none\.tif: no such file"):
        read_bands(tmp_path / "none.tif")


def test_a_tiff_that_unpacks_to_more_than_memory_allows_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The header says 64 x 64; the only strip of it unpacks to 50 MB."""
    monkeypatch.setattr(tiff_bands, "PICTURES", Budget(10_000_000))
    path = tiff(tmp_path / "a.tif", noise(5, np.uint16, (64, 64)), compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as file:
        bomb = zlib.compress(bytes(50_000_000))
        place = file.filehandle.seek(0, 2)
        file.filehandle.write(bomb)
        file.pages[0].tags[273].overwrite([place])
        file.pages[0].tags[279].overwrite([len(bomb)])
    with pytest.raises(ImageError, match=r"a\.tif: a part of this TIFF unpacks to more than its size"):
        read_bands(path)


def test_a_tiff_larger_than_memory_allows_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tiff(tmp_path / "a.tif", noise(5, np.uint16, (64, 64)))
    monkeypatch.setattr(tiff_bands, "PICTURES", Budget(100_000))
    with pytest.raises(ImageError, match=r"more than the limit of 0.0 GB\nhint: cut it into tiles"):
        read_bands(path)


def test_without_tifffile_the_error_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tiff(tmp_path / "a.tif", noise(5, np.uint16))
    rgba = tiff(tmp_path / "b.tif", noise(4, np.uint8), photometric="rgb", extrasamples=[2])
    monkeypatch.setitem(__import__("sys").modules, "tifffile", None)
    with pytest.raises(MissingExtraError, match=r'pip install "pixelwise\[tiff\]"'):
        read_bands(path)
    assert read_bands(rgba).shape == (19, 13, 4), "Pillow reads it"


def test_the_view_shows_three_bands_and_stretches_deep_ones() -> None:
    shallow = noise(5, np.uint8)
    np.testing.assert_array_equal(view_of(shallow), shallow[..., :3])
    deep = np.zeros((40, 40, 4), np.uint16)
    deep[:20] = 10_000
    assert [view_of(deep)[row, 0].tolist() for row in (0, 39)] == [[255] * 3, [0] * 3]
    assert view_of(noise(1, np.uint16)).shape == (19, 13, 3)


def test_a_form_says_how_many_bands_of_which_numbers(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", noise(5, np.uint16))
    assert form_of(path) == BandForm(5, "uint16")
    assert str(BandForm(5, "uint16")) == "5 bands of uint16"
    assert form_of(tmp_path / "none.tif") is None
    with pytest.raises(ValueError, match="bands hold uint8, uint16, float32, got int64"):
        BandForm.of(np.zeros((2, 2, 2), np.int64))
