"""Installs the wheel of dist/ where there is no compiler, and runs the demo: `python release/try_wheel.py`.

In a new virtual environment, with a PATH that holds only that environment, pip installs the wheel from files
made ready (--only-binary), the command segments the example photos, and Python runs the dense CRF. Prints
what it did; exits with an error if any of it fails.
"""

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
CRF = """
import numpy, pixelwise
image = numpy.zeros((40, 60, 3), numpy.uint8)
image[:, 30:] = 200
probabilities = numpy.full((2, 40, 60), 0.5, numpy.float32)
probabilities[0, :, :25], probabilities[0, :, 35:] = 0.9, 0.1
probabilities[1] = 1 - probabilities[0]
labels = pixelwise.crf.refine(image, probabilities).argmax(0)
assert (labels[:, :30] == 0).all() and (labels[:, 30:] == 1).all()
"""


def main() -> None:
    wheels = sorted((ROOT / "dist").glob("*.whl"))
    if len(wheels) != 1:
        sys.exit(f"expected one wheel in dist/, found {len(wheels)}: run release/build.py")
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "environment"
        venv.create(place, with_pip=True)
        scripts = place / ("Scripts" if sys.platform == "win32" else "bin")
        environment = {
            name: value for name, value in os.environ.items() if name not in ("CC", "CXX", "PYTHONPATH")
        }
        environment["PATH"] = str(scripts)

        def call(name: str, *arguments: str) -> None:
            print(f"{name} {' '.join(arguments[:6])}".replace("\n", " ")[:100], flush=True)
            if subprocess.run([scripts / name, *arguments], env=environment, cwd=scratch).returncode:
                sys.exit("failed")

        call(
            "python", "-c", "import shutil; assert not any(map(shutil.which, ('cc', 'c++', 'gcc', 'cmake')))"
        )
        call("python", "-m", "pip", "install", "--quiet", "--only-binary", ":all:", str(wheels[0]))
        call("pixelwise", "segment", str(ROOT / "examples"), "--output", "demo", "--crf")
        overlays = len(list((Path(scratch) / "demo").glob("*_overlay.jpg")))
        if not overlays:
            sys.exit("the demo wrote no overlay")
        call("python", "-c", CRF)
    print(f"{wheels[0].name}: installed without a compiler; {overlays} photos segmented, the dense CRF ran.")


if __name__ == "__main__":
    main()
