"""From ids in files to classes."""

from typing import Any

import numpy as np
import pytest

from pixelwise.core.classes import Classes
from pixelwise.core.errors import DataError
from pixelwise.data.class_map import ClassMap, id_counts, parse_classes

PETS = Classes.named(["background", "cat", "dog", "car"])


def test_identity_keeps_classes_and_knows_void() -> None:
    class_map = ClassMap.identity(PETS, void=(11, 255))
    labels = np.array([[0, 3, 11, 255]], np.uint8)
    assert class_map.apply(labels).tolist() == [[0, 3, 255, 255]]
    assert class_map.unknown(np.array([0, 3, 4, 11, 254, 255])) == [4, 254]


def test_selection_reorders_merges_and_sends_the_rest_to_void() -> None:
    class_map = ClassMap.identity(PETS).select("animal=cat+dog, background")
    assert class_map.classes.names == ("animal", "background")
    assert class_map.classes.background == 1
    labels = np.array([0, 1, 2, 3, 255], np.uint8)
    assert class_map.apply(labels).tolist() == [1, 0, 0, 255, 255]
    assert class_map.unknown(np.array([4])) == [4], "an id out of range stays out of range"


def test_parts_may_be_ids() -> None:
    assert parse_classes("pet=1+2", PETS) == ([("pet", (1, 2))], ())
    assert parse_classes("2,0", PETS)[0] == [("dog", (2,)), ("background", (0,))]


def test_ids_beyond_the_known_ones_can_be_sent_to_void() -> None:
    class_map = ClassMap.identity(PETS).select("cat,dog,void=7+254")
    assert class_map.unknown(np.array([7, 8, 254])) == [8]
    assert class_map.apply(np.array([1, 2, 7, 254], np.uint8)).tolist() == [0, 1, 255, 255]


def test_all_faults_of_a_selection_are_told_at_once() -> None:
    with pytest.raises(DataError) as caught:
        parse_classes("cat,pet=cat+cow,x=9,=dog,cat=3", PETS)
    text = str(caught.value)
    assert 'no class "cow"' in text
    assert 'no class "9"' in text
    assert 'id 1 is in both "cat" and "pet"' in text
    assert '"=dog" needs a unique name' in text
    assert '"cat=3" needs a unique name' in text
    assert "known: background, cat, dog, car" in text


def test_an_empty_selection_is_rejected() -> None:
    with pytest.raises(DataError, match="no class is named"):
        parse_classes(" , ", PETS)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (np.int8, [-128, 127, 127]),
        (np.int16, [-1, 3, 3]),
        (np.int64, [-(2**63), -(2**63) + 3, 2**63 - 1]),
        (np.uint64, [2**63, 2**63 + 1, 2**63]),
        (np.uint64, [0, 3, 2**64 - 1]),
        (np.uint16, [7, 65535, 7]),
    ],
)
def test_ids_of_any_width_are_counted_exactly_and_unknown_ones_become_void(
    kind: type[np.generic], values: list[int]
) -> None:
    ids = np.array([values], kind)
    assert id_counts(ids) == {value: values.count(value) for value in sorted(set(values))}
    class_map = ClassMap.identity(Classes.named(["a", "b", "c", "d"]))
    assert class_map.apply(ids).tolist() == [[value if 0 <= value < 4 else 255 for value in values]]
    assert class_map.unknown(ids) == sorted({value for value in values if not 0 <= value < 4})


@pytest.mark.parametrize("id_", ["99999999999999999999", "-99999999999999999999", "9" * 5000, "#" + "f" * 40])
def test_ids_that_no_file_can_hold_are_faults_of_the_wish(id_: str) -> None:
    class_map = ClassMap.identity(Classes.named(["a", "b"]))
    with pytest.raises(DataError, match="there is no class"):
        class_map.select(f"a,void={id_}")
    assert class_map.select("a,void=9223372036854775807").table[2**63 - 1] == 255


def test_messages_list_a_few_ids_only() -> None:
    two = ClassMap.identity(Classes.named(["a", "b"]))
    assert two.listed([0, 1, 255]) == "ids 0 to 1, 255"
    assert two.listed(range(0, 60_000, 2)) == "ids 0, 2, 4, 6, 8, 10, 12, 14, ..."


@pytest.mark.parametrize("table", [{}, {"0": 0}, {0.5: 0}, {0: 0.5}, {0: True}])
def test_a_table_is_of_whole_numbers_and_not_empty(table: Any) -> None:
    with pytest.raises(ValueError, match="a table from ids in a file to class ids, all whole numbers"):
        ClassMap(Classes.named(["a"]), table)
