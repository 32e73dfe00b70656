"""Annotation files with a wrong field, a lying size, a damaged text, or no file at all in their place."""

import base64
import io
import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from PIL import Image

SIZE = 12, 16


@dataclass(frozen=True)
class Case:
    """The command to try on data whose annotation file was changed, how, and what it must name when it
    refuses: a file in the folder of the data.
    """

    arguments: list[str]
    named: str
    made: str


def cases(count: int, seed: int, folder: Path) -> Iterator[Case]:
    """Write `count` sets of data below `folder`, each with one change to its annotation file."""
    draw = random.Random(seed)
    for number in range(count):
        place = folder / f"{number:05}"
        place.mkdir()
        build = BUILDERS[number % len(BUILDERS)]
        arguments, file, content = build(place)
        kind = draw.choices(("field", "text", "file"), (8, 2, 1))[0]
        if kind == "field":
            made = (_change_xml if isinstance(content, ElementTree.Element) else _change_json)(
                file, content, draw
            )
        elif kind == "text":
            change = draw.choice(TEXTS)
            file.write_bytes(change(_text(content).encode(), draw))
            made = change.__name__
        else:
            made, change_file = draw.choice(list(FILES.items()))
            change_file(file)
        yield Case(arguments, f"{place.name}/", f"{build.__name__}, {number}: {made}")


def _coco(place: Path) -> tuple[list[str], Path, Any]:
    content = _coco_content(place)
    return ["check", f"coco:{place / 'x.json'}", "--split", "all"], place / "x.json", content


def _coco_boxes(place: Path) -> tuple[list[str], Path, Any]:
    content = _coco_content(place)
    arguments = ["boxes-to-masks", f"coco:{place / 'x.json'}", "--split", "all", "-o", str(place / "out")]
    return arguments, place / "x.json", content


def _coco_content(place: Path) -> Any:
    _photo(place / "a.png")
    _photo(place / "b.png")
    thing = {"image_id": 1, "category_id": 1, "iscrowd": 0, "area": 9, "bbox": [1, 1, 6, 6]}
    square = [1, 1, 7, 1, 7, 7, 1, 7]
    return {
        "images": [
            {"id": i, "file_name": f"{name}.png", "height": SIZE[0], "width": SIZE[1]}
            for i, name in ((1, "a"), (2, "b"))
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 7, "name": "dog"}],
        "annotations": [
            thing | {"id": 1, "segmentation": [square, square]},
            thing | {"id": 2, "image_id": 2, "segmentation": {"size": list(SIZE), "counts": [6, 50, 136]}},
            thing | {"id": 3, "image_id": 2, "segmentation": {"size": list(SIZE), "counts": "P6"}},
        ],
    }


def _panoptic(place: Path) -> tuple[list[str], Path, Any]:
    _photo(place / "train/a.jpg")
    file = place / "annotations/panoptic_train.json"
    (file.parent / "panoptic_train").mkdir(parents=True)
    Image.new("RGB", SIZE[::-1], (1, 0, 0)).save(file.parent / "panoptic_train/a.png")
    segments = {"image_id": 1, "file_name": "a.png", "segments_info": [{"id": 1, "category_id": 1}]}
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "height": SIZE[0], "width": SIZE[1]}],
        "annotations": [segments],
        "categories": [{"id": 1, "name": "one"}],
    }
    return ["check", f"coco:{place}", "--split", "train"], file, content


def _labelme(place: Path) -> tuple[list[str], Path, Any]:
    _photo(place / "a.png")
    mask = io.BytesIO()
    Image.new("1", (3, 3), 1).save(mask, "PNG")
    shapes = [
        {"label": "one", "shape_type": "polygon", "points": [[0, 0], [5, 0], [5, 5]]},
        {"label": "two", "shape_type": "circle", "points": [[6, 6], [8, 8]]},
        {"label": "two", "shape_type": "linestrip", "points": [[1, 1], [9, 9], [3, 4]]},
        {
            "label": "one",
            "shape_type": "mask",
            "points": [[4, 4], [6, 6]],
            "mask": base64.b64encode(mask.getvalue()).decode(),
        },
    ]
    content = {
        "imageHeight": SIZE[0],
        "imageWidth": SIZE[1],
        "imagePath": "a.png",
        "imageData": base64.b64encode((place / "a.png").read_bytes()).decode(),
        "shapes": shapes,
    }
    return ["check", f"labelme:{place}", "--split", "all"], place / "a.json", content


def _cvat(place: Path) -> tuple[list[str], Path, Any]:
    _photo(place / "images/a.png")
    text = f"""<annotations><meta><task><labels><label><name>cup</name></label></labels></task></meta>
      <image id="0" name="a.png" width="{SIZE[1]}" height="{SIZE[0]}">
        <polygon label="cup" points="1.0,1.0;3.0,1.0;3.0,3.0;1.0,3.0" z_order="1"/>
        <box label="cup" xtl="0.0" ytl="0.0" xbr="4.0" ybr="4.0" rotation="3" z_order="0"/>
        <mask label="cup" rle="1, 2, 1" left="3" top="2" width="2" height="2" z_order="2"/>
        <ellipse label="cup" cx="5" cy="5" rx="3" ry="2"/><polyline label="cup" points="0,1.5;9,1.5"/>
        <cuboid label="cup" xtl1="1"/><points label="cup" points="1,1"/>
      </image></annotations>"""
    arguments = ["check", f"cvat:{place}", "--split", "all"]
    return arguments, place / "annotations.xml", ElementTree.fromstring(text)


def _voc_boxes(place: Path) -> tuple[list[str], Path, Any]:
    _photo(place / "a.jpg")
    box = "<bndbox><xmin>2</xmin><ymin>3</ymin><xmax>9</xmax><ymax>8</ymax></bndbox>"
    text = (
        f"<annotation><filename>a.jpg</filename><size><width>{SIZE[1]}</width><height>{SIZE[0]}</height></size>"
        f"<object><name>cat</name>{box}</object><object><name>dog</name>{box}</object></annotation>"
    )
    arguments = ["boxes-to-masks", f"voc:{place}", "--split", "all", "-o", str(place / "out")]
    return arguments, place / "a.xml", ElementTree.fromstring(text)


BUILDERS = (_coco, _cvat, _labelme, _panoptic, _coco_boxes, _voc_boxes)


def _photo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.effect_noise(SIZE[::-1], 60).convert("RGB").save(path)


_NAN, _HUGE = "@nan@", "@1e999@"  # as JSON writes them, without the quotes
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 2**31, 2**63, 10**30, 10**400, 50_000, 1_000_000, -(2**63), 1e300, -1e-300,
    float("nan"), float("inf"), _HUGE, "", " ", ".", "..", "/", "a/", "/dev/zero", "../../../../etc/passwd",
    "a\0b", "\x1b[31mred\x1b[0m", "line\nbreak\r", "\u2028", "\udc80", "x" * 5000, "9" * 5000, "nan", "inf",
    [], {}, [[]], [{}], [None] * 3, "o" * 3000, "C:\\photos\\a.png",
)  # fmt: skip


def _nested(depth: int) -> str:
    return '{"a":[' * depth + "1" + "]}" * depth


def _change_json(file: Path, content: Any, draw: random.Random) -> str:
    """Replace, remove or double a random field."""
    spots = list(_spots(content))
    holder, key = draw.choice(spots)
    action = draw.choices(("value", "remove", "double", "deep"), (8, 2, 1, 1))[0]
    made = f"{action} at {key!r}"
    if action == "remove":
        del holder[key]
    elif action == "double" and isinstance(holder, list):
        holder.insert(key, holder[key])
    elif action == "deep":
        holder[key] = "@deep@"
    else:
        holder[key] = draw.choice(VALUES)
        made += f" = {str(holder[key])[:40]!r}"
    text = json.dumps(content).replace(f'"{_HUGE}"', "1e999").replace('"@deep@"', _nested(2000))
    file.write_text(text)
    return made


def _spots(content: Any) -> Iterator[tuple[Any, Any]]:
    """Every holder and key, so that `holder[key]` is a value in the content."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in list(pairs):
        yield content, key
        if isinstance(value, dict | list):
            yield from _spots(value)


def _change_xml(file: Path, root: ElementTree.Element, draw: random.Random) -> str:
    """Replace an attribute or a text, or remove or double an element."""
    parents = [element for element in root.iter() if len(element)]
    element = draw.choice(list(root.iter()))
    action = draw.choices(("value", "remove", "double"), (8, 2, 1))[0]
    made = f"{action} at <{element.tag}>"
    if action == "value":
        value = draw.choice(VALUES)
        text = "".join(c for c in str(value) if c in "\n\t" or (c >= " " and not "\ud800" <= c <= "\udfff"))
        if element.attrib:
            key = draw.choice(list(element.attrib))
            element.set(key, text)
            made += f" {key}"
        else:
            element.text = text
        made += f" = {text[:40]!r}"
    else:
        parent = draw.choice(parents)
        child = draw.choice(list(parent))
        parent.remove(child) if action == "remove" else parent.append(child)
        made = f"{action} <{child.tag}> in <{parent.tag}>"
    file.write_bytes(ElementTree.tostring(root))
    return made


def _text(content: Any) -> str:
    is_xml = isinstance(content, ElementTree.Element)
    return ElementTree.tostring(content, encoding="unicode") if is_xml else json.dumps(content)


def _cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content))]


def _flipped(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.randrange(1, 6)):
        changed[draw.randrange(len(changed))] = draw.choice((0, 0x22, 0x2D, 0x39, 0x5B, 0x7B, 0x80, 0xFF))
    return bytes(changed)


def _sixteen_bits(content: bytes, draw: random.Random) -> bytes:
    return content.decode().encode("utf-16")


def _deep(content: bytes, draw: random.Random) -> bytes:
    return b"[" * 200_000 if content.startswith(b"{") else b"<a>" * 200_000 + b"</a>" * 200_000


def _entities(content: bytes, draw: random.Random) -> bytes:
    """The billion laughs, where it can be."""
    lines = [f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 10)]
    head = f'<!DOCTYPE a [<!ENTITY e0 "ha">{"".join(lines)}]>'
    return (head + content.decode().replace("cup", "&e9;").replace("cat", "&e9;")).encode()


def _another_kind(content: bytes, draw: random.Random) -> bytes:
    return draw.choice((b"[1, 2]", b"null", b"3", b'"text"', b"", b"<a/>", b"{}", b"\xef\xbb\xbf"))


TEXTS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _cut, _flipped, _sixteen_bits, _deep, _entities, _another_kind,
)  # fmt: skip


def _large(path: Path) -> None:
    path.touch()
    os.truncate(path, 100_000_000_000)


FILES: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "an endless device": lambda path: path.symlink_to("/dev/zero"),
    "a folder": Path.mkdir,
    "a link to itself": lambda path: path.symlink_to(path.name),
    "100 GB of zeros": _large,
}
