"""Whatever a JSON or XML file holds, the error names the file, the place and the value."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from pixelwise.core.errors import DataError
from pixelwise.data.formats.records import (
    ClassName,
    Coordinate,
    FileName,
    Key,
    Side,
    parse_json,
    read_json,
    read_xml,
    record,
)


@dataclass(frozen=True, slots=True)
class Item:
    """an item with a key."""

    key: Key
    side: Side = 1
    place: Coordinate = 0.0
    name: ClassName = "cat"
    file: FileName = "a.png"


@dataclass(frozen=True, slots=True)
class Items:
    """a list of items."""

    items: list[Item]


def item(text: str) -> Item:
    return parse_json(f'{{"items": [{{"key": 0}}, {{"key": 1, {text}}}]}}', "x.json", Items).items[1]


def test_fields_are_converted_as_people_write_them() -> None:
    assert [item(f'"key": {key}').key for key in ("7", "7.0", '"7"', '"a"')] == ["7", "7", "7", "a"]
    assert [item(f'"side": {side}').side for side in ("12", '"12"', "12.0")] == [12, 12, 12]
    assert [item(f'"name": {name}').name for name in ('" a\\t"', "3", '"a\\u200cb"')] == [
        "a",
        "3",
        "a\u200cb",
    ]
    assert [item(f'"file": {name}').file for name in ('"a\\\\b.png"', "3")] == ["a/b.png", "3"]
    assert item('"other": [[[]]], "place": "2.5"').place == 2.5


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('"side": 0', "items[1].side = 0: it should be greater than or equal to 1"),
        ('"side": 1.5', "items[1].side = 1.5: it should be a valid integer"),
        ('"side": null', "items[1].side = null: it should be a valid integer"),
        ('"side": []', "items[1].side = a list of 0: it should be a valid integer"),
        ('"side": {"a": 1}', "items[1].side = an object: it should be a valid integer"),
        (f'"side": {10**400}', "items[1].side = a number of about 400 digits: it should be less than"),
        (f'"side": "{"9" * 5000}"', f'items[1].side = "{"9" * 55}...'),
        ('"place": NaN', "items[1].place = nan: it should be a finite number"),
        ('"place": -Infinity', "items[1].place = -inf: it should be a finite number"),
        ('"place": 1e999', "items[1].place = inf: it should be a finite number"),
        ('"place": 1e300', "items[1].place = 1e+300: it should be less than"),
        (
            f'"place": {10**400}',
            "items[1].place = a number of about 400 digits: it should be a finite number",
        ),
        ('"name": "\\u0000"', 'items[1].name = "\\x00": it should name a class'),
        ('"name": "\\u001b[31m"', 'items[1].name = "\\x1b[31m": it should name a class'),
        ('"name": "a\\u2028b"', 'items[1].name = "a\\u2028b": it should name a class'),
        ('"file": "' + "é" * 130 + '"', "longer than the name of a file can be"),
        ('"file": "' + "a/" * 2000 + 'b"', "longer than the name of a file can be"),
        ('"file": "a\\\\"', 'items[1].file = "a\\": it should name a picture, not a folder'),
        ('"key": null', "items[1].key = null: it should be a valid string"),
        ('"key": true', "items[1].key = True: it should be a valid string"),
        ('"side": "x", "place": "y"', 'items[1].side = "x": it should be a valid integer, unable to parse'),
        ('"side": "x", "place": "y"', ", and 1 more fields are wrong"),
    ],
)
def test_a_wrong_field_is_named_by_file_place_and_value(text: str, complaint: str) -> None:
    with pytest.raises(DataError) as caught:
        item(text)
    assert caught.value.message.startswith("x.json has items[1].")
    assert complaint in caught.value.message
    assert caught.value.hint == "expected a list of items"
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"[" * 100_000, "is not JSON: recursion limit exceeded"),
        (b'{"items":' * 100_000, "is not JSON: recursion limit exceeded"),
        (b'{"items": [{"key": "\\ud800"}]}', "is not JSON: .* hex escape"),
        (b'{"items": [{"key": ' + b"9" * 5000 + b"}]}", "is not JSON: number out of range"),
        (b'{"items": [{"key": 1}', "is not JSON: EOF while parsing a list at line 1"),
        (b"\0\0", "is not JSON: "),
        (b"", "is not JSON: "),
        (b"null", "holds null: it should be an object"),
        (b"[1]", "holds a list of 1: it should be an object"),
        (b"{}", "has no items"),
        (b'{"items": [3]}', r"has items\[0\] = 3: it should be an object"),
        ('{"items": []}'.encode("utf-16"), "cannot be read: .*utf-8"),
    ],
)
def test_what_is_not_the_form_is_named(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(DataError, match=complaint) as caught:
        read_json(tmp_path / "x.json", "list", Items)
    assert f"the list {tmp_path / 'x.json'} " in caught.value.message


@pytest.mark.parametrize(
    "read", [lambda path: read_json(path, "list", Items), lambda path: read_xml(path, "list")]
)
def test_what_is_not_a_file_is_not_read(tmp_path: Path, read: object) -> None:
    assert callable(read)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(100_000_000_000)
    for name, complaint in [
        ("pipe", "pipe"),
        ("zero", "device"),
        ("loop", "symbolic links"),
        (".", "folder"),
        ("a\0b", "null"),
        ("large", "more than 2,000,000,000 bytes"),
        ("none", "does not exist"),
    ]:
        with pytest.raises(DataError, match=complaint):
            read(tmp_path / name)


def test_xml_is_read_without_entities_at_any_depth(tmp_path: Path) -> None:
    file = tmp_path / "x.xml"
    file.write_text("<a>" * 200_000 + "</a>" * 200_000)
    assert read_xml(file, "list").tag == "a"
    for text, complaint in [
        ('<!DOCTYPE a [<!ENTITY e "eee">]><a>&e;</a>', "DOCTYPE"),
        ("<a>&e;</a>", "is not XML: undefined entity"),
        ("<a", "is not XML"),
        ("\0", "is not XML"),
    ]:
        file.write_text(text)
        with pytest.raises(DataError, match=complaint):
            read_xml(file, "list")


def test_texts_of_xml_are_converted_and_named_likewise() -> None:
    assert record({"key": "a", "side": " 12 ", "place": "1e2"}, "x.xml: <a>", Item) == Item("a", 12, 100.0)
    with pytest.raises(DataError, match=r'x.xml: <a> has side = "four": it should be a valid integer'):
        record({"key": "a", "side": "four"}, "x.xml: <a>", Item)
