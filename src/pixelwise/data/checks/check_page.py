"""Write the findings of a check as one self-contained HTML page: tables and thumbnails, no scripts."""

import html
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from pixelwise.core.errors import DataError
from pixelwise.core.pictures.writing import data_url
from pixelwise.core.types import VOID, Labels, RGBImage
from pixelwise.data.checks.audit import Audit, HeadCount
from pixelwise.data.checks.sample_check import Finding, by_kind, hints_of
from pixelwise.data.checks.split_check import Leak, Survey
from pixelwise.data.sample import LabelledImages
from pixelwise.data.sample_files import read_part

_MOST = 12  # thumbnails of one kind of finding
_EXAMPLES = 8
_SIDE = 200  # pixels of a thumbnail's longer side
_OUT_OF_RANGE = 255, 0, 255

_STYLE = """
:root { color-scheme: light dark; --line: #8885; --bad: #c22; --doubt: #b70; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; } h2 { margin-top: 2.5rem; border-bottom: 1px solid
var(--line); } table { border-collapse: collapse; width: 100%; } td, th { padding: .15rem .6rem .15rem 0;
text-align: left; } th { font-weight: normal; opacity: .65; } td.n, th.n { text-align: right;
font-variant-numeric: tabular-nums; }
.name { display: flex; align-items: baseline; width: max-content; max-width: min(20rem, 35vw); overflow-wrap:
anywhere; } .scroll { overflow-x: auto; }
.bar { height: .7rem; min-width: 1px; border: 1px solid var(--line); }
.bars { width: 40%; min-width: 6rem; } .swatch { flex: none; width: .8rem; height: .8rem; border: 1px solid
var(--line); margin-right: .5rem; }
.error, .warning { border-left: 4px solid var(--bad); padding: .1rem 0 .1rem .8rem; margin: 1rem 0; }
.warning { border-color: var(--doubt); } .kind { font-weight: 600; color: var(--bad); }
.warning .kind { color: var(--doubt); } ul { margin: .3rem 0; padding-left: 1.2rem; overflow-wrap: anywhere; }
.sheet { display: flex; flex-wrap: wrap; gap: .8rem; margin: .5rem 0; } figure { margin: 0; max-width: 100%; }
figure img { max-width: 48%; height: auto; vertical-align: top; } figcaption { width: 0;
min-width: 100%; font-size: .8rem; overflow-wrap: anywhere; } .fine { color: #2a7; }
"""


def survey_page(
    spec: str, surveys: Mapping[str, Survey], errors: Sequence[Leak], warnings: Sequence[Leak]
) -> str:
    """The page; samples are read again for their thumbnails."""
    faults = len(errors) + sum(len(one.audit.errors) for one in surveys.values())
    doubts = len(warnings) + sum(len(one.audit.warnings) for one in surveys.values())
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width, initial-scale=1'>",
        f"<title>{html.escape(spec)}</title><style>{_STYLE}</style><h1>{html.escape(spec)}</h1>",
        _summary(surveys, faults, doubts),
    ]
    if errors or warnings:
        parts.append("<h2>Between splits</h2>")
        parts += [_leak(leak, surveys, "error") for leak in errors]
        parts += [_leak(leak, surveys, "warning") for leak in warnings]
    for name, one in surveys.items():
        report = one.audit
        parts.append(f"<h2>{html.escape(name)}</h2>")
        parts += _findings(report.errors, report.dataset, "error")
        parts += _findings(report.warnings, report.dataset, "warning")
        parts += [_classes(head, count, report) for head, count in report.heads.items()]
        parts.append("<h3>Examples</h3>" + _sheet(report.dataset, _spread(len(report.dataset))))
    return "\n".join(parts)


def _summary(surveys: Mapping[str, Survey], faults: int, doubts: int) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(name)}<td class=n>{len(one.prints):,}<td class=n>{len(one.audit.errors):,}"
        f"<td class=n>{len(one.audit.warnings):,}<td class=n>{one.audit.main.void_share:.1%}"
        for name, one in surveys.items()
    )
    verdict = (
        f"Faults: {faults:,}, warnings: {doubts:,}." if faults or doubts else "<b class=fine>No faults.</b>"
    )
    head = "<tr><th>split<th class=n>samples<th class=n>faults<th class=n>warnings<th class=n>void"
    return f"<p>{verdict}</p><div class=scroll><table>{head}{rows}</table></div>"


def _findings(findings: Sequence[Finding], dataset: LabelledImages, rank: str) -> list[str]:
    """One block for all findings of a kind."""
    blocks = []
    for kind, members in by_kind(findings).items():
        lines = "".join(f"<li>{html.escape(finding.message)}" for finding in members[: 3 * _MOST])
        more = f"<li>and {len(members) - 3 * _MOST:,} more" if len(members) > 3 * _MOST else ""
        hints = "".join(f"<p>{html.escape(hint)}</p>" for hint in hints_of(members))
        places = [place for finding in members for place in finding.samples][:_MOST]
        total = sum(len(finding.samples) or 1 for finding in members)
        count = f" ({total:,})" if total > 1 else ""
        blocks.append(
            f"<div class={rank}><span class=kind>{rank}: {kind}{count}</span><ul>{lines}{more}</ul>{hints}"
            f"{_sheet(dataset, places)}</div>"
        )
    return blocks


def _leak(leak: Leak, surveys: Mapping[str, Survey], rank: str) -> str:
    first, second = (surveys[name].audit.dataset for name in leak.splits)
    figures = []
    for a, b in leak.pairs[:_MOST]:
        caption = f"{leak.splits[0]} {first.entries[a].id}, {leak.splits[1]} {second.entries[b].id}"
        pictures = _picture(first, a) + _picture(second, b)
        figures.append(f"<figure>{pictures}<figcaption>{html.escape(caption)}</figcaption></figure>")
    return (
        f"<div class={rank}><span class=kind>{rank}: {leak.kind}</span> {html.escape(leak.message)}"
        f"<div class=sheet>{''.join(figures)}</div></div>"
    )


def _classes(head: str, count: HeadCount, report: Audit) -> str:
    pixels, total = count.pixels, max(1, sum(count.pixels))
    most = max(1, *pixels)
    rows = []
    for id_, name in enumerate(count.class_map.classes.names):
        colour = "#{:02x}{:02x}{:02x}".format(*count.class_map.classes.palette[id_])
        width = 100 * pixels[id_] / most
        bar = f"<div class=bar style='background:{colour};width:{width:.1f}%'></div>" if pixels[id_] else ""
        rows.append(
            f"<tr><td class=n>{id_}<td><div class=name><span class=swatch style='background:{colour}'></span>"
            f"<span>{html.escape(name)}</span></div><td class=n>{pixels[id_] / total:.2%}"
            f"<td class=n>{count.images[id_]:,}<td class=bars>{bar}"
        )
    title = "Classes" if len(report.heads) == 1 else f"Classes, {html.escape(head)}"
    header = "<tr><th class=n>id<th>class<th class=n>share<th class=n>images<th>"
    return (
        f"<h3>{title}, by labelled pixels</h3><div class=scroll><table>{header}{''.join(rows)}</table></div>"
    )


def _spread(count: int) -> list[int]:
    """A few places, evenly spaced from first to last."""
    return sorted({round(i * (count - 1) / (_EXAMPLES - 1)) for i in range(_EXAMPLES)})


def _sheet(dataset: LabelledImages, places: Sequence[int]) -> str:
    figures = "".join(
        f"<figure>{_picture(dataset, place)}{_overlaid(dataset, place)}"
        f"<figcaption>{html.escape(dataset.entries[place].id)}</figcaption></figure>"
        for place in places
    )
    return f"<div class=sheet>{figures}</div>" if figures else ""


def _picture(dataset: LabelledImages, place: int) -> str:
    try:
        return _img(Image.fromarray(read_part(dataset.entries[place].image)))
    except DataError:
        return ""


def _overlaid(dataset: LabelledImages, place: int) -> str:
    """The main head's labels over the image, or alone if their sizes differ; magenta is out of range."""
    entry, (head, class_map) = dataset.entries[place], next(iter(dataset.heads.items()))
    try:
        ids = read_part(entry.labels[head])
    except DataError:
        return ""
    try:
        image = read_part(entry.image)
    except DataError:
        image = np.zeros((0, 0, 3), np.uint8)
    colours = _colours(class_map.apply(ids), class_map.classes.palette)
    colours[np.isin(ids, class_map.unknown(ids))] = _OUT_OF_RANGE
    if image.shape[:2] == ids.shape:
        colours = (0.4 * image + 0.6 * colours).astype(np.uint8)
    return _img(Image.fromarray(colours))


def _colours(labels: Labels, palette: Sequence[tuple[int, int, int]]) -> RGBImage:
    table = np.zeros((256, 3), np.uint8)
    table[: len(palette)] = palette
    table[VOID] = 224, 224, 192
    return table[labels]


def _img(picture: Image.Image) -> str:
    picture.thumbnail((_SIDE, _SIDE))
    return f"<img width={picture.width} height={picture.height} src='{data_url(picture)}' alt=''>"
