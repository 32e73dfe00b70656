"""Error messages and hints from exceptions."""

import traceback

from pixelwise.core.errors import EXTRAS, MissingExtraError, PixelwiseError
from pixelwise.core.terminal import note

debug = False
"""Whether `--debug` was given."""


def describe(problem: Exception) -> list[str]:
    """The lines `error: ...` and, if there is a hint, `hint:  ...`; with --debug after the traceback."""
    if isinstance(problem, ModuleNotFoundError) and problem.name in EXTRAS:
        problem = MissingExtraError(problem.name)
    if isinstance(problem, PixelwiseError):
        lines = [f"error: {problem.message}", *(f"  {entry}" for entry in problem.entries)]
        hint = problem.hint
    else:
        lines = [f"error: unexpected {type(problem).__name__}: {' '.join(str(problem).split())}"]
        hint = None if debug else "run again with --debug for the traceback"
    if hint is not None:
        lines.append(f"hint:  {hint}")
    if debug:
        lines = [*"".join(traceback.format_exception(problem)).splitlines(), *lines]
    return lines


def report(problem: Exception) -> None:
    """Print it on stderr."""
    note(*describe(problem))
