"""TIFF files by parts are as Pillow reads them; masks keep their place on the map."""

import io
import json
import struct
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

pytest.importorskip("rasterio", reason="needs rasterio")

import rasterio
from tiny_model import CLASSES

from pixelwise.core.errors import ImageError, MissingExtraError
from pixelwise.core.pictures import geotiff
from pixelwise.core.pictures.geotiff import Georeference, georeference_of, tiff_windows, write_geotiff
from pixelwise.core.pictures.pages import pages_of
from pixelwise.core.pictures.reading import Encoded, read_photo, read_picture
from pixelwise.core.pictures.windows import HeldPicture
from pixelwise.core.types import RGBImage
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.results.cleaning import Cleaning

PLACE = rasterio.Affine(0.5, 0, 500_000, 0, -0.5, 5_400_000)


def noise(height: int = 90, width: int = 130, bands: int = 3) -> RGBImage:
    return np.random.default_rng(1).integers(0, 256, (height, width, bands), np.uint8)


def write(path: Path, values: RGBImage, **options: Any) -> None:
    given = {"crs": "EPSG:32633", "transform": PLACE, **options}
    size = {"height": values.shape[0], "width": values.shape[1], "count": values.shape[2], "dtype": "uint8"}
    with rasterio.open(path, "w", driver="GTiff", **size, **given) as dataset:
        dataset.write(np.moveaxis(values, 2, 0))


@pytest.mark.parametrize("big", ["NO", "YES"])
def test_overviews_and_a_mask_are_no_pages(tmp_path: Path, big: str) -> None:
    path = tmp_path / "x.tif"
    write(path, noise(), photometric="rgb", bigtiff=big)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(True)
        dataset.build_overviews([2, 4])
    with Image.open(path) as image:
        assert image.is_animated  # type: ignore[attr-defined]
    assert pages_of(path) == []
    assert read_photo(path, 64).notes == ()
    windows = tiff_windows(path)
    assert windows is not None and windows.notes == ()
    windows.close()


@pytest.mark.parametrize(
    "options",
    [
        {"photometric": "rgb"},
        {"photometric": "rgb", "tiled": True, "blockxsize": 16, "blockysize": 32, "compress": "deflate"},
        {"photometric": "rgb", "interleave": "band", "compress": "lzw"},
        {"photometric": "ycbcr", "compress": "jpeg", "tiled": True, "blockxsize": 64, "blockysize": 64},
    ],
)
def test_parts_of_a_tiff_are_those_of_the_whole(tmp_path: Path, options: dict[str, Any]) -> None:
    picture = noise()
    if "jpeg" in options.values():  # decoders of JPEG differ where colours change from pixel to pixel
        picture = np.array(Image.fromarray(noise(9, 13)).resize((130, 90), Image.Resampling.BICUBIC))
    write(tmp_path / "x.tif", picture, **options)
    whole = read_picture(tmp_path / "x.tif").astype(int)
    most = 40 if "jpeg" in options.values() else 1
    windows = tiff_windows(tmp_path / "x.tif")
    assert windows is not None
    with closing(windows):
        assert windows.size == (90, 130)
        for top, left, bottom, right in ((0, 0, 90, 130), (10, 20, 47, 101), (89, 129, 90, 130)):
            part = windows.read((top, left, bottom, right), (bottom - top, right - left))
            assert np.abs(part - whole[top:bottom, left:right]).max() <= most
        held = HeldPicture(whole.astype(np.uint8), 130)
        box = (3.5, 10.25, 80.5, 120.75)
        assert np.abs(windows.read(box, (20, 30)).astype(int) - held.read(box, (20, 30))).max() <= most
    assert np.abs(windows.original() - whole).max() <= most
    assert np.abs(windows.original() - whole).mean() < 3


def test_transparent_pixels_become_white_and_grey_becomes_rgb(tmp_path: Path) -> None:
    values = noise(bands=4)
    values[:40, :, 3] = 0
    write(tmp_path / "x.tif", values, photometric="rgb", alpha="unspecified")
    Image.fromarray(values).save(tmp_path / "rgba.tif")
    Image.fromarray(values[..., 0]).save(tmp_path / "grey.tif")
    for name, colours in (("rgba.tif", None), ("grey.tif", values[..., 0])):
        windows = tiff_windows(tmp_path / name)
        if windows is None:  # Pillow may write alpha that is not marked
            continue
        with closing(windows):
            read = windows.reduced((90, 130))
        if colours is None:
            assert (read[:40] == 255).all()
        else:
            assert all(np.array_equal(read[..., band], colours) for band in range(3))


def test_files_whose_samples_are_not_their_colours_are_left_to_pillow(tmp_path: Path) -> None:
    Image.fromarray(noise()).convert("P").save(tmp_path / "palette.tif")
    Image.fromarray(noise()).convert("CMYK").save(tmp_path / "cmyk.tif")
    Image.fromarray(noise()).save(tmp_path / "turned.tif", tiffinfo={274: 6})
    Image.fromarray(noise()).save(tmp_path / "x.png")
    for name in ("palette.tif", "cmyk.tif", "turned.tif", "x.png"):
        assert tiff_windows(tmp_path / name) is None


def test_a_geotiff_mask_keeps_coordinate_system_transform_and_labels(
    tmp_path: Path, predictor: Predictor
) -> None:
    picture = np.zeros((90, 130, 3), np.uint8)
    picture[:, 60:, 1] = 255
    write(tmp_path / "x.tif", picture, photometric="rgb")
    tiled = Predictor(predictor.engine, predictor.info, tiles=64)(tmp_path / "x.tif")
    once = predictor(tmp_path / "x.tif")
    for result in (tiled, once, tiled.cleaned(tiled.cleaning)):
        path = result.save(tmp_path / "out", ["geotiff", "mask"])["geotiff"]
        with rasterio.open(path) as mask:
            assert mask.crs.to_epsg() == 32633 and mask.transform == PLACE
            assert np.array_equal(mask.read(1), result.labels)
            assert np.array_equal(mask.read(1), np.asarray(Image.open(tmp_path / "out_mask.png")))
            assert [mask.colormap(1)[index][:3] for index in range(4)] == list(CLASSES.palette)
            assert mask.tags(1)["class_2"] == "green"
    assert np.array_equal(tiled.labels == 2, picture[..., 1] == 255)


def test_a_picture_without_a_place_gives_a_plain_tiff(tmp_path: Path) -> None:
    Image.fromarray(noise()).save(tmp_path / "x.tif")
    Image.fromarray(noise()).save(tmp_path / "x.png")
    assert georeference_of(tmp_path / "x.tif") is None and georeference_of(tmp_path / "x.png") is None
    file = io.BytesIO()
    write_geotiff(file, noise()[..., 0], CLASSES, None)
    assert np.array_equal(np.asarray(Image.open(file)), noise()[..., 0])
    write(tmp_path / "y.tif", noise(), photometric="rgb")
    place = georeference_of(tmp_path / "y.tif")
    assert isinstance(place, Georeference) and place.transform == tuple(PLACE)[:6]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_that_is_turned_upright_keeps_its_place_on_the_map(
    tmp_path: Path, orientation: int
) -> None:
    path, picture = tmp_path / "x.tif", np.zeros((9, 13, 3), np.uint8)
    picture[2, 5] = 255
    write(path, picture, photometric="rgb")
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    with Image.open(path) as image:
        for tag in (33550, 33922, 34735, 34737):  # of the place
            tags[tag] = image.tag_v2[tag]  # type: ignore[attr-defined]
    tags[274] = orientation
    Image.fromarray(picture).save(path, tiffinfo=tags)
    upright = read_picture(path)
    assert upright.shape[:2] == ((9, 13) if orientation < 5 else (13, 9))
    ((row, column),) = np.argwhere(upright[..., 0])
    for source in (path, Encoded(path.read_bytes())):
        place = georeference_of(source)
        assert place is not None and place.code == "EPSG:32633"
        a, b, c, d, e, f = place.transform
        x, y = column + 0.5, row + 0.5
        there = (500_000 + 0.5 * 5.5, 5_400_000 - 0.5 * 2.5)
        assert (a * x + b * y + c, d * x + e * y + f) == there


def test_without_rasterio_a_geotiff_is_refused_and_tiles_still_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "x.tif", noise(), photometric="rgb")
    monkeypatch.setattr(geotiff, "_rasterio", lambda: None)
    assert tiff_windows(tmp_path / "x.tif") is None
    with pytest.raises(MissingExtraError, match="needs the package rasterio") as caught:
        write_geotiff(io.BytesIO(), noise()[..., 0], CLASSES, None)
    assert caught.value.hint == 'pip install "pixelwise[geo]"'


def _with_tag(content: bytes, tag: int, value: int) -> bytes:
    """A little-endian TIFF with another value of a tag of one number."""
    data = bytearray(content)
    (start,) = struct.unpack_from("<I", data, 4)
    for place in range(start + 2, start + 2 + 12 * struct.unpack_from("<H", data, start)[0], 12):
        if struct.unpack_from("<H", data, place)[0] == tag:
            kind = struct.unpack_from("<H", data, place + 2)[0]
            struct.pack_into("<H" if kind == 3 else "<I", data, place + 8, value)
    return bytes(data)


@pytest.mark.parametrize("side", [5000, 20_000, 60_000])
def test_a_tiff_that_lies_about_its_size_is_one_error_that_names_it(
    tmp_path: Path, predictor: Predictor, side: int
) -> None:
    write(tmp_path / "x.tif", noise(), photometric="rgb", tiled=True, blockxsize=64, blockysize=64)
    content = (tmp_path / "x.tif").read_bytes()
    (tmp_path / "lie.tif").write_bytes(_with_tag(_with_tag(content, 256, side), 257, side))
    tiled = Predictor(predictor.engine, predictor.info, tiles=1000)
    with pytest.raises(ImageError, match=r"lie\.tif"):
        tiled(tmp_path / "lie.tif")


def test_truncated_tiles_are_one_error_that_names_the_file(tmp_path: Path, predictor: Predictor) -> None:
    options = {"photometric": "rgb", "tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate"}
    write(tmp_path / "x.tif", noise(500, 400), **options)
    content = (tmp_path / "x.tif").read_bytes()
    tiled = Predictor(predictor.engine, predictor.info, tiles=100)
    for share in (0.2, 0.5, 0.9):
        (tmp_path / "cut.tif").write_bytes(content[: int(share * len(content))])
        with pytest.raises(ImageError, match=r"cut\.tif"):
            tiled(tmp_path / "cut.tif")


def test_a_picture_that_is_not_a_file_keeps_its_place(tmp_path: Path, predictor: Predictor) -> None:
    write(tmp_path / "x.tif", noise(), photometric="rgb")
    expected = georeference_of(tmp_path / "x.tif")
    assert expected is not None and expected.code == "EPSG:32633"
    content = (tmp_path / "x.tif").read_bytes()
    for source in (content, io.BytesIO(content)):
        result = predictor(source)
        assert result.path is None
        paths = result.cleaned(Cleaning(min_region=0.1)).save(tmp_path / "made", ["geotiff", "geojson"])
        assert georeference_of(paths["geotiff"]) == expected
        assert json.loads(paths["geojson"].read_bytes())["crs"]["properties"]["name"].endswith("EPSG::32633")
        assert result.notes(["geotiff", "geojson"])[-1:] == ["geojson in the coordinates of EPSG:32633"]
    assert predictor(noise()).notes(["geotiff"])[-1] == (
        "geotiff without coordinates, since the picture has none"
    )


def test_a_url_is_not_a_path(tmp_path: Path, predictor: Predictor) -> None:
    fsspec = pytest.importorskip("fsspec", reason="needs fsspec")
    write(tmp_path / "x.tif", noise(), photometric="rgb")
    fsspec.filesystem("memory").pipe_file("/maps/x.tif", (tmp_path / "x.tif").read_bytes())
    result = predictor("memory://maps/x.tif")
    assert result.path is None
    made = result.save(tmp_path / "made", ["geotiff"])["geotiff"]
    assert georeference_of(made) == georeference_of(tmp_path / "x.tif")


def test_each_page_has_its_own_place(tmp_path: Path, predictor: Predictor) -> None:
    write(tmp_path / "x.tif", noise(), photometric="rgb")
    second = {"transform": PLACE @ rasterio.Affine.translation(100, 0), "APPEND_SUBDATASET": "YES"}
    write(tmp_path / "x.tif", noise(), photometric="rgb", **second)
    places = [
        georeference_of(predictor(page).save(tmp_path / str(page.index), ["geotiff"])["geotiff"])
        for page in pages_of(tmp_path / "x.tif")
    ]
    assert [None if place is None else place.transform[2] for place in places] == [500_000, 500_050]


def test_the_pages_of_a_file_are_found_without_going_through_those_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile = pytest.importorskip("tifffile", reason="needs tifffile")
    place = [(33550, "d", 3, (0.5, 0.5, 0.0), True), (33922, "d", 6, (0.0, 0.0, 0.0, 9.0, 8.0, 0.0), True)]
    with tifffile.TiffWriter(tmp_path / "x.tif") as file:
        for orientation in (1, 3, 6):
            extra = [(274, "H", 1, orientation, True), *place]
            file.write(noise(), photometric="rgb", contiguous=False, extratags=extra, metadata=None)
    expected = []
    for page in range(3):
        number = f"GTIFF_DIR:{page + 1}:{tmp_path / 'x.tif'}"
        with rasterio.open(number, driver="GTiff") as dataset:
            stored = geotiff._stored((1, 3, 6)[page], dataset.width, dataset.height)
            expected.append(geotiff._after(stored, tuple(dataset.transform)[:6]))
    monkeypatch.delattr(geotiff, "directories")
    found = [georeference_of(page) for page in pages_of(tmp_path / "x.tif")]
    assert [place and place.transform for place in found] == expected
    assert len(set(expected)) == 3
