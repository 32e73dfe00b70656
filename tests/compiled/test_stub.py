"""The types of the compiled core are those of its bindings."""

from pathlib import Path

import pytest

import pixelwise
from pixelwise import _core

stubgen = pytest.importorskip("nanobind.stubgen", reason="needs nanobind")


def test_the_stub_is_what_stubgen_writes() -> None:
    generator = stubgen.StubGen(_core)
    generator.put(_core)
    written = (Path(pixelwise.__file__).parent / "_core.pyi").read_text()
    assert "class MeanField" in written
    assert written == generator.get(), "run `make stub` after a change in cpp/bindings"
