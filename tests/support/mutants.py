"""Run tests against a copy of the package in which one text has been replaced.

`outcomes` starts one process that imports torch and the like once and forks for each mutant, which costs a
second or two. The copy comes first on the path, also before the finder of an editable install.
"""

import importlib
import importlib.machinery
import json
import os
import shutil
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("numpy", "torch", "torchvision", "timm", "pytest", "lightning_fabric", "PIL.Image")


@dataclass(frozen=True)
class Mutant:
    """`old` becomes `new` in src/pixelwise/FILE; `tests`, as pytest's arguments, must notice."""

    file: str
    old: str
    new: str
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """pytest's exit code (0 passed, 1 failed, others: it could not run) and what it printed."""

    code: int
    printed: str


def mutated(source: str, mutant: Mutant) -> str:
    """The source with the text replaced. Raises ValueError unless it occurs exactly once."""
    if (count := source.count(mutant.old)) != 1:
        raise ValueError(f"{mutant.file} has the text {count} times, expected once: {mutant.old!r}")
    return source.replace(mutant.old, mutant.new)


def outcomes(mutants: Mapping[str, Mutant], folder: Path) -> dict[str, Outcome]:
    """What each mutant's tests say, by its name. `folder` is empty and takes the copy."""
    shutil.copytree(ROOT / "src/pixelwise", folder / "pixelwise", ignore=shutil.ignore_patterns("bundled"))
    order = json.dumps({name: asdict(mutant) for name, mutant in mutants.items()})
    done = subprocess.run(
        [sys.executable, __file__, str(folder)],
        input=order,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-3000:])
    return {name: Outcome(**found) for name, found in json.loads(done.stdout).items()}


class _First(importlib.machinery.PathFinder):
    """Finds the package in `folder`, before any other finder does."""

    folder: str

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] != "pixelwise":
            return None
        found = [cls.folder] if path is None else path
        return importlib.machinery.PathFinder.find_spec(fullname, found)


def _serve(folder: Path) -> None:
    for name in HEAVY:
        importlib.import_module(name)
    sys.dont_write_bytecode = True  # a cached mutant would be taken for another one
    found = {}
    for name, values in json.load(sys.stdin).items():
        mutant = Mutant(**values)
        file, original = folder / "pixelwise" / mutant.file, ROOT / "src/pixelwise" / mutant.file
        file.write_text(mutated(original.read_text(), mutant))
        printed = folder / "printed.txt"
        child = os.fork()
        if child == 0:
            _test(folder, mutant.tests, printed)
        _, status = os.waitpid(child, 0)
        shutil.copy2(original, file)
        found[name] = asdict(Outcome(os.waitstatus_to_exitcode(status), printed.read_text()))
    print(json.dumps(found))


def _test(folder: Path, tests: Sequence[str], printed: Path) -> None:
    """Run the tests, with what they print in a file, and end the process."""
    code = 99
    try:
        descriptor = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        _First.folder = str(folder)
        sys.meta_path.insert(0, _First)
        import pytest

        import pixelwise

        if not str(pixelwise.__file__).startswith(str(folder)):
            raise RuntimeError(f"the tests would see {pixelwise.__file__} and not the copy in {folder}")
        code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests]))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
