"""Hostile input of the verbs that train: damaged and forged checkpoints and weights, absurd settings."""

import json
import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from pixelwise.training import checkpoint
from pixelwise.training.recipe import Recipe

JUNK: tuple[Any, ...] = (
    *(None, True, -1, 10**30, 2.5, float("nan"), float("inf"), "", "x" * 5000, "\x1b[2J\r", "\ud800"),
    *([], {}, [[[[1]]]], {"a": 1}, {1: 2}, torch.zeros(2), {"w": torch.tensor([float("nan")])}),
    {"w": torch.zeros(1).expand(10**9, 10**9)},
)
TEXTS = (
    *("nan", "inf", "-inf", "1e300", "-1", "1e-9", "0", "9" * 30, "9" * 5000, "", "none", "true", "\x1b[2J"),
    *("x" * 5000, "1,2", "0x10", "\u0661", "inf,inf", "../..", "100000"),
)


@dataclass(frozen=True)
class Case:
    """A command, and what it must name if it fails."""

    arguments: list[str]
    named: str | None


def cases(count: int, seed: int, folder: Path) -> Iterator[Case]:
    """Commands on files that are written into `folder`, which holds the data set `squares` and the run
    `run`. Each is to be run before the next is asked for.
    """
    chance = random.Random(seed)
    kinds = (
        _damaged,
        _damaged,
        _forged,
        _forged,
        _weights,
        _setting,
        _setting,
        _setting,
        _caffe,
        _chain,
        _pipe,
    )
    for number in range(count):
        place = folder / f"case{number}"
        place.mkdir()
        yield kinds[number % len(kinds)](chance, folder, place)
        shutil.rmtree(place)


def _train(folder: Path, *settings: str) -> list[str]:
    own = [
        f"data=folder:{folder / 'squares'}",
        "backbone=test_efficientnet",
        "steps=1",
        "batch_size=1",
        *settings,
    ]
    return ["train", "finetune", *(part for setting in own for part in ("--set", setting))]


def _verb(chance: random.Random, folder: Path, run: Path, name: str) -> list[str]:
    """A command that reads the checkpoint called so."""
    data = f"folder:{folder / 'squares'}"
    if name == checkpoint.LAST:
        return ["train", "finetune", "--output", str(run), "--resume"]
    return chance.choice(
        [
            ["eval", str(run), "--data", data],
            ["crf-search", str(run), "--data", data, "-o", str(run.parent / "preset.json")],
            [
                *_train(folder, "backbone_weights=none", f"init_from={run}"),
                "--output",
                str(run.parent / "next"),
            ],
        ]
    )


def _mutated(chance: random.Random, content: bytes) -> bytes:
    at = chance.randrange(len(content) + 1)
    other = bytes(chance.randrange(256) for _ in range(chance.choice([1, 4, 100])))
    return chance.choice(
        [
            content[:at],
            content[:at] + other + content[at:],
            content[:at] + other + content[at + len(other) :],
            content[:at] + bytes(1000) + content[at + 1000 :],
            content[at:],
            content + other,
            other,
            b"",
        ]
    )


def _damaged(chance: random.Random, folder: Path, place: Path) -> Case:
    run = Path(shutil.copytree(folder / "run", place / "run"))
    name = chance.choice([checkpoint.LAST, checkpoint.BEST])
    (run / name).write_bytes(_mutated(chance, (run / name).read_bytes()))
    return Case(_verb(chance, folder, run, name), name)


def _forged(chance: random.Random, folder: Path, place: Path) -> Case:
    """Without a checksum, as versions before wrote them."""
    run = Path(shutil.copytree(folder / "run", place / "run"))
    name = chance.choice([checkpoint.LAST, checkpoint.BEST])
    content = dict(vars(checkpoint.load(run / name)))
    target: Any = content
    while chance.random() < 0.5:
        inner = [key for key, value in target.items() if isinstance(value, dict) and value]
        if not inner:
            break
        key = chance.choice(inner)
        target[key] = dict(target[key])
        target = target[key]
    if chance.random() < 0.2:
        del target[chance.choice(list(target))]
    else:
        target[chance.choice(list(target))] = chance.choice(JUNK)
    torch.save(content, run / name)
    return Case(_verb(chance, folder, run, name), name)


def _weights(chance: random.Random, folder: Path, place: Path) -> Case:
    path = place / chance.choice(["trunk.safetensors", "trunk.pth"])
    source = folder / "squares/trunk.safetensors"
    if path.suffix == ".pth":
        torch.save({"w": torch.ones(1000)}, path)
        source = path
    content = source.read_bytes()
    if path.suffix == ".safetensors" and chance.random() < 0.5:
        length = int.from_bytes(content[:8], "little")
        content = (
            content[:8]
            + _mutated(chance, content[8 : 8 + length])[:length].ljust(length)
            + content[8 + length :]
        )
    else:
        content = _mutated(chance, content)
    path.write_bytes(content)
    if chance.random() < 0.1:
        save_file({"w": torch.tensor(float("nan"))}, path)
    command = [*_train(folder, f"backbone_weights={path}"), "--output", str(place / "run")]
    return Case(
        command if chance.random() < 0.7 else ["eval", str(path), "--data", f"folder:{folder / 'squares'}"],
        path.name,
    )


def _setting(chance: random.Random, folder: Path, place: Path) -> Case:
    """The data are missing, so that whatever is accepted ends there."""
    name = chance.choice([field.name for field in fields(Recipe)] + ["epochs", "lr", "\x1b[31m", "x" * 5000])
    text = chance.choice(TEXTS)
    verb = chance.choice(["train", "preview"])
    output = ["--output", str(place / ("run" if verb == "train" else "sheet.png"))]
    data = [] if name == "data" else ["--set", "data=folder:missing"]
    return Case([verb, "finetune", *data, "--set", f"{name}={text}", *output], None)


def _caffe(chance: random.Random, folder: Path, place: Path) -> Case:
    path = place / "net.caffemodel"
    path.write_bytes(_mutated(chance, (folder / "net.caffemodel").read_bytes()))
    output = ["-o", str(place / "net.safetensors")]
    return Case(["import-caffe", str(path), "--as", "fcn32s-alexnet", *output], path.name)


def _chain(chance: random.Random, folder: Path, place: Path) -> Case:
    path = place / checkpoint.CHAIN
    stage = {
        "name": "a",
        "data": "folder:missing",
        chance.choice(["steps", "data", "new"]): chance.choice(TEXTS),
    }
    content = json.dumps({"name": "a", "stages": [stage]}).encode()
    path.write_bytes(chance.choice([_mutated(chance, content), content, b"[" * 100_000, b"9" * 5000]))
    return Case(["train", "camvid_fcn8s_vgg16_stages", "--output", str(place), "--resume"], None)


def _pipe(chance: random.Random, folder: Path, place: Path) -> Case:
    """A pipe or an endless device in the place of a file."""
    run = Path(shutil.copytree(folder / "run", place / "run"))
    name = chance.choice(
        [checkpoint.LAST, checkpoint.BEST, checkpoint.CHAIN, "w.safetensors", "w.caffemodel"]
    )
    path = run / name
    path.unlink(missing_ok=True)
    os.mkfifo(path) if chance.random() < 0.5 else path.symlink_to("/dev/zero")
    commands = {
        checkpoint.CHAIN: ["train", "camvid_fcn8s_vgg16_stages", "--output", str(run), "--resume"],
        "w.safetensors": [*_train(folder, f"backbone_weights={path}"), "--output", str(place / "next")],
        "w.caffemodel": ["import-caffe", str(path), "-o", str(place / "net.safetensors")],
    }
    return Case(commands.get(name) or _verb(chance, folder, run, name), name)
