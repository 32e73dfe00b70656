"""Hostile results of other programs: damaged arrays and archives, masks that lie."""

import io
import random
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (24, 32)


@dataclass(frozen=True)
class Case:
    """A file that stands for what was found in a picture, and how it was made."""

    path: Path
    made: str


def cases(count: int, seed: int, folder: Path) -> Iterator[Case]:
    """Write `count` files of arrays, archives and masks into `folder`, one after the other."""
    draw = random.Random(seed)
    for number in range(count):
        ending = draw.choice((".npy", ".npz", ".png"))
        content, what = _content(ending, draw)
        way = draw.choice(("whole", "bytes", "cut", "twice"))
        if way == "bytes" and content:
            damaged = bytearray(content)
            for _ in range(draw.choice((1, 2, 8, 40))):
                damaged[draw.randrange(len(damaged))] = draw.randrange(256)
            content = bytes(damaged)
        elif way == "cut":
            content = content[: draw.randrange(len(content) + 1)]
        elif way == "twice":
            content += content
        path = folder / f"{number:05}{ending}"
        path.write_bytes(content)
        yield Case(path, f"{number}{ending}: {what}, {way}")


def _content(ending: str, draw: random.Random) -> tuple[bytes, str]:
    target = io.BytesIO()
    if ending == ".png":
        sizes = (SIZE, SIZE[::-1], (1, 1), (SIZE[0], SIZE[1] + 1))
        mode, size = draw.choice(("L", "P", "RGB", "1", "I;16", "RGBA")), draw.choice(sizes)
        Image.effect_noise((size[1], size[0]), 90).convert(mode).save(target, "PNG")
        return target.getvalue(), f"mask {mode} {size}"
    shapes = ((3, *SIZE), (3, 12, 16), SIZE, (*SIZE, 3), (1, 3, *SIZE), (3, 0, 0), (300, 2, 2), (), (3, 9, 9))
    shape = draw.choice(shapes)
    kind = draw.choice(("probabilities", "negative", "nan", "huge", "integers", "texts", "objects"))
    array = np.full(shape, 1 / 3, np.float32)
    if kind == "negative":
        array = -array
    elif kind in ("nan", "huge"):
        array = array * np.float32({"nan": np.nan, "huge": 3e38}[kind])
    elif kind == "integers":
        array = np.arange(int(np.prod(shape))).reshape(shape) % 3  # type: ignore[assignment]
    elif kind == "texts":
        array = np.full(shape, "text")
    elif kind == "objects":
        array = np.full(shape, None)
    if ending == ".npy":
        np.save(target, array, allow_pickle=True)
        return target.getvalue(), f"array {kind} {shape}"
    names = draw.choice(
        (("p",), ("scores",), ("a", "b"), ("../../p",), ("probabilities", "classes"), ("\x1b[31m",))
    )
    with zipfile.ZipFile(target, "w", draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name in names:
            member = io.BytesIO()
            np.save(member, array, allow_pickle=True)
            archive.writestr(name + draw.choice((".npy", ".npy", "")), member.getvalue())
    return target.getvalue(), f"archive {names} {kind} {shape}"
