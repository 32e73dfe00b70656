"""Read an OpenVINO file, a graph (.xml) and its weights (.bin), and check it before an engine loads it.

As for ONNX files, a graph is refused unless all its nodes compute tensors from tensors: no loops, branches or
states, no operators of extensions, and no weights outside the file.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from pixelwise.core.errors import ModelError
from pixelwise.core.files import open_file
from pixelwise.core.terminal import printable, reason_of
from pixelwise.inference.model_files.model_file import MOST_BYTES, PROPERTY

ENDING: Final = ".xml"
_MOST_GRAPH: Final = 50_000_000  # bytes; that of a large net has two million
_OPSET: Final = re.compile(r"opset\d{1,2}")
_REFUSED: Final = ("If", "Loop", "TensorIterator", "ReadValue", "Assign")
_HINT: Final = 'write such files with "pixelwise export --format openvino"'


@dataclass(frozen=True)
class OpenVinoFile:
    """The content of both files, and the metadata of the model."""

    graph: bytes
    weights: bytes
    metadata: dict[str, str]


def read_openvino(path: Path) -> OpenVinoFile:
    """Both files of a model. Raises ModelError if one is missing or holds anything that is refused."""
    graph = _content(path, _MOST_GRAPH)
    weights = _content(path.with_suffix(".bin"), MOST_BYTES)
    try:
        root = ElementTree.fromstring(graph, ElementTree.XMLParser(target=_Builder()))
        metadata = _checked(root, len(weights))
    except (ElementTree.ParseError, ValueError, RecursionError) as problem:
        raise ModelError(f"{printable(path)} is not an OpenVINO model: {printable(problem)}", _HINT) from None
    return OpenVinoFile(graph, weights, metadata)


def _content(path: Path, most: int) -> bytes:
    try:
        with open_file(path) as file:
            content = file.read(most + 1)
    except FileNotFoundError:
        raise ModelError(
            f"no model file {printable(path)}", "an OpenVINO model is two files, NAME.xml and NAME.bin"
        ) from None
    except OSError as problem:
        raise ModelError(f"cannot read model file {printable(path)}: {reason_of(problem)}") from None
    if len(content) > most:
        raise ModelError(f"{printable(path)} is larger than a model file may be: {most / 1e9:g} GB", _HINT)
    return content


def _checked(root: ElementTree.Element, weights: int) -> dict[str, str]:
    """The metadata. Raises ValueError, whose message continues the sentence that starts with the file."""
    if root.tag != "net":
        raise ValueError(f"its root is <{root.tag[:40]}>, not <net>")
    layers = root.findall("./layers/layer")
    if len(layers) < len(list(root.iter("layer"))):
        raise ValueError("it holds a graph within a graph (a loop or branch), which is not run")
    if not layers:
        raise ValueError("it has no layers")
    for layer in layers:
        kind, version = layer.get("type", ""), layer.get("version", "")
        if kind in _REFUSED or not _OPSET.fullmatch(version):
            raise ValueError(f'it holds the operator "{kind[:80]}" of {version[:40]}, which is not run')
        if kind == "Const":
            _check_place(layer.find("data"), weights)
    stored = root.find(f"./rt_info/{PROPERTY}")
    text = None if stored is None else stored.get("value")
    return {} if text is None else {PROPERTY: text}


def _check_place(data: ElementTree.Element | None, weights: int) -> None:
    """Raise ValueError unless a constant lies within the file of weights."""
    offset, size = ("" if data is None else data.get(name, "") for name in ("offset", "size"))
    if not (offset.isdecimal() and size.isdecimal() and len(offset) < 20 and len(size) < 20):
        raise ValueError("a constant has no place among the weights")
    if int(offset) + int(size) > weights:
        raise ValueError(f"its weights end after {weights:,} bytes, but it needs {int(offset) + int(size):,}")


class _Builder(ElementTree.TreeBuilder):
    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise ValueError("it has a DOCTYPE, which could hold entities")
