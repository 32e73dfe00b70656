"""What the docs print is what the commands print."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pixelwise.cli import main

DOCS = Path(__file__).parents[1] / "docs"


def test_the_table_of_models_is_as_printed() -> None:
    pytest.importorskip("torch")
    done = CliRunner().invoke(main.app, ["models"])
    assert done.exit_code == 0, done.output
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert len(lines) > 10
    assert "\n".join(lines[:-1]) in (DOCS / "models.md").read_text()
    assert lines[-1] in (DOCS / "models.md").read_text()
