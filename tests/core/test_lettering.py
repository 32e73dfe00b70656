"""Words in pictures: which font has their letters."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from pixelwise.core import lettering
from pixelwise.core.lettering import lettered
from pixelwise.inference.results.legend import Entry, with_legend
from pixelwise.inference.results.sheet import sheet

matplotlib = pytest.importorskip("matplotlib", reason="a font with many letters comes with it")
DEJAVU = str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf")


@pytest.fixture(params=[(), ("absent.ttf", DEJAVU)], ids=["no fonts", "fonts"])
def fonts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[bool]:
    monkeypatch.setattr(lettering, "FILES", request.param)
    lettering._choice.cache_clear()
    yield bool(request.param)
    lettering._choice.cache_clear()


def drawn(text: str) -> set[bytes]:
    """What is drawn for each letter."""
    shown, font = lettered(text, 20)
    return {bytes(font.getmask(letter)) for letter in shown}


def test_words_of_other_languages_are_drawn_in_a_font_that_has_their_letters(fonts: bool) -> None:
    assert lettered("person", 20)[0] == "person"
    assert lettered("pájaro", 20)[0] == ("pájaro" if fonts else "pajaro")
    letters = set("человек")
    assert len(drawn("человек")) == (len(letters) if fonts else 1)  # without a font, one box for each


def test_legends_and_sheets_show_names_of_other_languages(fonts: bool) -> None:
    picture = Image.new("RGB", (300, 200))

    def legend(name: str) -> bytes:
        return with_legend(picture, [Entry((255, 0, 0), name)]).tobytes()

    def page(name: str) -> bytes:
        return sheet([name], [(name, [picture])], {name: (255, 0, 0)}).tobytes()

    for drawing in (legend, page):
        assert (drawing("кот") != drawing("дом")) == fonts


def test_a_sheet_cuts_long_titles_at_their_start() -> None:
    picture = Image.new("RGB", (100, 100))
    long = sheet(["a"], [("x" * 300 + "end", [picture])], {})
    assert long.size == sheet(["a"], [("end", [picture])], {}).size
    other = sheet(["a"], [("x" * 300 + "eng", [picture])], {})
    assert long.tobytes() != other.tobytes()
