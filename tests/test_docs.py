"""What the docs print is what the commands print."""

import dataclasses
import functools
import itertools
import re
import shlex
import types
from pathlib import Path

import pytest
from typer.testing import CliRunner

import pixelwise
from pixelwise.cli import main, segment
from pixelwise.data import SOURCES
from pixelwise.inference.results.kinds import FULL_SIZE_VALUES
from pixelwise.training.recipe import Recipe

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "src" / "pixelwise"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


@pytest.mark.slow
def test_the_table_of_models_is_as_printed() -> None:
    pytest.importorskip("torch")
    done = CliRunner().invoke(main.app, ["models"])
    assert done.exit_code == 0, done.output
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert len(lines) > 10
    assert "\n".join(lines[:-1]) in (DOCS / "models.md").read_text()
    assert lines[-1] in (DOCS / "models.md").read_text()


def test_the_docs_say_how_large_saved_probabilities_are() -> None:
    most = f"{FULL_SIZE_VALUES // 1_000_000} million numbers"
    page = " ".join((DOCS / "tutorials/segment.md").read_text().split())
    assert f"more than {most} ({FULL_SIZE_VALUES // 2_100_000 / 10} megapixels with 21 classes)" in page
    assert f"beyond {most}" in " ".join(str(segment.segment.__doc__).split())


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


def commands_of(text: str) -> list[str]:
    """What follows `pixelwise` in code."""
    return re.findall(r"(?:^|`)pixelwise ([^`\n]*)", text, re.MULTILINE)


def test_the_pages_are_found_and_show_commands() -> None:
    assert len(PAGES) >= 25
    with_commands = [page for page in PAGES if commands_of(page.read_text())]
    assert {ROOT / "README.md", *DOCS.glob("tutorials/*.md")} - {*with_commands} <= {
        DOCS / "tutorials/pydensecrf.md",
        DOCS / "tutorials/whole_way.md",
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_has_its_options_and_settings(page: Path) -> None:
    text = page.read_text()
    for command in commands_of(text):
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_of_a_page_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_include_of_a_page_names_a_file() -> None:
    lines = [line for page in PAGES for line in page.read_text().splitlines() if line.startswith("--8")]
    assert len(lines) >= 5
    included = [re.fullmatch(r'--8<-- "([^":]+)(:\w+)?"', line) for line in lines]
    assert [
        line for line, name in zip(lines, included, strict=True) if not (name and (ROOT / name[1]).is_file())
    ] == []


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    named = re.findall(r": ([\w/]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def test_the_page_on_stability_has_every_public_package() -> None:
    page = (DOCS / "reference/index.md").read_text()
    packages = [name for name in pixelwise.__all__ if isinstance(getattr(pixelwise, name), types.ModuleType)]
    assert len(packages) >= 10
    assert [name for name in packages if f"`pixelwise.{name}`" not in page] == []
    functions = [name for name in pixelwise.__all__ if name not in packages]
    functions += [name for name in pixelwise.workflows.__all__ if name.islower()]
    assert [name for name in functions if f"`{name}`" not in page] == []


def test_every_module_that_the_guides_for_maintainers_name_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`((?:[\w*]+/)+(?:\w+\.\w+)?)`", text)
    assert len(named) >= 15
    assert [name for name in named if not any((base / name).exists() for base in (ROOT, PACKAGE))] == []


@functools.cache
def help_of(verb: str) -> str:
    told = CliRunner().invoke(main.app, [verb, "--help"])
    assert told.exit_code == 0, verb
    return told.stdout
