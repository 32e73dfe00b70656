"""No module imports itself through others, and the base install needs no torch."""

import ast
import subprocess
import sys
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import pixelwise

ROOT = Path(pixelwise.__file__).parent
WITHOUT_TORCH = ("core", "crf", "data", "distributed", "evaluation", "inference", "workflows", "cli")
WITH_TORCH = {
    "pixelwise.crf.torch_backend",
    "pixelwise.crf.torch_lattice",
    "pixelwise.data.transforms",
    "pixelwise.inference.engines.torch",
    "pixelwise.inference.engines.torchscript",
    "pixelwise.inference.model_files.evaluation_mode",
    "pixelwise.inference.model_files.foreign_net",
    "pixelwise.inference.model_files.net_file",
}


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


def modules() -> dict[str, str]:
    """The source of each module of the package."""
    sources = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        sources[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    assert len(sources) > 200
    return sources


def test_there_are_no_circular_imports() -> None:
    expect_no_cycle(modules())


def test_a_cycle_is_found_in_functions_and_in_imports_for_types() -> None:
    late = "def f():\n    from pixelwise import b\n"
    typed = "if TYPE_CHECKING:\n    from pixelwise.a import A\n"
    with pytest.raises(AssertionError, match=r"pixelwise\.\w imports pixelwise\.\w imports pixelwise\.\w"):
        expect_no_cycle({"pixelwise.a": late, "pixelwise.b": typed})


@pytest.mark.slow
def test_the_rooms_of_the_base_install_are_imported_without_torch_and_ray() -> None:
    names = sorted(name for name in modules() if name.split(".")[1:2] and name.split(".")[1] in WITHOUT_TORCH)
    assert set(names) > WITH_TORCH
    code = f"""
import importlib, sys
missing = ("torch", "torchvision", "timm", "lightning_fabric", "safetensors", "tensorboard", "ray", "pyarrow")
for name in missing:
    sys.modules[name] = None
for name in {[name for name in names if name not in WITH_TORCH]}:
    importlib.import_module(name)
refused = 0
for name in {sorted(WITH_TORCH)}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        refused += 1
print(refused)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{len(WITH_TORCH)}\n"), done.stderr


def test_the_base_install_says_which_extra_brings_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    code = """
import sys
sys.modules["torch"] = sys.modules["fastapi"] = None
import pixelwise
from pixelwise.core import MissingExtraError
hints = []
for use in (
    lambda: pixelwise.crf.CRFLayer,
    lambda: pixelwise.models.nets.FCN,
    lambda: pixelwise.models.create("fcn32s_vgg16"),
    lambda: pixelwise.inspect.describe,
    lambda: pixelwise.recipes.recipe_names(),
    lambda: pixelwise.train("finetune", "folder:nowhere"),
    lambda: pixelwise.load("run"),
    lambda: pixelwise.workflows.preview("finetune", ["data=folder:nowhere"]),
    lambda: pixelwise.serve.create_app,
):
    try:
        use()
    except ImportError as problem:
        assert isinstance(problem, MissingExtraError)
        hints.append(problem.hint)
print(*hints, sep="\\n")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    expected = ['pip install "pixelwise[train]"'] * 8 + ['pip install "pixelwise[serve]"']
    assert done.stdout.splitlines() == expected, done.stderr


def test_no_room_but_verbs_and_kinds_of_data_holds_more_than_fifteen_modules() -> None:
    rooms = Counter(path.parent.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))
    assert len(rooms) > 20
    crowded = {room: count for room, count in rooms.items() if count > 15}
    assert crowded.keys() <= {"cli", "data/sources"}
