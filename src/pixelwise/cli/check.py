"""`pixelwise check`: the audit of a data set."""

import json
from typing import Annotated

import typer

from pixelwise.cli.console import CLASSES, Progress, err, out

EXAMPLES = """
pixelwise check folder:my_images
pixelwise check voc:VOC2012 --split val --json
"""


def check(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="Data set as KIND:PATH; kinds: voc, folder, camvid.")
    ],
    split: Annotated[str | None, typer.Option(help="One split only; without it train and val.")] = None,
    classes: CLASSES = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per split on stdout.")] = False,
) -> None:
    """Look for label faults before a training: missing pairs, sizes that differ, ids out of range, 0/255 masks."""
    from pixelwise.data.audit import Audit, audit
    from pixelwise.data.spec import open_dataset, splits_of
    from pixelwise.errors import DataError

    faults = 0
    splits = [split] if split else splits_of(data) or ["train"]
    for name in splits:
        dataset = open_dataset(data, name, classes)
        with Progress(f"checking {name}", len(dataset)) as progress:
            report: Audit = audit(dataset, progress)
        faults += len(report.errors)
        if as_json:
            out.print(json.dumps(report.to_dict()), soft_wrap=True, markup=False, highlight=False)
        else:
            _print(report)
    if faults:
        raise DataError(
            f"{faults} faults in {data}", "mend the files named above, or drop ids with --classes"
        )
    err.print(f"no faults in {data} ({', '.join(splits)})", highlight=False)


def _print(report: "Audit") -> None:  # type: ignore[name-defined]  # noqa: F821
    from rich.table import Table

    table = Table(
        title=f"{report.dataset.name}: {len(report.dataset)} samples, {100 * report.void_share:.1f}% void"
    )
    for heading in ("id", "class", "pixels", "share", "images"):
        table.add_column(heading, justify="left" if heading == "class" else "right")
    labelled = max(1, sum(report.pixels))
    for id_, name in enumerate(report.dataset.classes.names):
        pixels = report.pixels[id_]
        share = f"{100 * pixels / labelled:.2f}%"
        table.add_row(str(id_), name, f"{pixels:,}", share, str(report.images[id_]))
    out.print(table)
    for kind, findings in (("error", report.errors), ("warning", report.warnings)):
        for finding in findings:
            out.print(f"{kind}: {finding.message}", markup=False, highlight=False, soft_wrap=True)
