"""Records of options: typer sees their fields, verbs get the records."""

import pickle
from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from pixelwise.cli import evaluate
from pixelwise.cli.main import add_verb, app
from pixelwise.cli.option_groups import (
    InferenceOptions,
    ResultOptions,
    StyleOptions,
    flat_signature,
    gathered,
    option_of,
)
from pixelwise.core.errors import ArgumentError


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


def test_a_wrong_argument_is_blamed_on_its_option() -> None:
    for fails, argument in (
        (lambda: StyleOptions(opacity=2.0).style(["overlay"]), "opacity"),
        (lambda: StyleOptions(background="nope").style(["cutout"]), "background"),
        (lambda: InferenceOptions(device="gpu").for_load(), "device"),
        (lambda: InferenceOptions(precision="int3").for_load(), "precision"),
        (lambda: ResultOptions(save="masks").for_segment(), "save"),
        (lambda: ResultOptions(save="yolo", tolerance=-1).for_segment(), "tolerance"),
    ):
        with pytest.raises(ArgumentError) as caught:
            fails()
        assert caught.value.argument == argument
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # between processes
    named = {
        "model": "MODEL|masks:FOLDER",
        "allow_missing": "--allow-missing",
        "ids": "--list",
        "tiles": "--tiles",
    }
    assert {argument: option_of(evaluate.evaluate, argument) for argument in named} == named
    assert option_of(evaluate.evaluate, "views") is None


def test_finding_a_rate_goes_on_from_nothing() -> None:
    done = CliRunner().invoke(app, ["train", "voc", "--find-rate", "--resume"])
    assert (done.exit_code, "--resume: it does not apply to --find-rate" in done.stderr) == (2, True)
