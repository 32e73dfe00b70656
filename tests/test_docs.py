"""What the docs print is what the commands print."""

import dataclasses
import functools
import itertools
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pixelwise.cli import main
from pixelwise.data import SOURCES
from pixelwise.training.recipe import Recipe

DOCS = Path(__file__).parents[1] / "docs"


def test_the_table_of_models_is_as_printed() -> None:
    pytest.importorskip("torch")
    done = CliRunner().invoke(main.app, ["models"])
    assert done.exit_code == 0, done.output
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert len(lines) > 10
    assert "\n".join(lines[:-1]) in (DOCS / "models.md").read_text()
    assert lines[-1] in (DOCS / "models.md").read_text()


def test_the_page_on_data_has_every_kind_with_its_addresses_splits_and_options() -> None:
    page = (DOCS / "data.md").read_text()
    for source in SOURCES.values():
        assert re.search(rf"^\| {source.kind} \||\*\*{source.kind}\*\*", page, re.MULTILINE), source.kind
        if source.terms != "yours" and source.kind != "coco":
            assert set(re.findall(r"https?://[^ ;)]+", source.get)) <= set(
                re.findall(r"https?://[^ ;)|,]+", page)
            )
            row = next(line for line in page.splitlines() if line.startswith(f"| {source.kind} |"))
            assert all(split in row for split in source.splits), source.kind
        for option in source.options:
            assert f",{option}=" in page, f"{source.kind},{option}="


@pytest.mark.parametrize(
    "page", [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))], ids=lambda page: page.name
)
def test_every_command_of_a_page_has_its_options_and_settings(page: Path) -> None:
    text = page.read_text()
    commands = re.findall(r"(?:^|`)pixelwise ([^`\n]*)", text, re.MULTILINE)
    assert commands
    for command in commands:
        verb, *words = shlex.split(command, comments=True)
        told = help_of(verb)
        for word in words:
            assert not word.startswith("-") or re.search(rf"^ .*{word}\b", told, re.MULTILINE), command
    fields = {field.name for field in dataclasses.fields(Recipe)}
    assert set(re.findall(r"--set (\w+)=", text)) <= fields


def test_the_page_on_training_has_every_recipe() -> None:
    recipes = pytest.importorskip("pixelwise.recipes", reason="recipes need torch", exc_type=ImportError)
    page = (DOCS / "training.md").read_text()
    table = page.partition("## The recipes")[2].partition("\n## ")[0]
    named = [
        name
        for entry in re.findall(r"^\|.*`.*\|$", table, re.MULTILINE)
        for name in re.findall(r"`(.*?)`", entry)
    ]
    expanded = {
        "".join(parts)
        for name in named
        for parts in itertools.product(*(part.split(",") for part in re.split(r"[{}]", name)))
    }
    assert expanded == {*recipes.recipe_names(), "default", "street"}


@functools.cache
def help_of(verb: str) -> str:
    told = CliRunner().invoke(main.app, [verb, "--help"])
    assert told.exit_code == 0, verb
    return told.stdout
