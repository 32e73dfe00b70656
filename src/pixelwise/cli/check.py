"""`pixelwise check`: the audit of a data set."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli import options
from pixelwise.cli.progress import progress

if TYPE_CHECKING:
    from pixelwise.data.audit import Audit

EXAMPLES = (
    "pixelwise check folder:my_images",
    "pixelwise check voc:VOC2012 --split val --json",
)


def check(
    data: Annotated[str, typer.Argument(metavar="KIND:PATH", help="Kinds: see `pixelwise data`.")],
    split: Annotated[str | None, typer.Option(help="One split only; without it train and val.")] = None,
    classes: options.Classes = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per split.")] = False,
) -> None:
    """Find label faults before a training: missing pairs, sizes that differ, ids out of range, 0/255 masks.

    Exit code 1 if there are any.
    """
    from pixelwise.data import open_dataset
    from pixelwise.data.audit import audit
    from pixelwise.errors import DataError

    faults = 0
    for name in [split] if split else ["train", "val"]:
        dataset = open_dataset(data, name, classes)
        with progress(f"checking {name}", len(dataset)) as tell:
            report = audit(dataset, tell)
        faults += len(report.errors)
        if as_json:
            print(json.dumps(report.to_dict()), flush=True)
        else:
            _print(report)
    if faults:
        raise DataError(f"{data} has {faults} fault{'s' * (faults > 1)}", "mend the files named above")


def _print(report: "Audit") -> None:
    from rich.console import Console
    from rich.table import Table

    print(f"{report.dataset.name}: {len(report.dataset)} samples")
    for head, count in report.heads.items():
        print(f"{head}, {count.void_share:.1%} void")
        table = Table(box=None, padding=(0, 2), pad_edge=False, header_style="dim")
        table.add_column("  id", justify="right")
        table.add_column("class")
        for heading in ("pixels", "share", "images"):
            table.add_column(heading, justify="right")
        labelled = max(1, sum(count.pixels))
        for id_, (name, pixels) in enumerate(zip(count.class_map.classes.names, count.pixels, strict=True)):
            share = f"{pixels / labelled:.2%}"
            table.add_row(str(id_), name, f"{pixels:,}", share, str(count.images[id_]))
        Console(highlight=False, markup=False).print(table)
    for finding in report.errors:
        print(f"error: {finding.message}")
    for finding in report.warnings:
        print(f"warning: {finding.message}")
    print(f"faults: {len(report.errors)}", flush=True)
