"""A verb parses, calls one function and prints, so no function of `cli/` is long."""

import ast
import inspect
from pathlib import Path

import pytest

from pixelwise import cli
from pixelwise.cli import main

FOLDER = Path(cli.__file__).parent
MOST_LINES = 40


def lengths(source: str) -> dict[str, int]:
    """Lines of each function of a module without its signature, in which a verb has a line for each option,
    and without the docstring, which is a verb's help.
    """
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            code = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
            found[node.name] = (code[-1].end_lineno or 0) - code[0].lineno + 1 if code else 0
    return found


def test_no_function_of_the_command_line_is_longer_than_40_lines() -> None:
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
    [("    pass\n", 1), ("    x = 1\n" * 60, 60), ('    """A\n    B."""\n    pass\n', 1)],
)
def test_the_count_is_of_code(body: str, expected: int) -> None:
    assert lengths(f"def verb() -> None:\n{body}") == {"verb": expected}
