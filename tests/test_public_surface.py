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


@pytest.mark.parametrize("name", ["crf.refine", "crf.pydensecrf.densecrf", "evaluation.mean_iou", "load"])
def test_a_public_name_needs_no_import_but_that_of_pixelwise(name: str) -> None:
    code = f"import pixelwise, sys; pixelwise.{name}; assert 'torch' not in sys.modules"
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
