"""Records of options: typer sees their fields, verbs get the records."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from pixelwise.cli.main import add_verb, app
from pixelwise.cli.option_groups import ResultOptions, StyleOptions, flat_signature, gathered


@dataclass(frozen=True)
class Light:
    """Two options."""

    colour: Annotated[str, typer.Option(help="Of the lamp.")] = "white"
    bright: Annotated[int, typer.Option("--bright", "-b", max=3)] = 1


def verb(room: str, *, light: Light, loud: bool = False) -> None:
    """Light a room."""
    print(room, light, loud)


def test_the_fields_of_a_record_stand_in_its_place() -> None:
    flat = flat_signature(verb)
    assert list(flat.parameters) == ["room", "colour", "bright", "loud"]
    assert flat.parameters["colour"].default == "white"
    assert flat.parameters["bright"].annotation.__metadata__[0].max == 3


def test_values_are_gathered_into_records() -> None:
    values = {"room": "hall", "colour": "red", "bright": 2, "loud": True}
    assert gathered(verb, values) == {"room": "hall", "light": Light("red", 2), "loud": True}


def test_a_record_is_read_from_the_command_line() -> None:
    add_verb("Use models", "light-a-room", verb, ())
    try:
        run = CliRunner()
        assert run.invoke(app, ["light-a-room", "hall", "--colour", "red"]).output.startswith(
            "hall Light(colour='red', bright=1) False"
        )
        assert run.invoke(app, ["light-a-room", "hall", "-b", "9"]).exit_code == 2
    finally:
        app.registered_commands.pop()


def test_options_of_kinds_that_are_not_saved_are_refused() -> None:
    with pytest.raises(typer.BadParameter, match="it does not apply to mask, overlay, which have no outl"):
        ResultOptions(tolerance=2.0).for_segment()
    assert ResultOptions(save="mask,coco", tolerance=2.0).for_segment()["tolerance"] == 2.0
    with pytest.raises(typer.BadParameter, match="it changes the overlay or confidence: add"):
        StyleOptions(legend=False).style(["mask"])
    assert StyleOptions(legend=False).style(["confidence"]).legend is False


def test_finding_a_rate_goes_on_from_nothing() -> None:
    done = CliRunner().invoke(app, ["train", "voc", "--find-rate", "--resume"])
    assert (done.exit_code, "--resume: it does not apply to --find-rate" in done.stderr) == (2, True)
