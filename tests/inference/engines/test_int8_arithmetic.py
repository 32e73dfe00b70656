"""int8 on processors with and without instructions for its products."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pixelwise import _core
from pixelwise.core.types import Scores
from pixelwise.inference.engines.openvino import OpenVinoEngine
from pixelwise.inference.model_files.model_file import read_model

EMULATOR = shutil.which("qemu-x86_64")
SCORING = """
import sys
import numpy as np
from pixelwise import _core, load
engine, file, with_products = sys.argv[1:]
if with_products == "hidden":
    _core.has_int8_products = lambda: False
assert _core.has_int8_products() == (with_products == "yes")
picture = np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8).repeat(8, 0).repeat(8, 1)
np.save(file, load("street", precision="int8", engine=engine, threads=1).engine.scores(picture))
"""


@pytest.mark.parametrize("products", [True, False])
def test_openvino_computes_in_int8_only_where_it_is_exact(
    monkeypatch: pytest.MonkeyPatch, products: bool
) -> None:
    pytest.importorskip("openvino")
    monkeypatch.setattr(_core, "has_int8_products", lambda: products)
    engine = OpenVinoEngine(read_model("street", int8=True)[0], 1, bundled=True)
    layers = [layer.get_rt_info() for layer in engine._net.get_runtime_model().get_ops()]
    convolutions = [layer for layer in layers if "Convolution" in str(layer["layerType"].astype(str))]
    assert len(convolutions) > 50
    in_int8 = [layer for layer in convolutions if layer["runtimePrecision"].astype(str) in ("i8", "u8")]
    assert bool(in_int8) == products


def scores(engine: str, file: Path, products: str, *emulator: str) -> Scores:
    command = [*emulator, sys.executable, "-c", SCORING, engine, str(file), products]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found: Scores = np.load(file)
    return found


@pytest.mark.slow
@pytest.mark.skipif(EMULATOR is None, reason="no emulator of other processors: apt-get install qemu-user")
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_processor_without_int8_products_scores_alike(engine: str, tmp_path: Path) -> None:
    pytest.importorskip(engine)
    assert EMULATOR is not None
    old = scores(engine, tmp_path / "old.npy", "no", EMULATOR, "-cpu", "Haswell")
    here = scores(engine, tmp_path / "here.npy", "hidden")
    np.testing.assert_allclose(old, here, rtol=0, atol=1e-3)
