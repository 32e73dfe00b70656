"""How near masks made from boxes come to true ones: the dense CRF beside plain rectangles.

    python experiments/boxes_to_masks.py voc:PATH [--split train] [--images 300] [--mean NAME,NAME,...]

Boxes are drawn around the connected parts (8 neighbours) of each class in the true masks, those of less than
0.1 % of the picture left out. Where objects of one class touch, they share a box, and an object cut in two
has two: not quite what annotators draw. Rectangles are "Bbox-Rect" of Papandreou et al. 2015: of the boxes
around a pixel the smallest counts. --sheet FILE draws the first pictures: truth, rectangles, CRF.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from pixelwise.core.boxes import Box
from pixelwise.core.pictures.writing import write_picture
from pixelwise.core.threads import in_order, processors
from pixelwise.core.types import VOID, Labels, RGBImage
from pixelwise.crf import Preset
from pixelwise.crf.masks_from_boxes import masks_from_boxes
from pixelwise.data import LabelledImages, open_dataset
from pixelwise.evaluation.bootstrap import interval, resampled
from pixelwise.evaluation.metrics.confusion import CONVENTION, Counts
from pixelwise.evaluation.tally import Tally

LEAST = 0.001
RELEASED = Preset("released", "DeepLab's scripts, bboxErode20", 45, 37, 3, w2=15, normalization="after")
METHODS: dict[str, Callable[[RGBImage, Sequence[Box]], Labels]] = {
    "rectangles": lambda image, boxes: rectangles((image.shape[0], image.shape[1]), boxes),
    "CRF": partial(masks_from_boxes, threads=1),
    "CRF, the paper's release": partial(masks_from_boxes, preset=RELEASED, middle=0.2, threads=1),
}


def boxes_around(labels: Labels) -> list[Box]:
    """A box around every connected part of a class, but for background, void and small parts."""
    found = []
    for label in np.unique(labels[(labels != 0) & (labels != VOID)]).tolist():
        parts, _ = ndimage.label(labels == label, np.ones((3, 3)))
        for number, (rows, columns) in enumerate(ndimage.find_objects(parts), start=1):
            if np.count_nonzero(parts[rows, columns] == number) >= LEAST * labels.size:
                found.append(Box(label, rows.start, columns.start, rows.stop, columns.stop))
    return found


def rectangles(size: tuple[int, int], boxes: Sequence[Box]) -> Labels:
    labels = np.zeros(size, np.uint8)
    for box in sorted(boxes, key=lambda box: -box.area):
        labels[box.pixels(size)] = box.label
    return labels


def judge(data: LabelledImages, indices: Sequence[int]) -> dict[str, Counts]:
    """Counts per image of each of METHODS."""
    tallies = {name: Tally(len(data.classes)) for name in METHODS}

    def drawn(index: int) -> tuple[str, Labels, list[Labels]]:
        sample = data.read(index)
        boxes = boxes_around(sample.labels)
        return sample.id, sample.labels, [method(sample.image, boxes) for method in METHODS.values()]

    for id_, truth, results in in_order(drawn, indices, processors()):
        for tally, result in zip(tallies.values(), results, strict=True):
            tally.add(id_, truth, result)
    return {name: tally.per_image() for name, tally in tallies.items()}


def tinted(image: RGBImage, labels: Labels, palette: npt.NDArray[np.uint8]) -> RGBImage:
    """The picture with its labels in their colours, background as it is, void white."""
    shares = np.where(labels == 0, 0, 0.6)[..., None]
    return ((1 - shares) * image + shares * palette[labels]).astype(np.uint8)


def draw_sheet(data: LabelledImages, indices: Sequence[int], path: Path) -> None:
    """Truth, rectangles and CRF of each picture side by side, two pictures a row."""
    palette = np.full((256, 3), 255, np.uint8)
    palette[: len(data.classes)] = data.classes.palette
    tiles = []
    for index in indices:
        sample = data.read(index)
        boxes = boxes_around(sample.labels)
        size = sample.labels.shape[0], sample.labels.shape[1]
        results = [sample.labels, rectangles(size, boxes), masks_from_boxes(sample.image, boxes)]
        strip = np.concatenate([tinted(sample.image, labels, palette) for labels in results], axis=1)
        tile = Image.new("RGB", (620, 150), (255, 255, 255))
        picture = Image.fromarray(strip)
        picture.thumbnail((610, 145))
        tile.paste(picture)
        tiles.append(np.asarray(tile))
    rows = [np.concatenate(tiles[i : i + 2], axis=1) for i in range(0, len(tiles) - 1, 2)]
    sheet = Image.fromarray(np.concatenate(rows))
    write_picture(path, sheet)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", metavar="KIND:PATH", help="with true masks; id 0 is background")
    parser.add_argument("--split", default="train")
    parser.add_argument(
        "--images", type=int, default=300, help="number of pictures, evenly spaced over the split"
    )
    parser.add_argument("--mean", metavar="LIST", help="classes whose mean is taken; default: all")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="PNG of the first 20 pictures")
    options = parser.parse_args()
    data = open_dataset(options.data, options.split)
    count = min(options.images, len(data))
    indices = [i * len(data) // count for i in range(count)]
    names = list(data.classes.names)
    chosen = [names.index(name) for name in (options.mean.split(",") if options.mean else names)]
    if options.sheet:
        draw_sheet(data, indices[:20], options.sheet)

    judged = judge(data, indices)
    first, *_ = judged.values()
    print(f"{count} images of {data.name}; mean over {len(chosen)} classes")
    print(f"\n| | mean IoU % | over rectangles, 95 % interval | {' | '.join(names[i] for i in chosen)} |")
    print("|---" * (3 + len(chosen)) + "|")
    for name, images in judged.items():
        ious = images.total().iou()[chosen]
        gains = np.nanmean(resampled(images).iou()[:, chosen], 1) - np.nanmean(
            resampled(first).iou()[:, chosen], 1
        )
        low, high = interval(gains)
        gain = np.nanmean(ious) - np.nanmean(first.total().iou()[chosen])
        spread = "" if images is first else f"{100 * gain:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
        cells = " | ".join(f"{100 * iou:.1f}" for iou in ious)
        print(f"| {name} | {100 * np.nanmean(ious):.1f} | {spread} | {cells} |")
    print(f"\nConvention: {CONVENTION}.")


if __name__ == "__main__":
    main()
