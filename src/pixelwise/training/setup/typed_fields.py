"""Check that plain data from a file has the types that a dataclass declares."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any


def wrong_fields(content: Mapping[str, object], record: type) -> list[str]:
    """One sentence for each field of the dataclass `record` that has another type in `content`."""
    hints = typing.get_type_hints(record)
    names = [field.name for field in dataclasses.fields(record) if field.name in content]
    return [
        f"{name} must be {described(hints[name])}, got {brief(content[name])}"
        for name in names
        if not is_of(content[name], hints[name])
    ]


def is_of(value: object, kind: Any) -> bool:
    """Whether the value has the declared type; whole numbers are numbers, true and false are not."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return True
    if origin is types.UnionType:
        return any(is_of(value, each) for each in arguments)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        kinds = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
        return len(kinds) == len(value) and all(map(is_of, value, kinds))
    if origin is list:
        return isinstance(value, list) and all(is_of(entry, arguments[0]) for entry in value)
    if origin is not None:  # a mapping
        return isinstance(value, Mapping) and all(
            is_of(name, arguments[0]) and is_of(entry, arguments[1]) for name, entry in value.items()
        )
    if kind in (int, float):
        return isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)
    return isinstance(value, kind)


def described(kind: Any) -> str:
    """The type in words."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        return " or ".join("none" if each is types.NoneType else described(each) for each in arguments)
    if origin is tuple:
        parts = "texts" if arguments[0] is str else "numbers"
        return f"{parts if arguments[-1] is Ellipsis else f'{len(arguments)} {parts}'} separated by commas"
    if origin is not None:
        return "a list" if origin is list else "a table"
    return {int: "a whole number", float: "a number", bool: "true or false"}.get(kind, "text")


def brief(value: object) -> str:
    """The value for a message: on one line, of at most 60 characters."""
    if isinstance(value, int) and value.bit_length() > 400:
        return "a number of more than 100 digits"
    text = str(value) if isinstance(value, str) else repr(value)
    text = text.encode("unicode_escape").decode() if not text.isprintable() else text
    return text if len(text) <= 60 else f"{text[:57]}..."
