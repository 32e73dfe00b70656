"""Frames of animations and pages of TIFF files, one after the other and in any order."""

import io
import sys
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from pixelwise.core.errors import ImageError
from pixelwise.core.pictures import pages
from pixelwise.core.pictures.memory_budget import PICTURES
from pixelwise.core.pictures.opening import identified
from pixelwise.core.pictures.pages import Page, Pages, pages_of
from pixelwise.core.pictures.reading import FIRST_FRAME, held, read_photo

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]
KINDS = ["gif", "tif", "png", *(kind for kind in ("webp", "avif") if features.check(kind))]


def several(path: Path, count: int = 4, size: tuple[int, int] = (6, 4)) -> Path:
    frames = [Image.new("RGB", size, COLOURS[index % 4]) for index in range(count)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=50, lossless=True)
    return path


def middle(page: Page) -> tuple[int, ...]:
    return tuple(read_photo(page, 64).pixels[2, 3].tolist())


def close(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    return max(abs(a - b) for a, b in zip(first, second, strict=True)) < 16


@pytest.mark.parametrize("kind", KINDS)
def test_every_page_is_read_in_order_backwards_and_at_random(kind: str, tmp_path: Path) -> None:
    found = pages_of(several(tmp_path / f"x.{kind}"))
    assert [page.index for page in found] == [0, 1, 2, 3]
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 2, 0, 3]):
        assert all(close(middle(found[index]), COLOURS[index]) for index in order)
    assert read_photo(found[1], 64).notes == ()
    assert read_photo(tmp_path / f"x.{kind}", 64).notes == (FIRST_FRAME,)
    found[0].reader.close()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is opened from here on, as messages name it."""
    names: list[str] = []

    def named(path: Path, shown: str) -> AbstractContextManager[Image.Image]:
        names.append(shown)
        return identified(path, shown)

    monkeypatch.setattr(pages, "identified", named)
    return names


@pytest.mark.parametrize("kind", ["gif", "tif"])
def test_an_animation_is_decoded_once_and_its_file_is_closed_at_the_end(
    kind: str, tmp_path: Path, opened: list[str]
) -> None:
    found = pages_of(several(tmp_path / f"x.{kind}", 12, (300, 200)))
    photos = []
    for page in found:
        photos.append(read_photo(page, 50))
        if page.index > 1:  # as threads do: two pages are under way
            assert close(
                tuple(photos[page.index - 2].original()[5, 5].tolist()), COLOURS[(page.index - 2) % 4]
            )
    assert len(opened) == 1 if kind == "gif" else len(opened) <= 12
    assert found[0].reader._image is None, "the file is closed"


def test_pages_that_nobody_asks_for_do_not_keep_the_file_open(tmp_path: Path) -> None:
    found = pages_of(several(tmp_path / "x.gif"))
    read_photo(found[3], 50)
    assert found[0].reader._image is not None
    for page in found[:3]:
        page.reader.leave_out(page.index)
    assert found[0].reader._image is None


def test_the_original_of_a_page_is_that_page_at_full_size(tmp_path: Path) -> None:
    found = pages_of(several(tmp_path / "x.tif", size=(600, 400)))
    photo = read_photo(found[2], 60)
    assert (photo.size, photo.pixels.shape) == ((400, 600), (40, 60, 3))
    assert middle(found[3]) == COLOURS[3]
    original = photo.original()
    assert original.shape == (400, 600, 3)
    assert tuple(original[200, 300]) == COLOURS[2]
    found[0].reader.close()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "tif"])
def test_frames_that_threads_ask_for_in_disorder_are_decoded_once(
    kind: str, tmp_path: Path, opened: list[str]
) -> None:
    found = pages_of(several(tmp_path / f"x.{kind}", 8, (300, 200)))
    for index in (2, 0, 3, 1, 6, 7, 5, 4):
        frame = held(found[index])
        for long_side in (100, 300):  # for the net, then for the CRF
            assert close(tuple(read_photo(frame, long_side).pixels[2, 3].tolist()), COLOURS[index % 4])
    assert len(opened) == 1
    assert found[0].reader._image is None and not found[0].reader._ahead


def test_frames_of_an_animation_build_on_those_before(tmp_path: Path) -> None:
    """Each frame paints one column; the last shows all of them."""
    frames = [Image.new("P", (4, 2), 0) for _ in range(4)]
    for index, frame in enumerate(frames):
        frame.putpalette([0, 0, 0, 255, 255, 255])
        for column in range(index + 1):
            frame.paste(1, (column, 0, column + 1, 2))
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:], optimize=True)
    found = pages_of(tmp_path / "x.gif")
    white = [int((read_photo(page, 64).pixels[0, :, 0] > 128).sum()) for page in found]
    assert white == [1, 2, 3, 4]
    found[0].reader.close()


def test_a_file_of_one_picture_has_no_pages(tmp_path: Path) -> None:
    for kind in KINDS:
        Image.new("RGB", (6, 4)).save(tmp_path / f"x.{kind}")
        assert pages_of(tmp_path / f"x.{kind}") == []
    several(tmp_path / "x.gif").rename(tmp_path / "x.data")
    assert pages_of(tmp_path / "x.data") == [], "other endings are not opened to count"
    assert pages_of(tmp_path / "missing.gif") == []


def test_forged_files_of_very_many_pages_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST_PAGES", 3)
    assert len(pages_of(several(tmp_path / "x.tif"))) == 3


def test_a_damaged_page_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    frames = [Image.fromarray(np.full((40, 60, 3), color, np.uint8)) for color in COLOURS]
    frames[0].save(path, save_all=True, append_images=frames[1:], compression="tiff_lzw")
    with Image.open(path) as image:
        image.seek(1)
        place = image.tag_v2[273][0]  # type: ignore[attr-defined]
    content = bytearray(path.read_bytes())
    content[place : place + 8] = b"\xff" * 8
    path.write_bytes(content)
    found = pages_of(path)
    assert len(found) == 4
    seen: list[bool | None] = []
    for page in found:
        try:
            seen.append(middle(page) == COLOURS[page.index])
        except ImageError as problem:
            assert problem.message.startswith(f"{path}, page 2: damaged or truncated TIFF image")
            seen.append(None)
    assert seen == [True, None, True, True]
    assert found[0].reader._image is None, "a page that cannot be read does not keep the file open"
    found[0].reader.close()


@pytest.mark.parametrize("seed", range(12))
def test_a_truncated_animation_gives_its_whole_frames_and_names_the_rest(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "x.gif"
    noise = np.random.default_rng(seed).integers(0, 256, (6, 40, 60), np.uint8)
    frames = [Image.fromarray(values).convert("P") for values in noise]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    found = pages_of(path)
    assert 2 <= len(found) <= 6
    read = 0
    for page in found:
        try:
            read += read_photo(page, 64).pixels.shape == (40, 60, 3)
        except ImageError as problem:
            assert f"x.gif, page {page.index + 1}: " in problem.message
    assert 2 <= read < 6
    Pages(path).close()
    found[0].reader.close()


def test_whoever_waits_for_memory_does_not_keep_others_from_the_file(tmp_path: Path) -> None:
    found = pages_of(several(tmp_path / "x.tif", size=(60, 40)))
    full, waits = threading.Event(), threading.Event()

    def saves() -> None:
        """As a thread does that draws on the whole picture: with all memory reserved, it reads its page."""
        with PICTURES.reserve(PICTURES.total):
            full.set()
            waits.wait(10)
            time.sleep(0.05)
            middle(found[0])

    def reads() -> None:
        full.wait(10)
        waits.set()
        middle(found[1])

    threads = [threading.Thread(target=work, daemon=True) for work in (saves, reads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    found[0].reader.close()


pillow_heif = pytest.importorskip("pillow_heif")


def heic(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, quality=95, **options)
    return file.getvalue()


def test_heic_is_read_like_other_photos(tmp_path: Path) -> None:
    image = Image.new("RGB", (60, 40), (200, 30, 30))
    image.paste((0, 0, 200), (0, 0, 20, 20))
    (tmp_path / "x.heic").write_bytes(heic(image))
    (tmp_path / "renamed.jpg").write_bytes(heic(image))
    for name in ("x.heic", "renamed.jpg"):
        photo = read_photo(tmp_path / name, 30)
        assert (photo.size, photo.pixels.shape, photo.notes) == ((40, 60), (20, 30, 3), ())
        original = photo.original()
        assert close(tuple(original[30, 40].tolist()), (200, 30, 30))
        assert close(tuple(original[10, 10].tolist()), (0, 0, 200))
    assert "HEIF" not in Image.OPEN, "Pillow's own registry belongs to the user"


def test_heic_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    content = heic(Image.new("RGB", (60, 40)))
    place = content.index(b"ispe") + 8
    path = tmp_path / "x.heic"
    for width, height in ((10, 10), (19_999, 19_999), (30_000, 30_000), (2**31 - 1, 1), (0, 0)):
        forged = content[:place] + width.to_bytes(4, "big") + height.to_bytes(4, "big") + content[place + 8 :]
        path.write_bytes(forged)
        with pytest.raises(ImageError, match=r"x\.heic: "):
            read_photo(path, 64)
    path.write_bytes(content[:100])
    with pytest.raises(ImageError, match=r"x\.heic: damaged HEIC photo"):
        read_photo(path, 64)


def test_heic_without_the_extra_names_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.heic").write_bytes(heic(Image.new("RGB", (6, 4))))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(
        ImageError, match=r'HEIC photo; .*\nhint: pip install "pixelwise\[heif\]", or convert'
    ):
        read_photo(tmp_path / "x.heic", 64)


def test_raw_photos_are_refused_by_name_or_content_and_never_read_as_their_preview(tmp_path: Path) -> None:
    preview = io.BytesIO()
    Image.new("RGB", (6, 4)).save(preview, "TIFF")
    dng = io.BytesIO()
    Image.new("RGB", (6, 4)).save(dng, "TIFF", tiffinfo={50706: b"\x01\x04\x00\x00"})
    cases = {
        "x.nef": preview.getvalue(), "x.CR2": b"II*\0\x10\0\0\0CR\2\0", "x.arw": b"words",
        "x.dng": dng.getvalue(),
        "renamed_dng.tif": dng.getvalue(), "renamed.tif": b"II*\0\x10\0\0\0CR\2\0",
        "fuji.jpg": b"FUJIFILMCCD-RAW 0201", "canon.jpg": b"\0\0\0\x18ftypcrx \0\0\0\1",
        "panasonic.jpg": b"IIU\0\x18\0\0\0", "olympus.jpg": b"IIRO\x08\0\0\0",
    }  # fmt: skip
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(
            ImageError, match=f"{name}: expected an image, got a raw photo of a camera"
        ) as caught:
            read_photo(tmp_path / name, 64)
        assert "JPEG or TIFF" in str(caught.value)
    Image.new("RGB", (6, 4)).save(tmp_path / "x.png")
    (tmp_path / "x.png").rename(tmp_path / "x.raw")
    assert read_photo(tmp_path / "x.raw", 64).size == (4, 6), "a picture is read whatever its name"


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP"])
def test_a_file_cut_off_anywhere_is_a_picture_or_refused(kind: str, tmp_path: Path) -> None:
    """The first frame is read wherever what follows it is damaged."""
    file = io.BytesIO()
    first, second = (Image.fromarray(np.full((20, 30, 3), value, np.uint8)) for value in (50, 200))
    first.save(file, kind, save_all=True, append_images=[second])
    content = file.getvalue()
    read = 0
    for length in range(8, len(content)):
        path = tmp_path / f"cut.{kind.lower()}"
        path.write_bytes(content[:length])
        try:
            read += read_photo(path, 64).size == (20, 30)
            assert pages_of(path) is not None
        except ImageError:
            continue
    assert read > 0 or kind == "WEBP"
