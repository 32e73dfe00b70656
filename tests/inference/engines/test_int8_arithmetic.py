"""int8 on processors with and without instructions for its products."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

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


def scores(
    engine: str, file: Path, products: str, *emulator: str
) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    command = [*emulator, sys.executable, "-c", SCORING, engine, str(file), products]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    found: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = np.load(file)
    return found


@pytest.mark.skipif(EMULATOR is None, reason="no emulator of other processors: apt-get install qemu-user")
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_processor_without_int8_products_scores_alike(engine: str, tmp_path: Path) -> None:
    pytest.importorskip(engine)
    assert EMULATOR is not None
    old = scores(engine, tmp_path / "old.npy", "no", EMULATOR, "-cpu", "Haswell")
    here = scores(engine, tmp_path / "here.npy", "hidden")
    np.testing.assert_allclose(old, here, rtol=0, atol=1e-3)
