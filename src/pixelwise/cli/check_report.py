"""What `pixelwise check` prints: each split's classes and findings, and what splits share."""

from typing import TYPE_CHECKING

from pixelwise.cli import tables
from pixelwise.core.terminal import counted, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pixelwise.data.checks.audit import Audit
    from pixelwise.data.checks.sample_check import Finding
    from pixelwise.data.checks.split_check import Leak, Survey
    from pixelwise.workflows.checking import Check

_MOST_LINES = 20  # of a kind of finding; --json and --html have more


def show(check: "Check") -> None:
    """Print the findings, the first of each kind."""
    for one in check.splits.values():
        _print(one.audit)
    _print_leaks(check.errors, check.warnings, check.splits)


def _print(report: "Audit") -> None:
    say(f"{report.dataset.name}: {counted(len(report.dataset), 'sample')}")
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
    from pixelwise.data.checks.sample_check import by_kind, hints_of

    for kind, members in by_kind(findings).items():
        for finding in members[:_MOST_LINES]:
            say(f"{rank}: {finding.message}")
        if len(members) > _MOST_LINES:
            say(f'{rank}: and {len(members) - _MOST_LINES} more of the kind "{kind}"')
        say(*(f"hint:  {hint}" for hint in hints_of(members)))


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
