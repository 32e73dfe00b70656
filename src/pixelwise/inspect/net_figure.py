"""A net's graph drawn after figure 3 of Long et al. 2015.

Maps are squares of 96 pixels of the image with their cells drawn to scale, convolutions upright lines before
them. Poolings, the coarsest scores, sums and the prediction are shown; everything between is part of an
arrow, with the atrous rate and the factor of an upsampling written by it.
"""

from dataclasses import dataclass, field

from pixelwise.inspect.canvas import Canvas
from pixelwise.inspect.net_layers import Layer

SIDE = 96
GAP, PER_LINE = 34, 7
ROW, LANE = SIDE + 74, 92
MARGIN, TOP = 24, 96
COLOURS = {
    "map": ("#edf2f9", "#7d93b2", "#33465f"),
    "score": ("#fdf1e3", "#cf9350", "#7a4a12"),
    "image": ("#eef6ee", "#6f9f74", "#2c5a33"),
}
"""Fill, cells and frame."""
TITLES = {"cat": "concatenation", "add": "sum"}


@dataclass
class Arrow:
    """The layers between two drawn maps: convolutions, the largest atrous rate, the factor of upsampling.

    The arrow runs along its source's row, or at the height `lane` if other maps are in the way.
    """

    source: str
    convolutions: int = 0
    rate: int = 1
    factor: int = 1
    lane: float | None = None


@dataclass
class Shown:
    """A map that is drawn; `x` and `y` are where its upper left corner lies, in pixels."""

    layer: Layer
    title: str
    kind: str
    arrows: list[Arrow] = field(default_factory=list)
    x: float = MARGIN
    y: float = TOP


def shown_maps(layers: list[Layer]) -> list[Shown]:
    """The maps to draw, in order, and the arrows that lead to each."""
    last = layers[-1]
    scores = [layer for layer in layers if layer.kind == "Conv2d" and layer.channels == last.channels]
    coarsest = max(scores, key=lambda layer: layer.grid.stride if layer.grid else 0)
    shown: dict[str, Shown] = {}
    behind: dict[str, dict[str, Arrow]] = {}  # per layer: the shown maps it comes from
    for layer in layers:
        inputs = layer.inputs[:1] if layer.kind == "Crop" else layer.inputs
        arrows: dict[str, Arrow] = {}
        for name in inputs:
            for source, arrow in behind[name].items():
                arrows[source] = _deeper(arrows.get(source), arrow)
        arrows = {source: _through(layer, arrow) for source, arrow in arrows.items()}
        is_pooling = layer.kind == "MaxPool2d" and ((layer.stride or 1) > 1 or "." not in layer.name)
        if layer.kind == "image" or layer is last or layer is coarsest or len(arrows) > 1 or is_pooling:
            kind = "image" if layer.kind == "image" else "map" if is_pooling else "score"
            title = "prediction" if layer is last else TITLES.get(layer.name, layer.name)
            shown[layer.name] = Shown(layer, title, kind, list(arrows.values()))
            arrows = {layer.name: Arrow(layer.name)}
        behind[layer.name] = arrows
    return list(shown.values())


def _deeper(one: Arrow | None, other: Arrow) -> Arrow:
    return other if one is None or other.convolutions > one.convolutions else one


def _through(layer: Layer, arrow: Arrow) -> Arrow:
    convolves = layer.kind == "Conv2d"
    factor = layer.stride or 1 if layer.kind == "BilinearUpsampling" else 1
    rate = max(arrow.rate, layer.dilation) if convolves else arrow.rate
    return Arrow(arrow.source, arrow.convolutions + convolves, rate, arrow.factor * factor)


def place(shown: list[Shown]) -> dict[str, Shown]:
    """Columns from left to right. A map that several arrows lead to begins a row: one from the last map of
    another row comes down to it, the others along lanes of their own, that from the coarsest map highest.
    """
    placed: dict[str, Shown] = {}
    rows: dict[float, Shown] = {}  # the last map of each
    x = MARGIN - float(SIDE + GAP)
    for one in shown:
        one.arrows.sort(key=lambda arrow: _order(placed[arrow.source]))
        lines = one.arrows[0].convolutions if one.arrows else 0
        words = 26 if any(arrow.factor > 1 for arrow in one.arrows) else 0
        x += SIDE + GAP + max(PER_LINE * lines, words)
        one.x = x
        if len(one.arrows) == 1:
            one.y = placed[one.arrows[0].source].y
        elif one.arrows:
            free = placed[one.arrows[0].source] in rows.values()
            lanes = one.arrows[free:]
            one.y = max(rows) + ROW + (len(lanes) - 1) * LANE
            for above, arrow in enumerate(reversed(lanes)):
                arrow.lane = one.y + SIDE / 2 - above * LANE
        placed[one.layer.name] = rows[one.y] = one
    return placed


def _order(one: Shown) -> tuple[float, float, float]:
    """The coarsest maps first, of those the ones further up and further right."""
    return -_stride(one), one.y, -one.x


def _stride(one: Shown) -> float:
    return float(one.layer.grid.stride) if one.layer.grid is not None else 0.0


def draw(layers: list[Layer], title: str, caption: str) -> Canvas:
    """The drawing of a net's layers."""
    placed = place(shown_maps(layers))
    width = max(one.x for one in placed.values()) + SIDE + MARGIN
    height = max(one.y for one in placed.values()) + SIDE + 52
    canvas = Canvas(round(width), round(height))
    canvas.text(MARGIN, 34, title, 20, "#1d2733", bold=True)
    canvas.text(MARGIN, 56, caption, 13, "#51606f")
    for one in placed.values():
        for arrow in one.arrows:
            _draw_arrow(canvas, placed[arrow.source], one, arrow)
    for one in placed.values():
        _draw_map(canvas, one)
    return canvas


def _draw_map(canvas: Canvas, one: Shown) -> None:
    fill, cells, frame = COLOURS[one.kind]
    canvas.rectangle(one.x, one.y, SIDE, SIDE, fill)
    stride = _stride(one)
    if 2 <= stride <= SIDE / 2:
        for index in range(1, round(SIDE / stride)):
            at = index * stride
            width = 0.5 if stride <= 4 else 0.8
            canvas.line([(one.x + at, one.y), (one.x + at, one.y + SIDE)], cells, width)
            canvas.line([(one.x, one.y + at), (one.x + SIDE, one.y + at)], cells, width)
    canvas.frame(one.x, one.y, SIDE, SIDE, frame, 1.4)
    height, width_ = one.layer.size
    centre = one.x + SIDE / 2
    canvas.text(centre, one.y - 8, one.title, 13, frame, bold=True, middle=True)
    canvas.text(
        centre, one.y + SIDE + 16, f"{one.layer.channels} x {height} x {width_}", 11, "#51606f", middle=True
    )
    canvas.text(centre, one.y + SIDE + 31, f"stride {stride:g}", 11, "#51606f", middle=True)


def _draw_arrow(canvas: Canvas, source: Shown, target: Shown, arrow: Arrow) -> None:
    middle = SIDE / 2
    along = source.y + middle if arrow.lane is None else arrow.lane
    down = [(target.x + middle, along), (target.x + middle, target.y - 24)]
    end = [(target.x, along)] if along == target.y + middle else down
    if arrow.lane is None:
        points = [(source.x + SIDE, along), *end]
    else:
        points = [(source.x + middle, source.y + SIDE + 40), (source.x + middle, along), *end]
    lines_at = target.x - 14
    canvas.arrow(points, "#8794a3", 1.4)
    for index in range(arrow.convolutions):
        at = lines_at - index * PER_LINE
        canvas.line([(at, along - middle * 0.62), (at, along + middle * 0.62)], "#33465f", 2)
    notes = [f"{arrow.factor}x"] * (arrow.factor > 1) + [f"rate {arrow.rate}"] * (arrow.rate > 1)
    if notes and arrow.convolutions:
        at = lines_at - (arrow.convolutions - 1) * PER_LINE / 2
        canvas.text(at, along - middle * 0.62 - 6, ", ".join(notes), 12, "#33465f", middle=True)
    elif notes:
        at = (source.x + SIDE + min(target.x, source.x + SIDE + GAP + 26)) / 2
        canvas.text(at, along - 8, ", ".join(notes), 12, "#33465f", bold=True, middle=True)
