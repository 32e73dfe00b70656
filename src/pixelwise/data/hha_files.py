"""HHA of depth files, written as PNG."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from pixelwise.core.errors import DataError
from pixelwise.core.overwriting import expect_kept
from pixelwise.core.pictures.writing import write_picture
from pixelwise.core.threads import in_order, processors
from pixelwise.core.visible_files import visible
from pixelwise.data.hha import Camera, hha, read_metres

_SUFFIXES = (".png", ".tif", ".tiff", ".npy")


def write_hha(
    depth: Path,
    output: Path,
    camera: Camera,
    per_metre: float | None = None,
    on_picture: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Encode a depth picture, or all in a folder, as HHA; return the files, which are PNG.

    output: a file, or a folder for files called as the depth pictures are. per_metre: units of the files per
    metre, see `read_metres`. on_picture is called with the number of pictures done, from 0, and their total.
    Raises DataError if there are no depth pictures, one cannot be read, or a file would overwrite another.
    """
    files, goals = _planned(depth, output)

    def work(index: int) -> None:
        picture = Image.fromarray(hha(read_metres(files[index], per_metre), camera))
        write_picture(goals[index], picture)

    tell = on_picture or (lambda done, total: None)
    tell(0, len(files))
    for done, _ in enumerate(in_order(work, range(len(files)), processors()), start=1):
        tell(done, len(files))
    return goals


def _planned(depth: Path, output: Path) -> tuple[list[Path], list[Path]]:
    """The depth files, and the file to write for each."""
    if depth.is_dir():
        files = [path for path in visible(depth) if path.suffix.lower() in _SUFFIXES]
        goals = [output / f"{path.stem}.png" for path in files]
        if output.exists() and not output.is_dir():
            raise DataError(f"{output} is a file, but {depth} is a folder", "name a folder as --output")
        if len(set(goals)) < len(goals):
            raise DataError(
                f"{depth} has depth pictures that differ in their ending only", "remove one of each"
            )
    else:
        files, goals = [depth], [output / f"{depth.stem}.png" if output.is_dir() else output]
    if not files:
        raise DataError(f"no depth pictures in {depth}", "they end in .png, .tif or .npy")
    if goals[0].suffix.lower() != ".png":
        raise DataError(f"HHA is written as PNG, but {goals[0]} does not end in .png", "end --output in .png")
    for path, goal in zip(files, goals, strict=True):
        expect_kept(path, [goal], DataError)
    return files, goals
