"""Read a TorchScript file and check it before torch loads it.

A TorchScript archive holds code, which torch runs: some of it while loading, and some of torch's functions
write files. So the code, which has Python's syntax, is read here first. It is refused unless it consists of
forward methods that call functions from a list, all of which compute tensors from tensors.
"""

import ast
import io
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pixelwise.core.errors import ModelError
from pixelwise.core.files import open_file
from pixelwise.core.terminal import printable, reason_of
from pixelwise.inference.model_files.model_file import MOST_BYTES, PROPERTY


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ENDINGS: Final = (".pt", ".ts", ".torchscript")
CHANNELS: Final = "channels"
"""The extra file that lists the numbers of channels of the inputs."""

_MOST_CODE: Final = 20_000_000
_FORWARD: Final = re.compile(r"forward\d*")
_FUNCTIONS: Final = _names("""
    _convolution abs adaptive_avg_pool2d adaptive_max_pool2d add add_ addmm arange avg_pool1d avg_pool2d
    avg_pool3d baddbmm batch_norm bitwise_and bitwise_not bitwise_or bmm broadcast_to cat celu chunk
    clamp clamp_ clamp_max clamp_min constant_pad_nd contiguous conv2d conv_transpose2d cos cumsum detach
    div div_ dropout einsum elu embedding eq erf exp expand expand_as feature_dropout fill_ flatten flip
    floor floor_divide full full_like gather ge gelu glu group_norm gt hardsigmoid hardswish hardswish_
    hardtanh hardtanh_ index index_select instance_norm layer_norm le leaky_relu leaky_relu_
    linalg_vector_norm linear linspace log log_softmax logical_and logical_not logical_or lt masked_fill
    matmul max max_pool1d max_pool2d max_pool3d maximum mean meshgrid min minimum mish mm mul mul_ narrow
    ne neg new_full new_zeros ones ones_like pad permute pow prelu reciprocal reflection_pad2d relu relu6
    relu6_ relu_ remainder repeat replication_pad2d reshape roll round rsqrt rsub
    scaled_dot_product_attention select sigmoid sigmoid_ silu silu_ sin size slice softmax softplus split
    split_with_sizes sqrt squeeze stack sub sub_ sum t tanh tile to transpose type_as unbind unfold
    unsqueeze upsample_bicubic2d upsample_bilinear2d upsample_nearest2d var var_mean view where zeros
    zeros_like
""")
_OPERATORS: Final = frozenset(
    {"ops.prim.NumToTensor", "ops.prim.TupleUnpack", "ops.prim.device", "torch.device"}
)
_BUILT_IN: Final = _names("annotate bool float getattr int len unchecked_cast uninitialized")
_HINT: Final = 'write such files with "pixelwise export --format torchscript"'


@dataclass(frozen=True)
class TorchScriptFile:
    """The content, the metadata, and the number of channels of each input."""

    content: bytes
    metadata: dict[str, str]
    channels: tuple[int, ...]


def read_torchscript(path: Path) -> TorchScriptFile:
    """A model's file. Raises ModelError if it is missing, has no metadata, or holds code that is refused."""
    shown = printable(path)
    try:
        with open_file(path) as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ModelError(f"no model file {shown}", _HINT) from None
    except OSError as problem:
        raise ModelError(f"cannot read model file {shown}: {reason_of(problem)}") from None
    try:
        if len(content) > MOST_BYTES:
            raise ValueError(f"it is larger than {MOST_BYTES / 1e9:g} GB")
        texts = _texts(content)
        for name, text in texts.items():
            if name.endswith(".py"):
                _check_code(text)
        channels = json.loads(texts.get(f"extra/{CHANNELS}", "null"))
        metadata = texts.get(f"extra/{PROPERTY}")
        if metadata is None or not _are_counts(channels):
            raise ValueError("it has no metadata of pixelwise (classes, long_side)")
    except (ValueError, SyntaxError, RecursionError, MemoryError, zipfile.BadZipFile) as problem:
        reason = reason_of(problem)
        raise ModelError(f"{shown} is not a TorchScript model: {reason}", _HINT) from None
    except Exception as problem:  # zipfile raises nearly anything on damaged archives
        raise ModelError(
            f"{shown} is not a complete TorchScript model: {type(problem).__name__}", _HINT
        ) from problem
    return TorchScriptFile(content, {PROPERTY: metadata}, tuple(channels))


def _texts(content: bytes) -> dict[str, str]:
    """Code and extra files of the archive, by their path below its top folder."""
    if not content.startswith(b"PK\3\4"):  # torch reads other formats under the same ending
        raise ValueError("it is not an archive")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        names = [entry.filename for entry in entries]
        if len(set(names)) < len(names) or len({name.partition("/")[0] for name in names}) != 1:
            raise ValueError("names in its archive repeat, or have no common folder")
        if sum(entry.file_size for entry in entries) > MOST_BYTES:
            raise ValueError(f"it unpacks to more than {MOST_BYTES / 1e9:g} GB")
        if not any(name.endswith("/data.pkl") for name in names) or not any(
            "/code/" in name for name in names
        ):
            raise ValueError(
                "it holds weights, but no code: load the net with torch, then pixelwise.load(net)"
            )
        wanted = [entry for entry in entries if entry.filename.endswith(".py") or "/extra/" in entry.filename]
        if sum(entry.file_size for entry in wanted) > _MOST_CODE:
            raise ValueError("its code is too long")
        return {entry.filename.partition("/")[2]: archive.read(entry).decode("utf-8") for entry in wanted}


def _check_code(text: str) -> None:
    """Raise ValueError unless the code consists of classes of forward methods that call what is allowed."""
    module = ast.parse(text)
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef) and not _FORWARD.fullmatch(node.name):
            raise ValueError(f'it has the function "{node.name[:80]}", which is not run')
        if isinstance(node, ast.Call) and not _is_allowed(ast.unparse(node.func)):
            raise ValueError(f'it calls "{ast.unparse(node.func)[:80]}", which is not run')
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Lambda | ast.AsyncFunctionDef):
            raise ValueError("its code is not that of a net")


def _is_allowed(function: str) -> bool:
    space, _, name = function.rpartition(".")
    if space == "torch" and name in _FUNCTIONS:
        return True
    if space.startswith(("ops", "torch")):
        return function in _OPERATORS
    return function in _BUILT_IN or (space != "" and _FORWARD.fullmatch(name) is not None)


def _are_counts(values: object) -> bool:
    return (
        isinstance(values, list)
        and 1 <= len(values) <= 8
        and all(isinstance(value, int) and 1 <= value <= 1024 for value in values)
    )
