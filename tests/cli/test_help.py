"""`pixelwise --help`: every verb in a group, whole sentences in 80 columns."""

import pytest
from typer.testing import CliRunner

from pixelwise.cli import main


def test_help_groups_every_verb_and_cuts_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = CliRunner().invoke(main.app, ["--help"]).stdout
    assert max(map(len, text.splitlines())) <= 80
    plain = " ".join(text.split())
    groups = [main.USE, main.DATA, main.TRAIN, main.JUDGE, main.CRF, main.PAPERS]
    places = [plain.index(f"{group}:") for group in groups]
    assert places == sorted(places)
    for command in main.app.registered_commands:
        assert command.callback is not None
        first = " ".join((command.callback.__doc__ or "").partition("\n\n")[0].split())
        listed = plain.index(f"{command.name} {first}")
        group = max(place for place in places if place < listed)
        assert groups[places.index(group)] == command.rich_help_panel, command.name
