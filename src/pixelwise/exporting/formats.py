"""The formats and precisions that models are exported in."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pixelwise.core.errors import ArgumentError, ModelError

PRECISIONS: Final = ("float32", "float16", "int8")


@dataclass(frozen=True)
class Format:
    """endings: of its files, the usual one first. precisions: in which it can be written. beside: endings of
    further files of the same name.
    """

    name: str
    endings: tuple[str, ...]
    precisions: tuple[str, ...]
    beside: tuple[str, ...] = ()

    def files(self, place: Path) -> list[Path]:
        """All files of a model that is written to `place`."""
        return [place, *map(place.with_suffix, self.beside)]


FORMATS: Final = {
    entry.name: entry
    for entry in (
        Format("onnx", (".onnx",), PRECISIONS),
        Format("openvino", (".xml",), PRECISIONS, (".bin",)),
        Format("torchscript", (".pt", ".ts", ".torchscript"), ("float32",)),
    )
}


@contextmanager
def naming_the_output(candidate: Path, place: Path) -> Iterator[None]:
    """Replace the temporary file's name by the output's in a ModelError."""
    try:
        yield
    except ModelError as problem:
        message = problem.message.replace(str(candidate.with_suffix("")), str(place.with_suffix("")))
        raise ModelError(message, problem.hint) from problem


def chosen_format(output: Path | None, name: str | None, precision: str) -> tuple[Format, Path]:
    """The format, and the file to write, by default "model" with the format's ending.

    Raises ValueError for an unknown format or precision, for an ending of another format, and for a precision
    that the format does not have.
    """
    if name is not None and name not in FORMATS:
        raise ArgumentError("format", f'format is one of {", ".join(FORMATS)}, got "{name}"')
    if precision not in PRECISIONS:
        raise ArgumentError("precision", f'precision is one of {", ".join(PRECISIONS)}, got "{precision}"')
    if name is None:
        fitting = [
            entry for entry in FORMATS.values() if output is not None and output.suffix in entry.endings
        ]
        found = fitting[0] if fitting else FORMATS["onnx"]
    else:
        found = FORMATS[name]
    output = Path(f"model{found.endings[0]}") if output is None else output
    if output.suffix not in found.endings:
        known = found.endings if name else [entry.endings[0] for entry in FORMATS.values()]
        raise ArgumentError("output", f"expected a name that ends in {' or '.join(known)}, got {output}")
    if precision not in found.precisions:
        raise ArgumentError(
            "precision",
            f"{found.name} is written in {' and '.join(found.precisions)}, not in {precision}; "
            f"formats with {precision}: "
            + ", ".join(entry.name for entry in FORMATS.values() if precision in entry.precisions),
        )
    return found, output
