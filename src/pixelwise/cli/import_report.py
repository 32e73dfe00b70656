"""What `pixelwise import-caffe` prints: what happened to each layer."""

from typing import TYPE_CHECKING

from pixelwise.cli import tables
from pixelwise.core.terminal import say

if TYPE_CHECKING:
    from pixelwise.workflows.importing import CaffeImport


def show(matched: "CaffeImport") -> None:
    """Print each weight that was copied, and what does not fit or is missing."""
    report, source = matched.report, matched.source
    headings = ("layer", "parameter", "shape", "change")
    rows = [
        (m.layer, m.parameter.removeprefix("backbone."), " x ".join(map(str, m.shape)), m.change)
        for m in report.matches
    ]
    tables.show(headings, rows, texts=headings)
    kind = f"{source.name or 'a net'} (Caffe V{source.version}, sha256 {matched.digest[:16]}...)"
    say(f"{kind} as {matched.name}:")
    say(f"{len(report.matches)} weights copied, {sum(bool(m.change) for m in report.matches)} made to fit")
    for title, entries in (
        ("do not fit", report.misfits),
        ("in the file, not in the net", report.left),
        ("in the net, not in the file", report.missing),
    ):
        if entries:
            say(f"{title}: {'; '.join(entries) if title == 'do not fit' else ', '.join(entries)}")
