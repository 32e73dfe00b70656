"""Whatever checkpoints, weights and settings hold, the verbs that train keep the rules of verdicts.py.

PIXELWISE_HOSTILE=N runs N cases.
"""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from caffe_files import Layer, caffemodel
from cases_training import cases
from PIL import Image
from safetensors.torch import save_file
from squares_runs import command
from verdicts import broken_rules, left_behind, run

pytestmark = pytest.mark.slow  # trains, exports, or starts many processes

COUNT = int(os.environ.get("PIXELWISE_HOSTILE", "44"))
LOADED = (
    "lightning_fabric",
    "timm",
    "torch.utils.tensorboard",
    "pixelwise.exporting.onnx",
    "pixelwise.models.weights.caffe_import",
    "pixelwise.recipes",
    "pixelwise.training.loop",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of four pictures and a sound run."""
    folder = tmp_path_factory.mktemp("hostile")
    squares, rng = folder / "squares", np.random.default_rng(0)
    for split in ("train", "val"):
        for kind, shape in (("images", (24, 32, 3)), ("labels", (24, 32))):
            (squares / split / kind).mkdir(parents=True)
            for index in range(2):
                pixels = rng.integers(0, 2, shape, np.uint8)
                Image.fromarray(pixels).save(squares / split / kind / f"{index}.png")
    (squares / "classes.txt").write_text("ground\nsquare\n")
    torch.manual_seed(0)
    save_file(timm.create_model("test_efficientnet").state_dict(), squares / "trunk.safetensors")
    made = subprocess.run(
        command(squares, folder / "run", "steps=2", "evaluate_every=1", "workers=0", "batch_size=1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    blobs = [np.ones((4, 3, 3, 3), np.float32), np.zeros(4, np.float32)]
    (folder / "net.caffemodel").write_bytes(caffemodel([Layer("conv1", ("Convolution", 4), blobs)]))
    return folder


def test_the_rules_hold_for_damaged_checkpoints_weights_and_absurd_settings(
    place: Path,
) -> None:
    faults, failed = [], 0
    for case in cases(COUNT, 0, place):
        outcome = run(case.arguments, place, *LOADED)
        failed += outcome.code != 0
        found = broken_rules(outcome, case.named) + left_behind(place)
        if "weights_only" in outcome.stderr:
            found.append("torch's unsafe advice is shown")
        if found:
            faults.append(f"{case.arguments}: {found}")
    assert not faults, "\n".join(faults)
    assert failed > COUNT / 2, "most cases are refused"
