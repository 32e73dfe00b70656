"""What `pixelwise export` prints."""

from typing import TYPE_CHECKING

from pixelwise.core.terminal import counted, note, say

if TYPE_CHECKING:
    from pixelwise.workflows.exporting import Exported

_FEW_PICTURES = 16


def show(made: "Exported") -> None:
    """Print the size of the file and what its precision costs."""
    from pixelwise.evaluation.training_pictures import learnt

    if made.steps is not None and made.planned is not None and made.steps < made.planned:
        best = ", the best on the held-out pictures" if made.is_best else ""
        note(f"note: this is the net after step {made.steps} of {made.planned}{best}")
    said = [f"{made.bytes / 1e6:.1f} MB"]
    if (made.format, made.precision) != ("onnx", "float32"):
        said.append(f"{made.format} in {made.precision}")
    if made.deviation is not None:
        whose = "the net's" if made.precision == "float32" else "those in float32"
        said.append(f"its scores deviate from {whose} by {made.deviation:.1e} of their spread")
    say(f"{made.path}: {'; '.join(said)}")
    if made.changed is not None:
        say(
            f"calibrated on {counted(made.pictures, 'picture')}; {made.changed:.2%} of their pixels have "
            "another label than in float32"
        )
        if made.pictures < _FEW_PICTURES:
            note("note: a few dozen pictures give better ranges")
    if made.mean_iou is not None:
        before, after = made.mean_iou
        say(
            f"mean IoU on {counted(made.images, 'image')}: {before:.2%} in float32, {after:.2%} in "
            f"{made.precision} ({100 * (after - before):+.2f} points)"
        )
        if made.in_training:
            say(f"{learnt(made.in_training, made.images)} What this costs on other pictures may differ.")
    elif made.precision != "float32":
        say("measure what this costs on labelled pictures: --data KIND:PATH, or pixelwise eval")
