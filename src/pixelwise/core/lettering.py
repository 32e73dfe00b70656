"""Fonts for words in pictures. Pillow's own has the letters of English only, so other words take a font of
the system.
"""

import unicodedata
from functools import lru_cache

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

FILES = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf"),
    *("NotoSansCJK-Regular.ttc", "wqy-microhei.ttc", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf"),
    *("NotoSansDevanagari-Regular.ttf", "NotoSansThai-Regular.ttf"),
    *("Arial Unicode.ttf", "PingFang.ttc", "Hiragino Sans GB.ttc", "AppleSDGothicNeo.ttc"),
    *("arial.ttf", "msyh.ttc", "YuGothM.ttc", "malgun.ttf", "Nirmala.ttf", "LeelawUI.ttf"),
)
"""Fonts of Linux, macOS and Windows; Pillow finds them in the system's folders."""


def lettered(text: str, size: float) -> tuple[str, Font]:
    """The text as it can be drawn, and a font that has its letters, `size` pixels high.

    If no font has them all, it is the one that lacks fewest, and letters lose their accents. What remains is
    drawn as boxes.
    """
    file, missing = _choice(text)
    return _plain(text, missing), ImageFont.load_default(size) if file is None else _open(file, size)


@lru_cache(maxsize=1024)
def _choice(text: str) -> tuple[str | None, frozenset[str]]:
    """The best font, None for Pillow's own, and the letters that it lacks."""
    if text.isascii():
        return None, frozenset()
    found: list[tuple[str | None, frozenset[str]]] = []
    for file in (None, *FILES):
        if (missing := _missing(file, text)) is not None:
            found.append((file, missing))
            if not missing:
                break
    return min(found, key=lambda choice: len(choice[1]))


def _missing(file: str | None, text: str) -> frozenset[str] | None:
    """The letters that a font lacks: it draws them like a missing one. None if the font is not there."""
    try:
        font = ImageFont.load_default(16) if file is None else _open(file, 16)
    except OSError:
        return None

    def drawn(letter: str) -> tuple[tuple[int, int], bytes]:
        mask = font.getmask(letter)
        return mask.size, bytes(mask)

    box = drawn("\U0010ffff")
    return frozenset(letter for letter in text if drawn(letter) == box)


@lru_cache(maxsize=64)
def _place(file: str) -> str | None:
    try:
        return str(ImageFont.truetype(file, 16).path)
    except OSError:
        return None


def _open(file: str, size: float) -> Font:
    place = _place(file)  # looked for once, since Pillow walks through all folders of fonts
    if place is None:
        raise OSError(file)
    return ImageFont.truetype(place, size)


def _plain(text: str, missing: frozenset[str]) -> str:
    return "".join(
        unicodedata.normalize("NFKD", letter)[:1] if letter in missing else letter for letter in text
    )
