"""`pixelwise --help`: every verb in a group, whole sentences in 80 columns."""

import re

import pytest
import typer
from typer.core import TyperGroup
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


def test_the_help_of_every_verb_breaks_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    command = typer.main.get_command(main.app)
    assert isinstance(command, TyperGroup)
    assert len(command.commands) == 21
    for verb, entry in command.commands.items():
        text = CliRunner().invoke(main.app, [verb, "--help"]).stdout
        shown = re.sub(r"-\n +", "-", text).split()  # lines may end at a hyphen
        for parameter in entry.params:
            words = (getattr(parameter, "help", None) or "").split()
            assert set(words) <= set(shown), (verb, parameter.name)
