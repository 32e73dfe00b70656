"""Makes docs/images/MODEL_failures.png: `python docs/failure_pictures.py default voc:PATH`.

The pictures of the val split on which a bundled model does worst, by the mean IoU of the classes each shows
or is said to show. Photos of VOC may not be published again, so the labels are drawn: the truth above, the
model's labels below, void in cream. --apart N: of frames of a video, no two within N of each other.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import pixelwise
from pixelwise.core.pictures.label_pictures import mask
from pixelwise.core.types import VOID, Labels
from pixelwise.data import open_dataset
from pixelwise.evaluation import confusion_matrix

HERE = Path(__file__).parent
SHOWN, WIDTH, HEIGHT, GAP = 8, 170, 128, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--apart", type=int, default=1)
    options = parser.parse_args()
    data = open_dataset(options.data, "val")
    predictor = pixelwise.load(options.model)
    names = predictor.classes.names
    found: list[tuple[float, int, Labels, Labels, str]] = []
    for index in range(len(data)):
        sample = data.read(index)
        labels = predictor(sample.image).labels
        counts = confusion_matrix(sample.labels, labels, len(names))
        union = counts.sum(0) + counts.sum(1) - np.diag(counts)
        score = float(np.mean(np.diag(counts)[union > 0] / union[union > 0]))
        wrong = counts - np.diag(np.diag(counts))
        truth, said = np.unravel_index(int(wrong.argmax()), wrong.shape)
        found.append((score, index, sample.labels, labels, f"{names[truth]}\nas {names[said]}"))
    found.sort(key=lambda each: each[0])
    shown: list[tuple[float, int, Labels, Labels, str]] = []
    for case in found:
        if all(abs(case[1] - other[1]) >= options.apart for other in shown):
            shown.append(case)
    font = ImageFont.load_default(14)
    caption = 40
    page = Image.new("RGB", (SHOWN * (WIDTH + GAP) + GAP, caption + 2 * (HEIGHT + GAP) + GAP), "white")
    draw = ImageDraw.Draw(page)
    for column, (_, _, truth_map, said_map, text) in enumerate(shown[:SHOWN]):
        left = GAP + column * (WIDTH + GAP)
        draw.multiline_text((left, 4), text, (40, 40, 45), font)
        said_map = np.where(truth_map == VOID, VOID, said_map).astype(np.uint8)
        for row, labels in enumerate((truth_map, said_map)):
            picture = mask(labels, predictor.classes).convert("RGB")
            picture.thumbnail((WIDTH, HEIGHT), Image.Resampling.NEAREST)
            page.paste(picture, (left, caption + row * (HEIGHT + GAP)))
    page.save(HERE / "images" / f"{options.model}_failures.png", optimize=True)


if __name__ == "__main__":
    main()
