"""Makes the pictures of docs/crf.md: `python docs/crf_pictures.py` with the base tier installed."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from panels import INK, PAPER, tinted
from PIL import Image, ImageDraw, ImageFont

import pixelwise
from pixelwise.crf import Bilateral, DenseCRF, Gaussian, unary_from_probabilities
from pixelwise.crf.presets import DEEPLAB, DENSECRF

Floats = npt.NDArray[np.float32]
RGBImage = npt.NDArray[np.uint8]

HERE = Path(__file__).parent
PANEL = 236  # width of one picture of a row, pixels


def example(name: str, of: str) -> tuple[RGBImage, Floats, int]:
    """The photo, probabilities (C, H, W) by a net that sees a copy of quarter size, the id of class `of`."""
    photo = Image.open(HERE.parent / "examples" / name).convert("RGB")
    small = photo.resize((photo.width // 4, photo.height // 4), Image.Resampling.BOX)
    predictor = pixelwise.load("default")
    coarse = predictor(small).probabilities
    resize = [
        np.asarray(Image.fromarray(plane).resize(photo.size, Image.Resampling.BILINEAR)) for plane in coarse
    ]
    return np.asarray(photo), np.stack(resize), predictor.classes.names.index(of)


def shaded(values: Floats, low: float, high: float) -> Image.Image:
    """Numbers as greys, `low` white and `high` black."""
    share = np.clip((values - low) / (high - low), 0, 1)
    return Image.fromarray((255 - 255 * share).astype(np.uint8)).convert("RGB")


def sheet(rows: Sequence[tuple[str, Sequence[tuple[str, Image.Image]]]], name: str) -> None:
    """Save rows of captioned pictures, each row under its title."""
    font, bold = ImageFont.load_default(13), ImageFont.load_default(15)
    first = rows[0][1][0][1]
    height = round(PANEL * first.height / first.width)
    gap, title, caption = 10, 26, 20
    columns = max(len(pictures) for _, pictures in rows)
    size = (gap + columns * (PANEL + gap), len(rows) * (title + height + caption + gap))
    page = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(page)
    for r, (heading, pictures) in enumerate(rows):
        top = r * (title + height + caption + gap)
        draw.text((gap, top + 6), heading, INK, bold)
        for c, (text, picture) in enumerate(pictures):
            left = gap + c * (PANEL + gap)
            page.paste(picture.resize((PANEL, height), Image.Resampling.LANCZOS), (left, top + title))
            draw.text((left, top + title + height + 3), text, INK, font)
    page.save(HERE / "images" / name, quality=85)


def iterations(photo: RGBImage, probabilities: Floats, person: int) -> None:
    """DeepLab's figure 2: score and belief maps before and after 1, 2 and 10 iterations."""
    crf = DenseCRF(unary_from_probabilities(probabilities), DENSECRF.kernels(photo))
    scores, beliefs, labels = [], [], []
    for done in (0, 1, 2, 10):
        crf.step(done - crf.iterations)
        q = crf.q
        others = np.delete(q, person, 0).sum(0)
        score = np.log(np.maximum(q[person], 1e-8)) - np.log(np.maximum(others, 1e-8))
        text = {0: "the net alone", 1: "1 iteration"}.get(done, f"{done} iterations")
        scores.append((text, shaded(score, -8, 8)))
        beliefs.append((text, shaded(q[person], 0, 1)))
        labels.append((text, tinted(photo, q.argmax(0) == person)))
    rows = [
        ("score: log-odds of person, white -8 to black 8", scores),
        ("belief: probability of person, white 0 to black 1", beliefs),
        ("label", labels),
    ]
    sheet(rows, "crf_iterations.jpg")


def turned(photo: RGBImage, probabilities: Floats, person: int) -> None:
    """Each parameter turned while the others stay where DENSECRF has them."""
    unary = unary_from_probabilities(probabilities)
    p = DENSECRF

    def bilateral(
        alpha: float = p.theta_alpha, beta: float = p.theta_beta, weight: float = p.w1
    ) -> Bilateral:
        return Bilateral(photo, theta_alpha=alpha, theta_beta=beta, weight=weight)

    def row(
        make: Callable[[float], list[Gaussian | Bilateral]], values: Sequence[float]
    ) -> list[tuple[str, Image.Image]]:
        pictures = []
        for value in values:
            crf = DenseCRF(unary, make(value))
            crf.step(10)
            pictures.append((f"{value:g}", tinted(photo, crf.labels() == person)))
        return pictures

    smooth = Gaussian(p.theta_gamma, p.w2)
    rows = [
        (
            "theta_alpha: how far colours reach, pixels",
            row(lambda v: [smooth, bilateral(alpha=v)], (5, 20, 80, 320)),
        ),
        ("theta_beta: how unlike colours may be", row(lambda v: [smooth, bilateral(beta=v)], (3, 8, 13, 60))),
        ("weight of the bilateral kernel, w1", row(lambda v: [smooth, bilateral(weight=v)], (0, 2, 10, 40))),
        (
            "weight of the Gaussian kernel, w2",
            row(lambda v: [Gaussian(p.theta_gamma, v), bilateral()], (0, 3, 12, 48)),
        ),
        (
            "theta_gamma: width of the Gaussian kernel, pixels (its weight 12)",
            row(lambda v: [Gaussian(v, 12), bilateral()], (1, 3, 9, 27)),
        ),
    ]
    sheet(rows, "crf_parameters.jpg")


def presets(photo: RGBImage, probabilities: Floats, bird: int) -> None:
    pictures = [
        ("the photo", Image.fromarray(photo)),
        ("the net alone", tinted(photo, probabilities.argmax(0) == bird)),
    ]
    for preset in (DENSECRF, DEEPLAB):
        crf = DenseCRF(unary_from_probabilities(probabilities), preset.kernels(photo))
        crf.step(preset.iterations)
        pictures.append((f"preset {preset.name}", tinted(photo, crf.labels() == bird)))
    sheet([("", pictures)], "crf_before_after.jpg")


def main() -> None:
    presets(*example("parrot.png", "bird"))
    photo, probabilities, person = example("astronaut.png", "person")
    iterations(photo, probabilities, person)
    turned(photo, probabilities, person)


if __name__ == "__main__":
    main()
