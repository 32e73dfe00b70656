"""How the site shows docstrings: they are plain text, and the site wants Markdown."""

import importlib.util
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

DOCS = Path(__file__).parents[1] / "docs"


def markdown(text: str, *names: str) -> str:
    pytest.importorskip("griffe", reason="make docs installs it")
    spec = importlib.util.spec_from_file_location("plain_docstrings", DOCS / "plain_docstrings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = module.markdown(text, set(names))
    assert isinstance(text, str)
    return text


def test_stars_and_underscores_stay_outside_of_code() -> None:
    assert markdown("A (*shape) of a_b, not `c_d`.") == r"A (\*shape) of a\_b, not `c_d`."


def test_parameters_and_errors_begin_paragraphs() -> None:
    text = "Refine it. long_side: pixels,\nat least 1. Raises ValueError for 0."
    assert markdown(text, "long_side").split("\n\n") == [
        "Refine it.",
        "**`long_side`**: pixels, at least 1.",
        "Raises ValueError for 0.",
    ]


def test_sessions_become_blocks_of_code() -> None:
    assert markdown("Load.\n\n>>> load(x)\n>>> y") == "Load.\n\n```pycon\n>>> load(x)\n>>> y\n```"
