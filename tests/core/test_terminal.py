"""What is printed: escaped, one line each, and never in the way of results."""

import errno
import io
import json
import subprocess
import sys

import pytest

from pixelwise.cli import tables
from pixelwise.cli.messages import report
from pixelwise.core.errors import DataError, PixelwiseError
from pixelwise.core.terminal import counted, few, note, printable, reason_of, say, say_json, say_text

HOSTILE = "a\x1b[31mb\rc\nd\0e\x07f\x7fg\x9bh\u2028i\u202ej\udcffk"
SHOWN = r"a\x1b[31mb\rc\nd\x00e\x07f\x7fg\x9bh\u2028i\u202ej\udcffk"


def test_all_that_moves_a_cursor_or_hides_text_is_escaped() -> None:
    assert printable(HOSTILE) == SHOWN
    assert printable("straße 猫 a\u200cb") == "straße 猫 a\u200cb"


def test_lines_tables_and_errors_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE)
    tables.show(("class",), [(HOSTILE,)], texts=("class",))
    note(HOSTILE)
    report(DataError(HOSTILE, HOSTILE))
    report(ValueError(HOSTILE))
    said = capsys.readouterr()
    assert said.out.splitlines() == [SHOWN, "class", SHOWN]
    assert said.err.splitlines()[:3] == [SHOWN, f"error: {SHOWN}", f"hint:  {SHOWN}"]
    assert not {c for c in said.out + said.err if c != "\n" and not c.isprintable()}


def test_of_a_long_list_a_message_shows_the_first_eight() -> None:
    assert few(["a", "b"]) == "a, b"
    assert few([str(number) for number in range(8)]) == "0, 1, 2, 3, 4, 5, 6, 7"
    assert few([str(number) for number in range(9)]) == "0, 1, 2, 3, 4, 5, 6, 7, ..."


def test_sentences_are_folded_between_words_on_terminals_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "a frequency-weighted figure " * 9
    say_text(text.strip())
    assert capsys.readouterr().out == f"{text.strip()}\n"
    monkeypatch.setattr("pixelwise.core.terminal.on_screen", lambda _: True)
    monkeypatch.setenv("COLUMNS", "50")
    say_text(text, "the end")
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "the end"
    assert " ".join(lines[:-1]) == text.strip()
    assert 22 < max(map(len, lines)) <= 50


def test_a_row_of_a_table_is_one_line_without_blanks_at_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    long = " ".join(["a name with blanks"] * 20)
    tables.show(("rank", "picture"), [("1", long), ("2", "b.png")], texts=("picture",))
    assert capsys.readouterr().out.splitlines() == ["rank    picture", f"   1    {long}", "   2    b.png"]


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (FileNotFoundError(2, "No such file or directory", "a.png"), "No such file or directory"),
        (OSError("the decoder\nfailed"), "the decoder failed"),
        (ValueError(), "ValueError"),
        (ValueError("x" * 300), "x" * 200),
    ],
)
def test_the_reason_of_an_exception_is_one_line_that_says_something(problem: Exception, said: str) -> None:
    assert reason_of(problem) == said


def test_one_thing_is_singular() -> None:
    assert [counted(number, "image") for number in (0, 1, 2, 2000)] == [
        *("0 images", "1 image", "2 images", "2,000 images")
    ]


def test_json_is_valid_and_holds_names_whole(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"name": HOSTILE})
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {"name": HOSTILE}
    assert line.isascii()
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not JSON compliant"):
            say_json({"area": value})


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_results_that_cannot_be_printed_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Full())
    with pytest.raises(PixelwiseError, match="cannot write to the standard output: No space left"):
        say("a result")


@pytest.mark.parametrize("stream", [None, Full()])
def test_messages_that_cannot_be_printed_are_lost(
    stream: io.StringIO | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    note("a message")
    assert capsys.readouterr().out == ""


def test_what_a_c_library_prints_is_collected_and_what_python_prints_is_not() -> None:
    code = """
import os
from pixelwise.core.terminal import library_messages, note, take_over_stderr
def complain(text):
    os.write(2, text)  # as libtiff does
with library_messages() as before:
    complain(b"raw\\n")
take_over_stderr()
with library_messages() as said:
    complain(b"TIFFReadDirectory: \\x1b[31mred\\nsecond\\n")
    note("ours")
complain(b"after\\n")
print(before, said)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] ['TIFFReadDirectory: \\\\x1b[31mred', 'second']\n"
    assert done.stderr == "raw\nours\nafter\n"
