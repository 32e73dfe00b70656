"""Printed tables on terminals of any width, and without one."""

import pytest

from pixelwise.cli import tables

HEADINGS = ("id", "class", "IoU %", "95 % interval", "precision %", "pixels")
ROWS = [
    ("0", "background", "93.47", "92.72 to 95.21", "97.31", "2,883,213"),
    ("11", "a name of many words " * 3, "9.73", "-", "-", "3,705"),
    ("12", "one" * 20, "9.73", "-", "-", "3,705"),
]


def shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int | None) -> str:
    """What is printed on a terminal of this width, or into a pipe."""
    monkeypatch.setattr(tables, "on_screen", lambda _: width is not None)
    monkeypatch.setenv("COLUMNS", str(width))
    tables.show(HEADINGS, ROWS, texts=("class",))
    return capsys.readouterr().out


@pytest.mark.parametrize("width", [40, 60, 80, 120, None])
def test_a_table_shows_every_number_in_full_at_any_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int | None
) -> None:
    text = shown(capsys, monkeypatch, width)
    for row in ROWS:
        for cell in (*row[:1], *row[2:]):
            assert cell in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= (width or 130)


def test_columns_that_do_not_fit_follow_in_a_table_with_the_names_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wide, narrow = (shown(capsys, monkeypatch, width) for width in (120, 60))
    assert wide.count("background") == wide.count("class") == 1
    assert narrow.count("background") == narrow.count("class") == 2
    first, second = narrow.split("\n\n")
    assert "95 % interval" in first
    assert "2,883,213" in second


def test_without_a_terminal_each_row_is_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = shown(capsys, monkeypatch, None).splitlines()
    assert len(lines) == 1 + len(ROWS)
    assert all(line == line.rstrip() for line in lines)
    assert all(row[1].strip() in line for row, line in zip(ROWS, lines[1:], strict=True))


def test_without_a_terminal_a_table_has_no_colours_whatever_the_environment_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = shown(capsys, monkeypatch, None)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert shown(capsys, monkeypatch, None) == plain
