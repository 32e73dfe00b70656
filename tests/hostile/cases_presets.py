"""Hostile preset files: values and texts that no preset has, nesting, and damage of bytes."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pixelwise.crf import DEEPLAB

INFINITE = float("inf")
VALUES: list[Any] = [0, -1, 1e-30, 1e30, 1e308, INFINITE - INFINITE, INFINITE, -INFINITE, 10**400]
VALUES += [-(10**400), 2**63, True, None, "", "3", "\ud800", "\x00", "\x1b[31m", "n" * 5000]
VALUES += [[], [[]], {}, {"a": 1}]
TEXTS = [b"", b"{", b"[]", b"null", b"3", b'"text"', b"\xff\xfe", b"\x00" * 100, b"{}" * 3]
TEXTS += [b"[" * 50_000, b'{"a":' * 50_000, b'{"w1": ' + b"9" * 5000 + b"}"]
TEXTS += [b'{"format": 1e999}', b'{"name": "\\ud800"}']


def cases(count: int, seed: int, folder: Path) -> Iterator[Path]:
    """So many preset files in `folder`, one after the other; each name tells what was done."""
    chance = random.Random(seed)
    good = json.loads(DEEPLAB.to_json())
    for number in range(count):
        way = chance.choice(["value", "value", "bytes", "cut", "text"])
        content = json.dumps(good).encode()
        if way == "value":
            record = dict(good)
            for _ in range(chance.choice([1, 1, 2])):
                record[chance.choice([*good, "search", "else"])] = chance.choice(VALUES)
            content = json.dumps(record).encode()
        elif way == "bytes":
            damaged = bytearray(content)
            for _ in range(chance.choice([1, 2, 8])):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            content = bytes(damaged)
        elif way == "cut":
            content = content[: chance.randrange(len(content))]
        else:
            content = chance.choice(TEXTS)
        path = folder / f"{number}_{way}.json"
        path.write_bytes(content)
        yield path
