"""Model files that are damaged, that lie, or that are made to do harm."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper
from tiny_model import tiny_info, tiny_model

NUMBERS = (0, -1, 1, 2, 7, 255, 65_536, 2**31 - 1, 2**31, -(2**31), 2**62, 2**63 - 1, -(2**63))

VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        [],
        {},
        0,
        -1,
        2**63,
        10**400,
        1e308,
        "",
        "x" * 5000,
        "\0",
        "\x1b[31mred",
        "a\r\nb",
        "\ud800",
    ),
    *([[]], [None], {"name": 3}, 30_000, 100_000, 0.5, "\u202e", "../../x", "é" * 900),
)


@dataclass(frozen=True)
class Case:
    """A model file, and how it was made."""

    path: Path
    made: str


def cases(count: int, seed: int, folder: Path) -> Iterator[Case]:
    """Write `count` model files into `folder`."""
    draw = random.Random(seed)
    for number in range(count):
        change = CHANGES[number % len(CHANGES)]
        content, what = change(draw)
        path = folder / f"{number:05}.onnx"
        path.write_bytes(content)
        yield Case(path, f"{change.__name__} {number}: {what}")


def _bytes(draw: random.Random) -> tuple[bytes, str]:
    content = bytearray(tiny_model())
    for _ in range(draw.choice((1, 1, 2, 8, 40))):
        content[draw.randrange(len(content))] = draw.randrange(256)
    return bytes(content), "bytes changed"


def _cut(draw: random.Random) -> tuple[bytes, str]:
    content = tiny_model()
    start, length = draw.randrange(len(content)), draw.choice((1, 7, 200, len(content)))
    return content[:start] + content[start + length :], f"{length} bytes cut at {start}"


def _metadata(draw: random.Random) -> tuple[bytes, str]:
    record = json.loads(tiny_info().to_metadata()["pixelwise"])
    if draw.random() < 0.2:
        texts = ("", "[" * 50_000, "NaN", '{"format": 1e999}', "null", '"\\ud800"', "{}" * 100)
        text = draw.choice(texts)
        return tiny_model({"pixelwise": text}), f"metadata {text[:20]}"
    place = record
    while True:
        key = draw.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if not isinstance(place[key], dict | list) or not place[key] or draw.random() < 0.4:
            break
        place = place[key]
    place[key] = draw.choice(VALUES)
    return tiny_model({"pixelwise": json.dumps(record)}), f"{key}: {place[key]!r:.40}"


def _attribute(draw: random.Random) -> tuple[bytes, str]:
    """Strides of 0, groups of 2**62, permutations that are not one."""
    model = onnx.load_from_string(tiny_model())
    attributes = {
        "Conv": {
            "pads": 4,
            "strides": 2,
            "dilations": 2,
            "kernel_shape": 2,
            "group": 0,
        },
        "Transpose": {"perm": 4},
        "Cast": {"to": 0, "saturate": 0},
    }
    node = draw.choice([node for node in model.graph.node if node.op_type in attributes])
    name, length = draw.choice(list(attributes[node.op_type].items()))
    for old in [entry for entry in node.attribute if entry.name == name]:
        node.attribute.remove(old)
    value: Any = draw.choice(NUMBERS)
    if length:
        value = [
            draw.choice((0, 1, draw.choice(NUMBERS))) for _ in range(draw.choice((length, length, 1, 9)))
        ]
    node.attribute.append(helper.make_attribute(name, value, attr_type=_kind(value)))
    return model.SerializeToString(), f"{name} {value}"


def _kind(value: Any) -> int:
    return int(AttributeProto.INTS if isinstance(value, list) else AttributeProto.INT)


def _operator(draw: random.Random) -> tuple[bytes, str]:
    model = onnx.load_from_string(tiny_model())
    node = draw.choice(model.graph.node)
    name = draw.choice(sorted({schema.name for schema in onnx.defs.get_all_schemas()}))
    node.op_type = name
    return model.SerializeToString(), name


def _shape(draw: random.Random) -> tuple[bytes, str]:
    """Sizes of weights, of the input or the output that are not true."""
    model = onnx.load_from_string(tiny_model())
    graph = model.graph
    size = draw.choice(NUMBERS)
    if draw.random() < 0.5:
        tensor = draw.choice(graph.initializer)
        tensor.dims[draw.randrange(len(tensor.dims))] = size
    else:
        port = draw.choice((graph.input[0], graph.output[0]))
        port.type.tensor_type.shape.dim[draw.randrange(4)].dim_value = size
    return model.SerializeToString(), f"a size is {size}"


def _wiring(draw: random.Random) -> tuple[bytes, str]:
    """Cycles, missing and doubled names."""
    model = onnx.load_from_string(tiny_model())
    names = [name for node in model.graph.node for name in (*node.input, *node.output)] + ["", "nowhere"]
    node = draw.choice(model.graph.node)
    side = draw.choice((node.input, node.output))
    side[draw.randrange(len(side))] = name = draw.choice(names)
    return model.SerializeToString(), f"{node.op_type} with {name!r}"


def _tail(draw: random.Random) -> tuple[bytes, str]:
    """Scores go through one more operator, whose numbers are out of bounds."""
    kind, nodes, numbers = draw.choice(_tails(draw))
    model = onnx.load_from_string(tiny_model())
    model.graph.node[-1].output[0] = "small"
    model.graph.node.extend(nodes)
    for name, values in numbers.items():
        model.graph.initializer.append(numpy_helper.from_array(np.array(values), name))
    return model.SerializeToString(), f"{kind} {numbers}"


def _tails(draw: random.Random) -> list[tuple[str, list[Any], dict[str, Any]]]:
    number = draw.choice((0, -1, 3, 100, 5000, 2**31 - 1, 2**40, 2**62, -(2**63)))
    real = np.float32(draw.choice((0.0, -1.0, 0.001, 70.0, 1e30, np.inf, np.nan)))
    last = ["scores"]
    return [
        ("Tile", [helper.make_node("Tile", ["small", "by"], last)], {"by": [1, 1, number, 1]}),
        ("Pad", [helper.make_node("Pad", ["small", "by"], last)], {"by": [0] * 7 + [number]}),
        ("Expand", [helper.make_node("Expand", ["small", "by"], last)], {"by": [1, 1, 1, 1, number]}),
        ("Reshape", [helper.make_node("Reshape", ["small", "by"], last)], {"by": [1, 4, -1, number]}),
        ("Gather", [helper.make_node("Gather", ["small", "by"], last, axis=1)], {"by": [0, 1, 2, number]}),
        (
            "Slice",
            [helper.make_node("Slice", ["small", "a", "by"], last)],
            {"a": [0, 0], "by": [number, number]},
        ),
        ("Resize", [helper.make_node("Resize", ["small", "", "by"], last)], {"by": [1, 1, real, real]}),
        ("Mul", [helper.make_node("Mul", ["small", "by"], last)], {"by": real}),
        (
            "ConstantOfShape",
            [
                helper.make_node("ConstantOfShape", ["by"], ["zeros"]),
                helper.make_node("ReduceMax", ["zeros"], ["zero"], keepdims=0),
                helper.make_node("Add", ["small", "zero"], last),
            ],
            {"by": [number, 1000]},
        ),
        (
            "Range",
            [
                helper.make_node("Range", ["a", "to", "by"], ["steps"]),
                helper.make_node("ReduceMax", ["steps"], ["last"], keepdims=0),
                helper.make_node("Add", ["small", "last"], last),
            ],
            {"a": np.float32(0), "to": np.float32(1e12), "by": real},
        ),
        ("chain", [*_chain(3000), helper.make_node("Relu", ["c2999"], last)], {}),
    ]


def _chain(length: int) -> list[Any]:
    names = ["small", *(f"c{index}" for index in range(length))]
    return [helper.make_node("Relu", [names[i]], [names[i + 1]]) for i in range(length)]


def _forbidden(draw: random.Random) -> tuple[bytes, str]:
    """What an engine would run, or look for on the disk, if it saw the file."""
    model = onnx.load_from_string(tiny_model())
    what = draw.choice(("opset", "external", "if", "loop", "domain", "function"))
    if what == "opset":
        model.opset_import[0].version = draw.choice(NUMBERS[5:])
    elif what == "external":
        tensor = draw.choice(model.graph.initializer)
        tensor.data_location = TensorProto.EXTERNAL
        place = draw.choice(("/etc/passwd", "../x", "w.bin", "/dev/zero", "\0"))
        tensor.external_data.add(key="location", value=place)
    elif what == "domain":
        model.graph.node[0].domain = "com.example"
    elif what == "function":
        body = [helper.make_node("Mine", ["x"], ["y"], domain="own")]
        model.functions.append(
            helper.make_function("own", "Mine", ["x"], ["y"], body, [helper.make_opsetid("own", 1)])
        )
        model.graph.node[0].op_type, model.graph.node[0].domain = "Mine", "own"
    else:
        inner = helper.make_graph([helper.make_node("Identity", ["a"], ["b"])], "inner", [], [])
        name = {"if": "then_branch", "loop": "body"}[what]
        model.graph.node[0].op_type = what.capitalize()
        model.graph.node[0].attribute.append(helper.make_attribute(name, inner))
    return model.SerializeToString(), what


CHANGES: tuple[Callable[[random.Random], tuple[bytes, str]], ...] = (
    *(_bytes, _cut, _metadata, _attribute, _operator, _shape, _wiring, _tail, _forbidden, _metadata, _tail),
)
