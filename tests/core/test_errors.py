"""Errors go from process to process, and what they list stays a list."""

import pickle

from pixelwise.cli.messages import describe
from pixelwise.core.errors import DataError, MissingExtraError, PixelwiseError


def test_errors_of_every_class_go_from_process_to_process() -> None:
    for error in (
        DataError("wrong", "mend it", ["a", "b"]),
        PixelwiseError("wrong"),
        MissingExtraError("torch"),
    ):
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error)
        assert str(copy) == str(error)
        assert (copy.message, copy.hint, copy.entries) == (error.message, error.hint, error.entries)


def test_a_name_with_line_breaks_does_not_add_lines_to_a_message() -> None:
    name = "a\n  b\nhint: c.png"
    assert describe(DataError(f"{name} is damaged", "mend it", [name])) == [
        f"error: {name} is damaged",
        f"  {name}",
        "hint:  mend it",
    ]
