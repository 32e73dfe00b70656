"""No module imports itself through others, not even inside a function or for types."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import pixelwise

ROOT = Path(pixelwise.__file__).parent


def imported(module: str, source: str, known: frozenset[str]) -> set[str]:
    """The modules of the package that a module imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in known else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return (found & known) - {module, "pixelwise"}


def expect_no_cycle(sources: dict[str, str]) -> None:
    known = frozenset(sources)
    graph = {module: imported(module, source, known) for module, source in sources.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as problem:
        raise AssertionError(" imports ".join(reversed(problem.args[1]))) from None


def test_there_are_no_circular_imports() -> None:
    sources = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        sources[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    assert len(sources) > 200
    expect_no_cycle(sources)


def test_a_cycle_is_found_in_functions_and_in_imports_for_types() -> None:
    late = "def f():\n    from pixelwise import b\n"
    typed = "if TYPE_CHECKING:\n    from pixelwise.a import A\n"
    with pytest.raises(AssertionError, match=r"pixelwise\.\w imports pixelwise\.\w imports pixelwise\.\w"):
        expect_no_cycle({"pixelwise.a": late, "pixelwise.b": typed})
