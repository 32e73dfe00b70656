"""The bar on a terminal: a title of any length leaves room for the numbers."""

import io
import itertools
import re

import pytest

from pixelwise.cli import progress


@pytest.mark.parametrize("width", [60, 80])
def test_long_titles_hide_no_numbers(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(progress, "on_screen", lambda _: True)
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr("time.perf_counter", itertools.count(0, 10).__next__)
    for name, value in {"COLUMNS": str(width), "TERM": "xterm", "TTY_COMPATIBLE": "1"}.items():
        monkeypatch.setenv(name, value)
    with progress.bars("evaluating") as tell:
        tell("folder:" + "far/" * 30 + "away val", 11, 1234)
        tell("folder:" + "far/" * 30 + "away val", 1233, 1234)
    plain = re.sub("\x1b[^a-zA-Z]*[a-zA-Z]", "", screen.getvalue())
    last = plain.replace("\r", "\n").rstrip().split("\n")[-1]
    assert last.startswith("evaluating …")
    assert " val ━" in last
    assert "1233/1234" in last
    assert re.search(r" [0-9.]+ images/s [0-9]:[0-9]{2}:[0-9]{2}", last)
