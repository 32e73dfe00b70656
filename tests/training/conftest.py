"""A tiny labelled data set that a net can learn in seconds: bright squares on dark ground."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 train and 4 val pictures of 48 x 64 in the folder layout, with classes ground and square, and
    trunk.safetensors, weights of a tiny classifier.
    """
    root = tmp_path_factory.mktemp("squares")
    rng = np.random.default_rng(0)
    for split, count in (("train", 12), ("val", 4)):
        for kind in ("images", "labels"):
            (root / split / kind).mkdir(parents=True)
        for index in range(count):
            image = rng.integers(0, 80, (48, 64, 3)).astype(np.uint8)
            labels = np.zeros((48, 64), np.uint8)
            top, left = rng.integers(0, 24, 2)
            labels[top : top + 24, left : left + 24] = 1
            image[labels == 1] += 150
            Image.fromarray(image).save(root / split / f"images/{index}.png")
            Image.fromarray(labels).save(root / split / f"labels/{index}.png")
    (root / "classes.txt").write_text("ground\nsquare\n")
    torch.manual_seed(0)
    save_file(timm.create_model("test_efficientnet").state_dict(), root / "trunk.safetensors")
    return root
