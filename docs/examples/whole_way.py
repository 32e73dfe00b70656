"""Load, train on arrays, evaluate, use a net of your own, compare, export: with public names only."""

from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

import pixelwise

CLASSES = ["ground", "square"]
Pair = tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]


def made_up(count: int, seed: int) -> list[Pair]:
    """Bright squares on dark ground: (H, W, 3) images and (H, W) class ids. Put your own arrays here."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 80, (count, 48, 64, 3), dtype=np.uint8)
    labels = np.zeros((count, 48, 64), np.uint8)
    labels[:, 10:34, 14:46] = 1
    images[labels == 1] += 150
    return list(zip(images, labels, strict=True))


def main(output: Path, **settings: Any) -> dict[str, float]:
    result = pixelwise.load("default")(made_up(1, seed=0)[0][0])  # a model that ships, on an array
    print("the shipped model finds", [area.name for area in result.areas()])

    train, val = made_up(8, seed=1), made_up(4, seed=2)
    run = pixelwise.train("finetune", train, val, output / "run", class_names=CLASSES, **settings)
    trained = pixelwise.evaluate(run.path, val, class_names=CLASSES)

    foreign = nn.Sequential(nn.Conv2d(3, 2, 5, stride=2, padding=2))  # stands for a net of smp, say
    mine = pixelwise.load(foreign, classes=CLASSES, mean=(0.5,) * 3, std=(0.25,) * 3)
    own = pixelwise.evaluate(mine, val, class_names=CLASSES)

    compared = pixelwise.compare(own, trained)["metrics"]["mean_iou"]
    print("mean IoU of the trained net, minus that of the other, 95 % interval:", compared["interval"])

    exported = pixelwise.export(run.path, output / "trained.onnx")
    assert pixelwise.load(exported.path).classes.names == tuple(CLASSES)
    return {"trained": compared["b"], "own net": compared["a"]}


if __name__ == "__main__":
    main(Path("whole_way"), steps=200)
