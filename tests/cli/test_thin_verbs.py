"""A verb parses, calls one function and prints, so no function of `cli/` is long."""

import ast
import inspect
from pathlib import Path

import pytest

from pixelwise import cli
from pixelwise.cli import main

FOLDER = Path(cli.__file__).parent
MOST_LINES = 50


def lengths(source: str) -> dict[str, int]:
    """Lines of each function of a module, with its signature and without the docstring, a verb's help."""
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            help_lines = 0
            if ast.get_docstring(node, clean=False) is not None:
                help_lines = (first.end_lineno or 0) - first.lineno + 1
            found[node.name] = (node.end_lineno or 0) - node.lineno + 1 - help_lines
    return found


def test_no_function_of_the_command_line_is_longer_than_50_lines() -> None:
    found = {
        f"{path.name}: {name}": length
        for path in sorted(FOLDER.glob("*.py"))
        for name, length in lengths(path.read_text(encoding="utf-8")).items()
    }
    assert {name: length for name, length in found.items() if length > MOST_LINES} == {}
    for command in main.app.registered_commands:
        assert command.callback is not None
        verb = inspect.unwrap(command.callback)
        assert f"{Path(inspect.getfile(verb)).name}: {verb.__name__}" in found, command.name
    assert len(main.app.registered_commands) >= 20


@pytest.mark.parametrize(
    ("body", "expected"),
    [("    pass\n", 2), ("    x = 1\n" * 60, 61), ('    """A\n    B."""\n    pass\n', 2)],
)
def test_the_count_leaves_out_the_help_alone(body: str, expected: int) -> None:
    assert lengths(f"def verb() -> None:\n{body}") == {"verb": expected}
