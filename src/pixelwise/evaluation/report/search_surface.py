"""A picture of what a search found: mean IoU over theta_alpha and theta_beta, for one w1.

By hand, for the same reason as charts.py.
"""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from pixelwise.core.classes import RGB
from pixelwise.crf.parameter_search import Trial, best

_CELL = 64
_LEFT, _TOP, _RIGHT, _BOTTOM = 110, 76, 30, 84
_PAPER: RGB = (255, 255, 255)
_INK: RGB = (30, 30, 34)
_FAINT: RGB = (225, 225, 228)
_SCALE: tuple[RGB, ...] = ((56, 30, 90), (50, 90, 140), (40, 140, 135), (110, 185, 90), (245, 225, 70))
"""From the lowest score to the highest; brightness rises throughout, so that it survives grey printing."""


def draw_surface(trials: Sequence[Trial], w1: float, without: float) -> Image.Image:
    """A table of the trials with this `w1`: a cell each, coloured, written in percent, the best framed.

    without: the mean IoU without a CRF, for the title. Values that were not tried stay grey. Raises
    ValueError if no trial has this w1.
    """
    shown = [trial for trial in trials if trial.point.w1 == w1]
    if not shown:
        raise ValueError(f"no trial has w1 {w1:g}")
    alphas = sorted({trial.point.theta_alpha for trial in shown})
    betas = sorted({trial.point.theta_beta for trial in shown}, reverse=True)
    low, high = min(trial.score for trial in shown), max(trial.score for trial in shown)
    width = max(_LEFT + len(alphas) * _CELL + _RIGHT, 560)
    picture = Image.new("RGB", (width, _TOP + len(betas) * _CELL + _BOTTOM), _PAPER)
    draw = ImageDraw.Draw(picture)
    large, small = ImageFont.load_default(20), ImageFont.load_default(15)

    def corner(alpha: float, beta: float) -> tuple[int, int]:
        return _LEFT + alphas.index(alpha) * _CELL, _TOP + betas.index(beta) * _CELL

    draw.text((_LEFT, 16), f"Mean IoU in % at w1 = {w1:g}", _INK, large)
    draw.text((_LEFT, 44), f"without CRF {100 * without:.2f}; framed: the best", _INK, small)
    for alpha in alphas:
        x, y = corner(alpha, betas[-1])
        draw.text((x + _CELL // 2, y + _CELL + 14), f"{alpha:g}", _INK, small, anchor="mm")
        for beta in betas:
            _cell(draw, corner(alpha, beta), _FAINT)
    for beta in betas:
        x, y = corner(alphas[0], beta)
        draw.text((x - 8, y + _CELL // 2), f"{beta:g}", _INK, small, anchor="rm")
    for point, score in shown:
        share = (score - low) / (high - low) if high > low else 1.0
        x, y = corner(point.theta_alpha, point.theta_beta)
        _cell(draw, (x, y), _color(share))
        text = _INK if share > 0.55 else _PAPER
        draw.text((x + _CELL // 2, y + _CELL // 2), f"{100 * score:.2f}", text, small, anchor="mm")
    x, y = corner(*best(list(shown)).point[1:])
    draw.rectangle((x + 1, y + 1, x + _CELL - 2, y + _CELL - 2), outline=_INK, width=3)

    middle = _LEFT + len(alphas) * _CELL // 2
    draw.text((middle, picture.height - 28), "theta_alpha (pixels)", _INK, small, anchor="mm")
    _sideways(picture, "theta_beta (grey levels)", (30, _TOP + len(betas) * _CELL // 2), small)
    return picture


def _cell(draw: ImageDraw.ImageDraw, corner: tuple[int, int], color: RGB) -> None:
    x, y = corner
    draw.rectangle((x, y, x + _CELL - 2, y + _CELL - 2), fill=color)


def _color(share: float) -> RGB:
    """The scale's colour at 0 to 1."""
    place = share * (len(_SCALE) - 1)
    index = min(int(place), len(_SCALE) - 2)
    below, above = _SCALE[index], _SCALE[index + 1]
    red, green, blue = (round(a + (b - a) * (place - index)) for a, b in zip(below, above, strict=True))
    return red, green, blue


def _sideways(
    picture: Image.Image,
    text: str,
    centre: tuple[int, int],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """Write `text` from bottom to top."""
    length = round(font.getlength(text))
    strip = Image.new("RGB", (length + 4, 24), _PAPER)
    ImageDraw.Draw(strip).text((2, 12), text, _INK, font, anchor="lm")
    turned = strip.transpose(Image.Transpose.ROTATE_90)
    picture.paste(turned, (centre[0] - turned.width // 2, centre[1] - turned.height // 2))
