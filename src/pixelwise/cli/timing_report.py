"""What `pixelwise time` prints: milliseconds by stage."""

from typing import TYPE_CHECKING

from pixelwise.cli import tables
from pixelwise.core.terminal import counted, say

if TYPE_CHECKING:
    from pixelwise.inference.stage_timing import Timing


def show(timing: "Timing") -> None:
    """Print a row for each stage, and how they were measured."""
    headings = ("ms", "mean", "median", "quartiles")
    rows = (
        (name, f"{1e3 * d.mean:.1f}", f"{1e3 * d.median:.1f}", f"{1e3 * d.low:.1f} to {1e3 * d.high:.1f}")
        for name, d in timing.stages.items()
    )
    tables.show(headings, rows, texts=headings[:1])
    (height, width), scored = timing.size, timing.scored_size
    say(
        f"{height}x{width} pixels, scored at {scored[0]}x{scored[1]}, {timing.views}, "
        f"{counted(timing.threads, 'thread')}; {counted(timing.runs, 'run')} after a warm-up."
    )
