"""Hostile model files: each is run or named, and the command keeps the rules of verdicts.py."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COUNT = int(os.environ.get("PIXELWISE_HOSTILE", "66"))
BATCH = 110

pytest.importorskip("onnx")
pytest.importorskip("openvino")


@pytest.mark.parametrize("batch", range(-(-COUNT // BATCH)))
def test_hostile_model_files_are_run_or_named(batch: int, tmp_path: Path) -> None:
    program = Path(__file__).with_name("cases_models.py")
    count = min(BATCH, COUNT - batch * BATCH)
    command = [sys.executable, str(program), str(count), str(batch), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    judged = json.loads(done.stdout.splitlines()[-1])
    assert judged["faults"] == []
    assert len(judged["codes"]) == count
    assert {0, 1} <= set(judged["codes"]), "some changes do no harm, most are refused"
