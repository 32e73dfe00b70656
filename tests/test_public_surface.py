"""`import pixelwise` offers the names listed in public_surface.txt, and loads nothing before it is used."""

import subprocess
import sys
import types
from pathlib import Path

import pytest

import pixelwise

LISTED = (Path(__file__).parent / "public_surface.txt").read_text(encoding="utf-8").split()


def surface(package: types.ModuleType) -> list[str]:
    """The public names of a package and of its sub-packages, without the modules that hold them."""
    names = []
    for name in package.__all__:
        names.append(f"{package.__name__}.{name}")
        value = getattr(package, name)
        if hasattr(value, "__path__"):
            names += surface(value)
    return names


def test_the_public_surface_is_the_listed_one() -> None:
    assert sorted(surface(pixelwise)) == LISTED, "a change of the public API must be made in the list as well"


def test_the_list_is_sorted_and_long() -> None:
    assert sorted(set(LISTED)) == LISTED
    assert len(LISTED) > 50


@pytest.mark.slow
@pytest.mark.parametrize("name", ["crf.refine", "crf.pydensecrf.densecrf", "evaluation.mean_iou", "load"])
def test_a_public_name_needs_no_import_but_that_of_pixelwise(name: str) -> None:
    code = f"import pixelwise, sys; pixelwise.{name}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_star_import_and_help_of_the_crf_need_no_torch() -> None:
    code = """
import pydoc, sys
sys.modules["torch"] = None
from pixelwise.crf import *
import pixelwise.crf
assert "mean_field" in pydoc.render_doc(pixelwise.crf)
assert refine is pixelwise.crf.refine and "CRFLayer" not in globals()
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_pixelwise_loads_no_sub_package_and_no_array_library() -> None:
    code = "import pixelwise, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert [name for name in loaded.split() if name.startswith(("pixelwise", "numpy", "PIL"))] == [
        "pixelwise"
    ]


def test_a_wrong_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="segmentt"):
        _ = pixelwise.segmentt  # type: ignore[attr-defined]


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(pixelwise.__file__).parent / "py.typed").is_file()


@pytest.mark.slow
def test_importing_any_module_leaves_the_environment_and_the_allocator_unchanged() -> None:
    code = """
import ctypes, importlib, os, pkgutil
import torch
before, opened, plain = dict(os.environ), [], ctypes.CDLL
ctypes.CDLL = lambda name, *rest, **options: opened.append(name) or plain(name, *rest, **options)
import pixelwise
names = [found.name for found in pkgutil.walk_packages(pixelwise.__path__, "pixelwise.")]
names = [name for name in names if not name.endswith("__main__")]
for name in names:
    importlib.import_module(name)
assert len(names) > 200, len(names)
assert os.environ == before, set(os.environ.items()) ^ set(before.items())
assert None not in opened, "the C library was opened to change its allocator"
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
