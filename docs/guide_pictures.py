"""Makes the pictures of docs/guide.md: `python docs/guide_pictures.py RUN MODEL.onnx` with the run's folder
and the model file made of it; the base tier is enough.
"""

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from panels import INK, PAPER, row
from PIL import Image, ImageDraw, ImageFont

import pixelwise
from pixelwise.crf.presets import DEEPLAB_COCO

HERE = Path(__file__).parent
LIGHT, LINE = (222, 222, 226), (30, 90, 230)

Points = Sequence[tuple[float, float]]


def result(model: str) -> None:
    """A cat that was in no training: the photo, the model's labels, the same after the CRF."""
    file = HERE.parent / "examples" / "chelsea.png"
    pictures = {
        "the photo": Image.open(file).convert("RGB"),
        "cat, as the model has it": pixelwise.load(model)(file).overlay(legend=False),
        "with --crf": pixelwise.load(model, crf=DEEPLAB_COCO)(file).overlay(legend=False),
    }
    row(pictures).save(HERE / "images" / "guide_result.jpg", quality=88)


def logged(run: Path) -> tuple[Points, Points]:
    """(step, loss) and (step, mean IoU on the held-out pictures in per cent) of log.jsonl."""
    entries = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    losses = [(entry["step"], entry["loss"]) for entry in entries if "loss" in entry]
    judged = [(entry["step"], 100 * entry["val/mean_iou"]) for entry in entries if "val/mean_iou" in entry]
    return losses, judged


def chart(title: str, points: Points, levels: Sequence[float], last: float, scale: int) -> Image.Image:
    """A line through points above a grid at `levels`, enlarged by `scale`; the steps go from 0 to `last`."""
    font = ImageFont.load_default(13 * scale)
    width, height, left, top, right, bottom = (scale * side for side in (450, 220, 42, 34, 432, 190))
    picture = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(picture)

    def place(step: float, value: float) -> tuple[float, float]:
        share = (value - levels[0]) / (levels[-1] - levels[0])
        return left + (right - left) * step / last, bottom - (bottom - top) * share

    draw.text((left, 6 * scale), title, INK, font)
    for level in levels:
        y = place(0, level)[1]
        draw.line([(left, y), (right, y)], LIGHT, scale)
        draw.text((left - 6 * scale, y), f"{level:g}", INK, font, anchor="rm")
    for step in (last * quarter / 4 for quarter in range(5)):
        x = place(step, levels[0])[0]
        draw.text((x, bottom + 6 * scale), f"{step:g}", INK, font, anchor="mt")
    draw.line([place(*point) for point in points], LINE, 2 * scale, joint="curve")
    for x, y in (place(*point) for point in points):
        draw.ellipse([x - 3 * scale, y - 3 * scale, x + 3 * scale, y + 3 * scale], LINE)
    return picture


def curves(run: Path) -> None:
    losses, judged = logged(run)
    last, scale = losses[-1][0], 2
    tenths = math.ceil(10 * max(loss for _, loss in losses))
    lowest, highest = min(iou for _, iou in judged), max(iou for _, iou in judged)
    tens = range(math.floor(lowest / 10) - 1, math.ceil(highest / 10) + 1)
    charts = [
        chart("loss, by step", losses, [tenth / 10 for tenth in range(tenths + 1)], last, scale),
        chart("mean IoU % on the held-out pictures", judged, [10 * ten for ten in tens], last, scale),
    ]
    width, height = charts[0].size
    page = Image.new("RGB", (2 * width, height), PAPER)
    for column, picture in enumerate(charts):
        page.paste(picture, (column * width, 0))
    small = page.resize((page.width // scale, page.height // scale), Image.Resampling.LANCZOS)
    small.quantize(64).save(HERE / "images" / "guide_curves.png", optimize=True)


def main() -> None:
    run, model = sys.argv[1:]
    result(model)
    curves(Path(run))


if __name__ == "__main__":
    main()
