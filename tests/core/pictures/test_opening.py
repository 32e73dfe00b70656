"""Which pictures are opened at all: formats, sides, memory and time are known before decoding."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from cases_pictures import fixed
from PIL import EpsImagePlugin, Image, TiffImagePlugin

from pixelwise.core.errors import ImageError
from pixelwise.core.pictures import opening
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.pictures.opening import FORMATS, MAX_SIDE, decoding_bytes, opened
from pixelwise.core.pictures.reading import read_photo, size_of


def fault(path: Path) -> str:
    with pytest.raises(ImageError) as caught:
        read_photo(path, 64)
    return caught.value.message.removeprefix(str(path))


def test_no_format_starts_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def started(*_: object, **__: object) -> None:
        raise AssertionError("Ghostscript would be started")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", started)
    Image.init()
    for name in ("endless.eps", "endless_named_jpeg.jpg"):
        (tmp_path / name).write_bytes(fixed()[name])
        with Image.open(tmp_path / name) as picture:
            assert picture.format == "EPS"  # Pillow would take it
        assert (
            fault(tmp_path / name) == ": expected an image, got an EPS or PostScript file: convert it to PNG"
        )


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("ICO", "an icon: convert it to PNG"),
        ("ICNS", "an icon: convert it to PNG"),
        ("DDS", "a DDS texture: convert it to PNG"),
        ("XBM", "text"),
        ("MSP", "unknown data"),
    ],
)
def test_formats_that_pillow_reads_and_we_do_not_are_named(kind: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    picture = Image.new({"XBM": "1", "MSP": "1"}.get(kind, "RGB"), (64, 64))
    picture.save(path, kind)
    assert fault(path).startswith(f": expected an image, got {named}")


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(
    ("shape", "numbers", "bands"),
    [((8, 9, 3), "float32", "3 bands"), ((8, 9, 5), "uint16", "5 bands"), ((8, 9), "int64", "1 band")],
)
def test_a_sound_tiff_that_is_no_photo_is_not_called_damaged(
    shape: tuple[int, ...], numbers: str, bands: str, big: bool, tmp_path: Path
) -> None:
    tifffile = pytest.importorskip("tifffile", reason="needs tifffile")
    path, plan = tmp_path / "x.tif", "contig" if len(shape) == 3 else None
    tifffile.imwrite(path, np.zeros(shape, numbers), bigtiff=big, photometric="minisblack", planarconfig=plan)
    assert fault(path) == f": expected an image, got a TIFF of {bands}, in a form that photos do not have"
    path.write_bytes(path.read_bytes()[:40])
    assert fault(path) == ": expected an image, got a damaged TIFF"


def test_the_list_names_formats_of_pillow_and_none_that_is_known_for_harm() -> None:
    Image.init()
    assert set(FORMATS) <= set(Image.OPEN)
    assert not set(FORMATS) & {"EPS", "WMF", "FITS", "ICO", "ICNS", "IPTC", "MPEG", "HDF5", "GRIB", "BUFR"}


@pytest.mark.parametrize("name", ["one_pixel_wide.png", "one_pixel_high.png", "wide.ppm"])
def test_sides_are_bounded_and_not_only_the_area(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(fixed()[name])
    assert f"expected sides of at most {MAX_SIDE} pixels" in fault(path)


@pytest.mark.parametrize("name", ["slow.ppm", "slow.qoi"])
def test_large_pictures_of_formats_that_python_decodes_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(fixed()[name])
    assert "20000x20000 takes minutes" in fault(path)


def test_a_compressed_tiff_of_one_strip_needs_the_strip_as_well(tmp_path: Path) -> None:
    """20000 x 20000 floats: 1.6 GB as a picture, and as much again as a strip."""
    path = tmp_path / "x.tif"
    path.write_bytes(fixed()["one_strip.tif"])
    assert "takes 3.2 GB, more than the limit of 1.7 GB" in fault(path)
    path.write_bytes(fixed()["large_tile.tif"])
    assert "more than the limit of 1.7 GB" in fault(path)


@pytest.mark.parametrize(
    ("save", "per_pixel"),
    [
        (lambda picture, file: picture.save(file, "PNG"), 4),
        (lambda picture, file: picture.save(file, "JPEG2000"), 22),
        (lambda picture, file: picture.convert("L").save(file, "JPEG2000"), 8),
        (lambda picture, file: picture.save(file, "WEBP"), 18),
        (lambda picture, file: picture.save(file, "TIFF"), 4),
        (lambda picture, file: picture.save(file, "TIFF", compression="tiff_lzw", strip_size=2**30), 8),
    ],
)
def test_memory_is_estimated_by_format(
    save: Callable[[Image.Image, io.BytesIO], None], per_pixel: float
) -> None:
    file = io.BytesIO()
    save(Image.new("RGB", (100, 80)), file)
    with opened(file, "x") as image:
        assert decoding_bytes(image, (80, 100)) == 100 * 80 * per_pixel


def test_the_whole_picture_in_its_size_counts_against_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.png"
    Image.new("L", (1000, 1000)).save(path)
    monkeypatch.setattr(PICTURES, "total", 2_000_000)
    assert read_photo(path, 64).size == (1000, 1000)  # 1 MB decoded, and a small copy
    with pytest.raises(ImageError, match="more than the limit"):
        read_photo(path, 1000)  # 1 MB, and 7 bytes a pixel of the RGB copy


def test_pipes_and_devices_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    for name in ("pipe.png", "zero.png"):
        assert fault(tmp_path / name) == ": it is a device, pipe or socket"
        with pytest.raises(ImageError, match="device, pipe or socket"):
            size_of(tmp_path / name)


def test_errors_within_the_block_stay_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.new("L", (5, 5)).save(path)
    for problem in (OSError("disk"), ValueError("argument")):
        with pytest.raises(type(problem), match=str(problem)), opened(path, "x"):
            raise problem


def test_values_without_bounds_give_neither_warnings_nor_nonsense() -> None:
    largest = np.finfo(np.float32).max
    values = np.array([[-largest, 0, largest, np.inf, np.nan]], np.float32)
    with np.errstate(all="raise"):
        grey = read_photo(Image.fromarray(values), 64).pixels[0, :, 0].tolist()
    assert grey == [0, 128, 255, 255, 0]  # 0 lies in the middle: 127.5


def test_what_libtiff_complains_of_becomes_a_note_or_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def complaints() -> Iterator[list[str]]:
        said: list[str] = []
        try:
            yield said
        finally:
            said.append("Fax4Decode: Bad code word at line 21")

    path = tmp_path / "x.tif"
    picture = Image.new("1", (64, 64))
    picture.save(path, compression="group4")
    assert read_photo(path, 64).notes == ()
    monkeypatch.setattr(opening, "library_messages", complaints)
    assert read_photo(path, 64).notes == ("damaged in part: Fax4Decode: Bad code word at line 21",)

    def fail(*_: object) -> None:
        raise OSError("decoder error -2")

    monkeypatch.setattr(TiffImagePlugin.TiffImageFile, "load", fail)
    assert fault(path) == ": damaged or truncated TIFF image: Fax4Decode: Bad code word at line 21"
