"""`pixelwise check`: find faults in a data set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli import options, tables
from pixelwise.cli.progress import progress
from pixelwise.core.terminal import say, say_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pixelwise.data.checks.audit import Audit
    from pixelwise.data.checks.sample_check import Finding
    from pixelwise.data.checks.split_check import Leak, Survey

EXAMPLES = (
    "pixelwise check folder:my_images --html check.html",
    "pixelwise check voc:VOC2012 --split val --json",
)
_MOST_LINES = 20  # per kind of finding; --json and --html have more


def check(
    data: options.DataArgument,
    split: options.Split = None,
    classes: options.Classes = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    page: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Also write a page with thumbnails.")
    ] = None,
) -> None:
    """Find faults in images and labels before training.

    Errors: missing or broken files, labels and images of different sizes, ids out of range, masks of 0 and
    255, equal images or ids in two splits. Warnings: similar images in two splits, labels that do not fit
    their images, a class 0 that looks like void, void that looks like a class, absent classes. Exit code 1
    if there are errors.
    """
    from pixelwise.core.errors import DataError
    from pixelwise.core.files import write_atomically
    from pixelwise.data.checks.check_page import survey_page
    from pixelwise.data.checks.split_check import compare, leak_to_dict, survey
    from pixelwise.data.spec import open_splits

    surveys: dict[str, Survey] = {}
    for name, dataset in open_splits(data, split, classes).items():
        with progress(f"checking {name}", len(dataset)) as tell:
            surveys[name] = survey(dataset, tell)
    errors, warnings = compare(surveys)
    if as_json:
        between = {
            "errors": [leak_to_dict(leak, surveys) for leak in errors],
            "warnings": [leak_to_dict(leak, surveys) for leak in warnings],
        }
        splits = {name: one.audit.to_dict() for name, one in surveys.items()}
        say_json({"data": data, "splits": splits, "between": between})
    else:
        for one in surveys.values():
            _print(one.audit)
        _print_leaks(errors, warnings, surveys)
    if page is not None:
        text = survey_page(data, surveys, errors, warnings)
        write_atomically(page, lambda file: file.write(text.encode()))
    if faults := len(errors) + sum(len(one.audit.errors) for one in surveys.values()):
        raise DataError(f"{data} has {faults} fault{'s' * (faults > 1)}", "fix the files named above")


def _print(report: "Audit") -> None:
    say(f"{report.dataset.name}: {len(report.dataset)} samples")
    if report.values is not None:
        say(f"image values {report.values[0]} to {report.values[1]}")
    for head, count in report.heads.items():
        say(f"{head}, {count.void_share:.1%} void")
        labelled = max(1, sum(count.pixels))
        named = enumerate(zip(count.class_map.classes.names, count.pixels, strict=True))
        rows = [
            (str(id_), name, f"{pixels:,}", f"{pixels / labelled:.2%}", str(count.images[id_]))
            for id_, (name, pixels) in named
        ]
        tables.show(("  id", "class", "pixels", "share", "images"), rows, texts=("class",))
    _print_findings("error", report.errors)
    _print_findings("warning", report.warnings)
    say(f"faults: {len(report.errors)}", "")


def _print_findings(rank: str, findings: "Sequence[Finding]") -> None:
    from pixelwise.data.checks.sample_check import by_kind

    for kind, members in by_kind(findings).items():
        for finding in members[:_MOST_LINES]:
            say(f"{rank}: {finding.message}")
        if len(members) > _MOST_LINES:
            say(f'{rank}: and {len(members) - _MOST_LINES} more of the kind "{kind}"')


def _print_leaks(
    errors: "Sequence[Leak]", warnings: "Sequence[Leak]", surveys: "Mapping[str, Survey]"
) -> None:
    for rank, leaks in (("error", errors), ("warning", warnings)):
        for leak in leaks:
            say(f"{rank}: {leak.message}")
            first, second = (surveys[name].audit.dataset.entries for name in leak.splits)
            for a, b in leak.pairs[:_MOST_LINES]:
                say(f"  {leak.splits[0]} {first[a].id}, {leak.splits[1]} {second[b].id}")
            if len(leak.pairs) > _MOST_LINES:
                say(f"  and {len(leak.pairs) - _MOST_LINES} more")
