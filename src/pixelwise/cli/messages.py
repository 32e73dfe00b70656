"""Exceptions as lines for the user."""

import sys
import traceback

from pixelwise.errors import EXTRAS, MissingExtraError, PixelwiseError

debug = False
"""Whether `--debug` was given."""


def describe(problem: Exception) -> str:
    """`error: ...` and perhaps `hint:  ...`; with --debug the traceback before it."""
    if isinstance(problem, ModuleNotFoundError) and problem.name in EXTRAS:
        problem = MissingExtraError(problem.name)
    if isinstance(problem, PixelwiseError):
        text = f"error: {problem.message}"
        hint = problem.hint
    else:
        text = f"error: unexpected {type(problem).__name__}: {' '.join(str(problem).split())}"
        hint = None if debug else "run again with --debug for the traceback"
    if hint is not None:
        text += f"\nhint:  {hint}"
    if debug:
        text = "".join(traceback.format_exception(problem)) + text
    return text


def report(problem: Exception) -> None:
    """Tell the user on stderr."""
    print(describe(problem), file=sys.stderr, flush=True)
