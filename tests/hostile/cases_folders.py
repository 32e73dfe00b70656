"""Data sets as folders and files, each with one file damaged, lying, replaced, or of another kind."""

import io
import os
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from label_files import write_list, write_mat, write_mat_73
from PIL import Image

SIZE = 12, 16
Draw = random.Random


@dataclass(frozen=True)
class Case:
    """The command to try on data of which a file was changed, how, and what it must name when it refuses: the
    folder of the data.
    """

    arguments: list[str]
    named: str
    made: str


def cases(count: int, seed: int, folder: Path) -> Iterator[Case]:
    """Write `count` sets of data below `folder`, each with one change to one of its files."""
    draw = Draw(seed)
    for number in range(count):
        place = folder / f"{number:05}"
        place.mkdir()
        build = BUILDERS[number % len(BUILDERS)]
        arguments = build(place)
        files = sorted(path for path in place.rglob("*") if path.is_file())
        file = draw.choice(files)
        if draw.random() < 0.15:
            made, change = draw.choice(list(REPLACEMENTS.items()))
            change(file)
        else:
            own = CHANGES.get(file.suffix, ())
            change_bytes = draw.choice((*own, *own, _cut, _flipped))
            file.write_bytes(change_bytes(file.read_bytes(), draw))
            made = change_bytes.__name__
        yield Case(arguments, f"{place.name}", f"{build.__name__}, {number}: {made} {file.name}")


def _folder(place: Path) -> list[str]:
    for name in "ab":
        _photo(place / f"images/{name}.png")
        _label(place / f"labels/{name}.png")
        _array(place / f"channels.height/{name}.npy")
    write_list(place / "classes.txt", "ground", "cup", "plate")
    return ["check", f"folder:{place}", "--split", "all"]


def _converted(place: Path) -> list[str]:
    _folder(place)
    return ["convert", f"folder:{place}", "--split", "all", "-o", str(place / "out"), "--channels", "height"]


def _csv(place: Path) -> list[str]:
    for name in "ab":
        _photo(place / f"{name}.png")
        _label(place / f"{name}_ids.png")
    write_list(place / "classes.txt", "ground", "cup", "plate")
    write_list(place / "list.csv", "image,label,split", "a.png,a_ids.png,train", "b.png,b_ids.png,train")
    return ["check", f"manifest:{place / 'list.csv'}", "--split", "train"]


def _jsonl(place: Path) -> list[str]:
    _csv(place)
    (place / "list.csv").unlink()
    write_list(place / "list.jsonl", *[f'{{"image": "{n}.png", "label": "{n}_ids.png"}}' for n in "ab"])
    return ["check", f"manifest:{place / 'list.jsonl'}", "--split", "all"]


def _voc(place: Path) -> list[str]:
    for name in "ab":
        _photo(place / f"JPEGImages/{name}.jpg")
        _label(place / f"SegmentationClass/{name}.png")
    write_list(place / "ImageSets/Segmentation/train.txt", "a", "b")
    return ["check", f"voc:{place}", "--split", "train"]


def _sbd(place: Path) -> list[str]:
    for name in "ab":
        _photo(place / f"img/{name}.jpg")
        write_mat(place / f"cls/{name}.mat", {"GTcls": {"Segmentation": np.ones(SIZE, np.uint8)}})
    write_list(place / "train.txt", "a", "b")
    return ["check", f"sbd:{place}", "--split", "train"]


def _silberman(place: Path) -> list[str]:
    content = {"images": np.ones((*SIZE, 3, 1), np.uint8), "labels": np.ones((*SIZE, 1), np.uint16)}
    write_mat_73(place / "nyu_depth_v2_labeled.mat", content | {"depths": np.ones((*SIZE, 1), np.float32)})
    write_list(place / "train.txt", "5001")
    return ["check", f"nyud:{place}", "--split", "train"]


def _stanford(place: Path) -> list[str]:
    for name in "ab":
        _photo(place / f"images/{name}.jpg")
        for kind in ("regions", "surfaces"):
            write_list(place / f"labels/{name}.{kind}.txt", *["1 " * SIZE[1]] * SIZE[0])
    return ["check", f"stanford_background:{place}", "--split", "all"]


BUILDERS = (_folder, _converted, _csv, _jsonl, _voc, _sbd, _silberman, _stanford)


def _photo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.effect_noise(SIZE[::-1], 60).convert("RGB").save(path)


def _label(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = np.zeros(SIZE, np.uint8)
    ids[3:6, 2:9] = 1
    Image.fromarray(ids).save(path)


def _array(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.ones(SIZE, np.float32))


def _cut(content: bytes, draw: Draw) -> bytes:
    return content[: draw.randrange(len(content) + 1)]


def _flipped(content: bytes, draw: Draw) -> bytes:
    changed = bytearray(content or b"\0")
    for _ in range(draw.randrange(1, 6)):
        changed[draw.randrange(len(changed))] = draw.choice((0, 1, 0x0A, 0x0C, 0x1B, 0x22, 0x2D, 0x80, 0xFF))
    return bytes(changed)


def _odd_lines(content: bytes, draw: Draw) -> bytes:
    odd = (
        b"", b" ", b"../../../etc/passwd", b"/dev/zero", b"a\0b", b"\x1b[31mred\x1b[0m", b"x" * 5000,
        "\u2028".encode(), b"\xff\xfe", b"-1", b"9" * 5000, b"9223372036854775808", b"\xef\xbb\xbf", b"\r",
        b'"', b"nan", b"1e999", b"a\tb", "\u202egnp.a".encode(), b"\x0c", b"{}", b"[" * 100_000, b"," * 3000,
    )  # fmt: skip
    lines = content.split(b"\n")
    lines[draw.randrange(len(lines))] = draw.choice(odd)
    return b"\n".join(lines)


def _megabytes_in_a_line(content: bytes, draw: Draw) -> bytes:
    return content.replace(b"\n", b"x" * 3_000_000 + b"\n", 1)


def _many_lines(content: bytes, draw: Draw) -> bytes:
    return content + b"".join(b"line %d\n" % number for number in range(300))


def _other_field(content: bytes, draw: Draw) -> bytes:
    value = draw.choice(
        (b"null", b"[]", b"{}", b"-1", b"1e999", b"9" * 5000, b"true", b'"\\ud800"', b'"\\u0000"')
    )
    return content.replace(b'"a.png"', value)


def _lying_header(content: bytes, draw: Draw) -> bytes:
    shape = draw.choice(
        ("(100000, 100000)", "(12, 16, 9999999)", "(-1, 16)", "()", "(12,", "(0, 0)", "(12, 16)")
    )
    kind = draw.choice(("<f4", "<f8", "|O", "<U9", "<c16", "|b1", "<i8", "|V4"))
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + content[128:]


def _odd_numbers(content: bytes, draw: Draw) -> bytes:
    buffer = io.BytesIO()
    values = np.full(SIZE, draw.choice((np.nan, np.inf, 1e300, -1.0, 0.0)))
    np.save(buffer, values.astype(draw.choice((np.float32, np.float64))))
    return buffer.getvalue()


def _other_picture(content: bytes, draw: Draw) -> bytes:
    mode = draw.choice(("1", "L", "P", "I", "I;16", "RGB", "RGBA", "LA", "CMYK", "F"))
    size = draw.choice(((16, 12), (12, 16), (1, 1), (3000, 1)))
    buffer = io.BytesIO()
    picture = Image.new(
        mode, size, draw.choice((0, 1, 7)) if mode in ("1", "L", "P", "I", "I;16", "F") else None
    )
    picture.save(buffer, "TIFF" if mode in ("CMYK", "F", "I") else draw.choice(("PNG", "TIFF")))
    return buffer.getvalue()


def _other_variable(content: bytes, draw: Draw) -> bytes:
    return content.replace(b"Segmentation", b"Segmentatian").replace(b"labels", b"lapels")


CHANGES: dict[str, tuple[Callable[[bytes, Draw], bytes], ...]] = {
    ".txt": (_odd_lines, _odd_lines, _megabytes_in_a_line, _many_lines),
    ".csv": (_odd_lines, _odd_lines, _megabytes_in_a_line, _many_lines),
    ".jsonl": (_odd_lines, _other_field, _megabytes_in_a_line),
    ".npy": (_lying_header, _odd_numbers),
    ".png": (_other_picture,),
    ".jpg": (_other_picture,),
    ".mat": (_flipped, _flipped, _other_variable),
}


def _by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _by_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _by_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


REPLACEMENTS: dict[str, Callable[[Path], None]] = {
    "a pipe for": _by_pipe,
    "a device for": _by_device,
    "a folder for": _by_folder,
    "a link to itself for": _by_loop,
    "nothing for": Path.unlink,
}
