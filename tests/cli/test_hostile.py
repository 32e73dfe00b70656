"""Ten good pictures among forty hostile files: those segmented, these named, memory bounded."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hostile_files import SIDE, write_good, write_hostile
from PIL import Image

from pixelwise.core.terminal import printable

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

# Its own peak: what the system tells of a child (ru_maxrss) begins with the parent's size.
RUN = """
import atexit, re, sys
from pathlib import Path
from pixelwise.cli.main import main
def peak():
    Path("peak").write_text(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
if sys.platform == "linux":
    atexit.register(peak)
main()
"""


def test_ten_good_pictures_survive_forty_hostile_files(
    model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    good, hostile = write_good(folder), write_hostile(folder)
    assert (len(good), len(hostile)) == (10, 40)

    command = [sys.executable, "-W", "error", "-c", RUN, "segment", "--json", "--threads", "2"]
    command += [str(folder), "--model", str(model_path), "--output", str(output)]
    with (tmp_path / "stdout").open("wb") as stdout, (tmp_path / "stderr").open("wb") as stderr:
        done = subprocess.run(command, stdout=stdout, stderr=stderr, check=False, cwd=tmp_path)
    assert done.returncode == 1
    if sys.platform == "linux":
        assert int((tmp_path / "peak").read_text()) * 1024 < 2e9

    records = [json.loads(line) for line in (tmp_path / "stdout").read_text().splitlines()]
    assert len(records) == 50
    results = {record["path"]: record for record in records if "error" not in record}
    assert set(results) == {str(path) for path in good}
    for path, record in results.items():
        with Image.open(record["outputs"]["mask"]) as mask:
            assert mask.size == (record["width"], record["height"])
        assert sum(entry["area"] for entry in record["classes"]) > 0.999, path
    huge = [results[str(folder / name)] for name in ("good_huge.png", "good_huge.jpg")]
    assert [record["classes"][0]["name"] for record in huge] == ["red", "blue"]
    assert all((record["height"], record["width"]) == (SIDE, SIDE) for record in huge)
    assert all("overlay saved at 64x64" in record["notes"] for record in huge)

    lines = (tmp_path / "stderr").read_text().splitlines()
    for path in hostile:
        named = [line for line in lines if line.startswith(f"error: {printable(path)}: ")]
        assert len(named) == 1, path
        assert len(named[0]) > len(f"error: {printable(path)}: ") + 10, named
    summary, nothing_found = [line for line in lines if not line.startswith("error: ")]
    assert nothing_found.startswith("nothing found in "), nothing_found
    assert "10 segmented, 40 failed" in summary
    assert len(lines) == 40 + 2
    left = [path.name for path in output.rglob("*") if path.name.endswith(".partial")]
    assert left == []
