"""Reading pictures: every mode, orientation, size; faults become one clear line."""

import math
import re
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.core.errors import ImageError
from pixelwise.core.pictures import opening, reading
from pixelwise.core.pictures.memory_budget import Budget
from pixelwise.core.pictures.pillow_limits import guarded
from pixelwise.core.pictures.reading import fitting, read_photo
from pixelwise.core.terminal import printable

RED = (200, 30, 10)


def saved(picture: Image.Image, path: Path, **options: object) -> Path:
    picture.save(path, **options)  # type: ignore[arg-type]
    return path


def pixel(path: Path) -> tuple[int, ...]:
    photo = read_photo(path, 64)
    assert photo.size == (5, 7)
    assert photo.pixels.shape == (5, 7, 3)
    assert photo.pixels.dtype == np.uint8
    return tuple(photo.pixels[2, 3].tolist())


@pytest.mark.parametrize(
    ("mode", "color", "ending", "expected"),
    [
        ("1", 1, "png", (255, 255, 255)),
        ("L", 100, "png", (100, 100, 100)),
        ("LA", (100, 0), "png", (255, 255, 255)),
        ("LA", (100, 255), "png", (100, 100, 100)),
        ("RGB", RED, "png", RED),
        ("RGBA", (0, 0, 0, 51), "png", (204, 204, 204)),  # 255 * (1 - 51 / 255)
        ("CMYK", (0, 255, 255, 0), "tif", (255, 0, 0)),
        ("I;16", 65535, "png", (255, 255, 255)),
        ("I;16", 32896, "png", (128, 128, 128)),  # 128 * 257
        ("I;16", 257, "tif", (1, 1, 1)),
        ("I", 200, "tif", (200, 200, 200)),  # within 0..255: stays
        ("I", 65535, "tif", (255, 255, 255)),  # within 0..65535: scaled from it
        ("F", 0.5, "tif", (128, 128, 128)),  # within 0..1: scaled from it
        ("F", 200.0, "tif", (200, 200, 200)),
        ("YCbCr", (128, 128, 128), "tif", (128, 128, 128)),
    ],
)
def test_every_mode_becomes_rgb(
    mode: str, color: float | tuple[int, ...], ending: str, expected: tuple[int, ...], tmp_path: Path
) -> None:
    assert pixel(saved(Image.new(mode, (7, 5), color), tmp_path / f"x.{ending}")) == expected


def test_palette_pictures_with_and_without_transparency(tmp_path: Path) -> None:
    picture = Image.new("P", (7, 5), 1)
    picture.putpalette([0, 0, 0, *RED])
    assert pixel(saved(picture, tmp_path / "opaque.png")) == RED
    assert pixel(saved(picture, tmp_path / "clear.png", transparency=1)) == (255, 255, 255)
    assert pixel(saved(picture, tmp_path / "half.png", transparency=bytes([255, 0]))) == (255, 255, 255)


def test_palette_with_alpha_band_given_as_pillow_image() -> None:
    picture = Image.new("RGBA", (7, 5), (*RED, 0)).convert("PA")
    assert read_photo(picture, 64).pixels[0, 0].tolist() == [255, 255, 255]


def test_transparent_key_color_of_rgb_is_white(tmp_path: Path) -> None:
    path = saved(Image.new("RGB", (7, 5), RED), tmp_path / "x.png", transparency=RED)
    assert pixel(path) == (255, 255, 255)


def test_wide_ranges_are_stretched_and_infinite_values_clipped() -> None:
    values = np.array([[-1000, 0, 3000, np.nan, np.inf, -np.inf]], np.float32)
    grey = read_photo(Image.fromarray(values), 64).pixels[0, :, 0]
    assert grey.tolist() == [0, 64, 255, 0, 255, 0]  # (0 + 1000) / 4000 * 255 = 63.75


def test_first_frame_of_an_animation_counts(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (7, 5), color) for color in (RED, (0, 0, 255))]
    for ending in ("gif", "webp", "png"):
        options = {"lossless": True} if ending == "webp" else {}
        path = saved(frames[0], tmp_path / f"x.{ending}", save_all=True, append_images=frames[1:], **options)
        assert np.allclose(pixel(path), RED, atol=8), ending


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("long_side", [16, 64])
def test_exif_orientation_is_applied(orientation: int, long_side: int, tmp_path: Path) -> None:
    upright = np.zeros((40, 24, 3), np.uint8)
    upright[:20, :12] = 255  # white top left quarter
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(Image.fromarray(np.ascontiguousarray(stored)), tmp_path / "x.png", exif=exif.tobytes())
    photo = read_photo(path, long_side)
    assert photo.size == (40, 24)
    height, width = photo.pixels.shape[:2]
    assert (height, width) == fitting((40, 24), long_side)
    grey = photo.pixels.mean(2)
    assert grey[: height // 2 - 1, : width // 2 - 1].min() > 200
    assert grey[height // 2 + 1 :].max() < 50
    assert grey[:, width // 2 + 1 :].max() < 50
    assert photo.original().shape == (40, 24, 3)


@pytest.mark.parametrize(("ending", "mode"), [("png", "RGB"), ("jpg", "RGB"), ("png", "RGBA"), ("png", "L")])
@pytest.mark.parametrize("size", [(700, 900), (1, 3000), (3000, 1), (1023, 517)])
def test_a_reduced_copy_keeps_place_and_brightness(
    ending: str, mode: str, size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_STRIP_PIXELS", 20_000)  # so that several strips are needed
    height, width = size
    rows, columns = np.mgrid[:height, :width]
    ramp = np.rint(255 * ((rows + 0.5) / height + (columns + 0.5) / width) / 2).astype(np.uint8)
    path = saved(Image.fromarray(ramp).convert(mode), tmp_path / f"x.{ending}")
    photo = read_photo(path, 100)
    assert photo.size == size
    small_height, small_width = photo.pixels.shape[:2]
    assert max(small_height, small_width) == 100
    rows, columns = np.mgrid[:small_height, :small_width]
    expected = 255 * ((rows + 0.5) / small_height + (columns + 0.5) / small_width) / 2
    difference = photo.pixels[..., 0] - expected
    assert abs(difference.mean()) < 0.6
    assert np.abs(difference).max() < 8


def test_small_pictures_stay_as_they_are() -> None:
    array = np.random.default_rng(0).integers(0, 256, (31, 64, 3), np.uint8)
    photo = read_photo(array, 64)
    assert (photo.pixels == array).all()
    assert photo.original() is photo.pixels


def test_fitting_never_loses_the_short_side() -> None:
    assert fitting((300, 451), 64) == (43, 64)  # 300 * 64 / 451 = 42.6
    assert fitting((1, 20_000), 64) == (1, 64)
    assert fitting((10, 20), 64) == (10, 20)
    assert fitting((10, 20), 64, enlarge=True) == (32, 64)
    assert fitting((300, 451), 64, enlarge=True) == (43, 64)


def test_a_pillow_image_is_left_as_it_was(tmp_path: Path) -> None:
    path = saved(Image.new("RGB", (640, 480), RED), tmp_path / "x.jpg")
    with Image.open(path) as picture:
        photo = read_photo(picture, 50)
        assert picture.size == (640, 480)
        assert photo.pixels.shape == (38, 50, 3)  # 480 * 50 / 640 = 37.5
        assert photo.original().shape == (480, 640, 3)


@pytest.mark.parametrize(
    ("array", "came"),
    [
        (np.zeros((4, 4, 3), np.float32), r"\(4, 4, 3\) of float32"),
        (np.zeros((4, 4), np.uint8), r"\(4, 4\) of uint8"),
        (np.zeros((3, 4, 4), np.uint8), r"\(3, 4, 4\) of uint8"),
        (np.zeros((0, 4, 3), np.uint8), r"\(0, 4, 3\) of uint8"),
    ],
)
def test_other_arrays_are_refused_with_what_came(array: np.ndarray, came: str) -> None:
    with pytest.raises(ValueError, match=rf"expected an RGB array \(H, W, 3\) of uint8, got {came}"):
        read_photo(array, 64)


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1), (4, 6, 4), (3, 4, 6)])
def test_the_advice_for_an_array_makes_it_a_picture(shape: tuple[int, ...]) -> None:
    array = np.arange(math.prod(shape), dtype=np.uint8).reshape(shape)
    with pytest.raises(ValueError, match="expected an RGB array") as refused:
        read_photo(array, 64)
    code = re.search(r", ((np\.stack|array).*)", str(refused.value))
    assert code is not None
    made = eval(code[1], {"np": np, "array": array})
    assert read_photo(made, 64).size == (4, 6)


def test_other_objects_are_refused() -> None:
    with pytest.raises(ValueError, match="got list"):
        read_photo([1, 2], 64)  # type: ignore[arg-type]


def fault(path: Path) -> str:
    with pytest.raises(ImageError) as caught:
        read_photo(path, 64)
    assert "\n" not in caught.value.message
    assert caught.value.message.startswith(printable(path))
    return caught.value.message


def test_faults_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.jpg"
    assert "no such file" in fault(path)
    path.write_bytes(b"")
    assert "empty file" in fault(path)
    path.write_text("just words")
    assert "got text" in fault(path)
    path.write_bytes(b"%PDF-1.7")
    assert "got a PDF document" in fault(path)
    path.write_bytes(bytes(range(128, 200)))
    assert "unknown data beginning with 80 81" in fault(path)
    saved(Image.effect_noise((200, 200), 80), path)
    path.write_bytes(path.read_bytes()[:4000])
    assert "truncated JPEG" in fault(path)
    assert "got a folder" in fault(tmp_path)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(opening, "open_file", refuse)
    assert "no permission" in fault(path)


def test_too_many_pixels_are_refused_before_decoding(tmp_path: Path) -> None:
    path = saved(Image.new("1", (1, 1)), tmp_path / "x.pbm")
    path.write_bytes(b"P4\n20001 20000\n")
    assert "expected at most 400000000 pixels" in fault(path)


def test_formats_that_need_too_much_memory_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(Image.new("RGB", (600, 500)), tmp_path / "x.jpg", progressive=True, subsampling=0)
    monkeypatch.setattr(opening, "PICTURES", Budget(1_000_000))  # 600 * 500 * 3 * 2 B of coefficients alone
    assert "more than the limit of 0.0 GB" in fault(path)


def test_names_are_shown_on_one_line() -> None:
    assert printable("a\nb\x1b.png") == "a\\nb\\x1b.png"


def test_warnings_and_limit_of_pillow_are_restored_after_the_last_thread() -> None:
    limit, filters = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with guarded():
            inside.set()
            leave.wait(5)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(5)
    with guarded():
        warnings.warn("silenced", UserWarning, stacklevel=1)  # an error outside, see pyproject.toml
    assert limit != Image.MAX_IMAGE_PIXELS
    leave.set()
    thread.join()
    restored = Image.MAX_IMAGE_PIXELS, warnings.filters
    assert restored == (limit, filters)


@pytest.mark.parametrize(("brightest", "is_dim"), [(4095, True), (16000, True), (30000, False)])
def test_pictures_whose_16_bits_are_not_used_are_noted_as_nearly_black(
    tmp_path: Path, brightest: int, is_dim: bool
) -> None:
    ramp = np.linspace(0, brightest, 70).astype(np.uint16).reshape(7, 10)
    for ending in ("png", "tif"):
        photo = read_photo(saved(Image.fromarray(ramp), tmp_path / f"ramp.{ending}"), 64)
        assert photo.notes == ("nearly black; 12 bits stored in 16 must be scaled up first",) * is_dim


def test_a_picture_that_is_all_black_is_not_noted(tmp_path: Path) -> None:
    assert read_photo(saved(Image.new("L", (9, 9)), tmp_path / "black.png"), 64).notes == ()
