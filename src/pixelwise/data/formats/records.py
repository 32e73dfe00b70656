"""Read JSON and XML of annotation tools as typed records. Errors name file, place and value of a wrong field.

A format is a dataclass of fields with the types below; `read_json` and `record` check a file's content
against it. Fields that the dataclass does not have are ignored.
"""

import posixpath
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar
from xml.etree import ElementTree

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from pixelwise.core.classes import is_one_line
from pixelwise.core.errors import DataError
from pixelwise.core.pictures.pillow_limits import MAX_PIXELS
from pixelwise.core.terminal import few, printable
from pixelwise.data.sample_files import portable, read_text

Record = TypeVar("Record")

_MOST_BYTES, _MOST_BYTES_IN_ALL = 255, 3000  # of one part of a path and of all; systems allow 255 and 4096


def _text(value: Any) -> Any:
    """Numbers become text: in files of tools and people, ids and names may be either."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _class_name(name: str) -> str:
    """The text without blanks at its ends, which people add by accident and cannot see."""
    name = name.strip()
    if not name:
        raise ValueError("it is empty, but should name a class")
    if not is_one_line(name):
        raise ValueError("it should name a class, without line breaks and control characters")
    return name


def _file_name(name: str) -> str:
    """The path with / as separator and without detours such as "./", so that a file has one name only."""
    name = portable(name)
    longest = max(len(part.encode()) for part in name.split("/"))
    if name.rpartition("/")[2] in ("", ".", ".."):
        raise ValueError("it should name a picture, not a folder")
    if "\0" in name:
        raise ValueError("it should name a picture, but holds a NUL")
    if longest > _MOST_BYTES or len(name.encode()) > _MOST_BYTES_IN_ALL:
        raise ValueError("it should name a picture, but is longer than the name of a file can be")
    return posixpath.normpath(name)


Key = Annotated[str, BeforeValidator(_text)]
"""The identifier of a record, to which others refer: text or a number, as text."""

ClassName = Annotated[str, BeforeValidator(_text), AfterValidator(_class_name)]
"""The name of a class."""

FileName = Annotated[str, BeforeValidator(_text), AfterValidator(_file_name)]
"""The file name of a picture, possibly with folders."""

Side = Annotated[int, Field(ge=1, le=MAX_PIXELS)]
"""The height or width of a picture, pixels."""

Length = Annotated[int, Field(ge=0, le=MAX_PIXELS)]
"""The length of a run, pixels."""

Offset = Annotated[int, Field(ge=-(10**9), le=10**9)]
"""The row or column where something begins, pixels."""

Coordinate = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]
"""A place in a picture, pixels; it may lie outside."""


def read_json(path: Path, kind: str, form: type[Record]) -> Record:
    """The record in a JSON file. Raises DataError, with the file's name and `kind` and the first wrong field,
    if the content is something else.
    """
    return parse_json(read_text(path, kind), f"the {kind} {path}", form)


def parse_json(text: str, where: str, form: type[Record]) -> Record:
    """The record in a JSON text that was found at `where`. Raises DataError as `read_json` does."""
    try:
        found: Record = _adapter(form).validate_json(text)
        return found
    except ValidationError as error:
        _refuse(error, where, form)


def record(content: Any, where: str, form: type[Record]) -> Record:
    """A record from the content of an XML file at `where`. Raises DataError as `read_json` does."""
    try:
        found: Record = _adapter(form).validate_python(content)
        return found
    except ValidationError as error:
        _refuse(error, where, form)


def read_xml(path: Path, kind: str) -> ElementTree.Element:
    """The root of an XML file. Raises DataError, naming the file, if it is not XML or has a DOCTYPE: entities
    could make a small file fill the memory, and no annotation tool writes them.
    """
    try:
        return ElementTree.fromstring(read_text(path, kind), ElementTree.XMLParser(target=_Builder()))
    except (ElementTree.ParseError, ValueError) as error:
        raise DataError(f"the {kind} {path} is not XML: {error}", "replace or remove the file") from None


def expect_distinct(file: Path, what: str, values: Iterable[object], hint: str) -> None:
    """Raise DataError if values that should be different repeat."""
    repeated = [value for value, times in Counter(values).items() if times > 1]
    if repeated:
        first = few([shown(value) for value in repeated])
        many = f"{len(repeated)} repeated {what}{'s' * (len(repeated) > 1)}"
        raise DataError(f"{file} has {many}: {first}", hint)


def shown(value: Any) -> str:
    """A value for messages, on one line and short."""
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, int) and value.bit_length() > 100:
        return f"a number of about {round(value.bit_length() * 0.30103)} digits"
    if value is None:
        return "null"
    text = f'"{printable(value[:60])}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:56]}..."


_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


def _refuse(error: ValidationError, where: str, form: type) -> NoReturn:
    first = error.errors(include_url=False)[0]
    more = f", and {error.error_count() - 1} more fields are wrong" if error.error_count() > 1 else ""
    hint = (form.__doc__ or "").partition("\n")[0].rstrip(".")
    raise DataError(f"{where} {_complaint(first)}{more}", f"expected {hint}") from None


def _complaint(fault: Any) -> str:
    steps = [step for step in fault["loc"] if not str(step).startswith("<")]  # <KIND>: a choice, not a place
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")
    text = str(fault["msg"])
    if fault["type"] == "json_invalid":
        return f"is not JSON: {text.removeprefix('Invalid JSON: ')}"
    if fault["type"] == "missing":
        return f"has no {place}"
    text = text.removeprefix("Value error, ").replace("Input should be", "it should be")
    text = text.replace("a valid array", "a list")
    holds = f"has {place} = " if place else "holds "
    return f"{holds}{shown(fault['input'])}: {text}"


class _Builder(ElementTree.TreeBuilder):
    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise ValueError(f'it has a DOCTYPE "{name}", which could hold entities')
