"""What notebooks show: a small picture with a table, the card of a model, a progress bar, a plot."""

import base64
import io
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from PIL import Image

from pixelwise.core.classes import RGB, Classes
from pixelwise.core.errors import EXTRAS, MissingExtraError
from pixelwise.core.pictures.reading import fitting
from pixelwise.core.terminal import printable
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.inference.probabilities import Area
from pixelwise.inference.results.tints import tints

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LONGEST_SIDE = 480  # of the picture in a notebook

Item = TypeVar("Item")


def small_png(picture: Image.Image) -> bytes:
    """The picture as a PNG file, reduced to at most 480 pixels."""
    height, width = fitting((picture.height, picture.width), _LONGEST_SIDE)
    file = io.BytesIO()
    picture.resize((width, height), Image.Resampling.LANCZOS).save(file, "PNG")
    return file.getvalue()


def result_html(overlay: Image.Image, areas: Sequence[Area], classes: Classes, notes: Sequence[str]) -> str:
    """The overlay beside the classes found, their shares and confidences; notes below."""
    source = base64.b64encode(small_png(overlay)).decode()
    colours = tints(classes)
    rows = [
        [_swatch(colours[area.id]) + _text(area.name), area.per_cent, f"{area.confidence:.1%}"]
        for area in areas
    ]
    table = _table(["class", "area", "confidence"], rows)
    said = f"<p>{_text('; '.join(notes))}</p>" if notes else ""
    return (
        '<div style="display:flex;gap:16px;align-items:flex-start">'
        f'<img alt="overlay" src="data:image/png;base64,{source}"><div>{table}{said}</div></div>'
    )


def predictor_html(info: ModelInfo, facts: dict[str, str]) -> str:
    """The card of a model: `facts` about this predictor, what the model file records, its classes."""
    rows = [[_text(name), _text(value)] for name, value in {**facts, **_recorded(info)}.items()]
    shown = zip(tints(info.classes), info.classes.names, strict=True)
    classes = " ".join(
        f'<span style="white-space:nowrap;margin-right:8px">{_swatch(colour)}{_text(name)}</span>'
        for colour, name in shown
    )
    title = f"<strong>{_text(info.name)}</strong>"
    return f'<div style="max-width:640px">{title}{_table([], rows)}<p>{classes}</p></div>'


def counted(items: Iterable[Item], total: int | None) -> Iterator[Item]:
    """The items, with a progress bar in the notebook or the terminal. Raises MissingExtraError."""
    return iter(_imported("tqdm.auto").tqdm(items, total=total, unit="picture", desc="segmenting"))


def plotted(overlay: Image.Image, areas: Sequence[Area], classes: Classes, axes: "Axes | None") -> "Axes":
    """The overlay in matplotlib `axes`, new ones by default, with a legend. Raises MissingExtraError."""
    pyplot, patches = _imported("matplotlib.pyplot"), _imported("matplotlib.patches")
    place: Any = pyplot.subplots(layout="constrained")[1] if axes is None else axes
    place.imshow(np.asarray(overlay))
    place.set_axis_off()
    colours = tints(classes)
    shown = [patches.Patch(color=np.divide(colours[area.id], 255)) for area in areas]
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "ncols": 3, "frameon": False}
    legend = place.legend(shown, [str(area.id) for area in areas], **below)
    for text, area in zip(legend.get_texts(), areas, strict=True):  # a label is left out if it starts with _
        text.set(parse_math=False, text=f"{printable(area.name)} {area.per_cent}")
    found: Axes = place
    return found


def _imported(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        raise MissingExtraError(package) from None


def _recorded(info: ModelInfo) -> dict[str, str]:
    """What the record of the training says, as far as it has the form that `pixelwise train` gives it."""
    recipe, figures = info.training.get("recipe"), info.training.get("val")
    recipe = recipe if isinstance(recipe, dict) else {}
    figures = figures if isinstance(figures, dict) else {}
    found: dict[str, Any] = {"scored at": f"at most {info.long_side} pixels on the longer side"}
    found |= {"recipe": recipe.get("name"), "training data": recipe.get("data"), "net": recipe.get("net")}
    mean_iou = figures.get("mean_iou")
    if isinstance(mean_iou, float):
        found[f"mean IoU on {recipe.get('val_split')}"] = f"{mean_iou:.1%}"
    return {name: str(value) for name, value in found.items() if value is not None}


def _swatch(colour: RGB) -> str:
    red, green, blue = colour
    return (
        '<span style="display:inline-block;width:0.8em;height:0.8em;border-radius:2px;margin-right:4px;'
        f'background:rgb({red} {green} {blue})"></span>'
    )


def _text(text: str) -> str:
    return escape(printable(text))


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML."""
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>"
