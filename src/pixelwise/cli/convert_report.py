"""What `pixelwise convert` and `pixelwise boxes-to-masks` print."""

from pathlib import Path

from pixelwise.core.terminal import counted, say


def show_folder(place: Path, samples: int) -> None:
    """Print where a split was written."""
    say(f"{counted(samples, 'sample')} in {place}")
