"""Weights of ImageNet classifiers for the papers' nets: torchvision's, files in their names, or Caffe's as
`pixelwise import-caffe` writes them.
"""

import re
from pathlib import Path

import torch
from torch import nn

from pixelwise.core.errors import ModelError
from pixelwise.core.files import sha256_of
from pixelwise.core.terminal import note
from pixelwise.models.nets.deeplab import DeepLab
from pixelwise.models.nets.fcn import FCN, LateFusion, SkipOnly
from pixelwise.models.nets.segmentation_net import TORCHVISION_MEAN, TORCHVISION_STD, SegmentationNet
from pixelwise.models.surgery.decimation import decimate
from pixelwise.models.surgery.input_channels import for_bands, with_depth
from pixelwise.models.surgery.weight_transplant import Transplant, fits, transplant
from pixelwise.models.trunks.googlenet import INCEPTIONS
from pixelwise.models.weights.tensor_files import naming, read_imported, read_metadata, read_tensors

Tensors = dict[str, torch.Tensor]
FILES = {
    "alexnet": "alexnet-owt-7be5be79",
    "vgg16": "vgg16-397923af",
    "vgg19": "vgg19-dcbb9e9d",
    "googlenet": "googlenet-1378be20",
}
"""torchvision's files of IMAGENET1K_V1; the end of a name is the beginning of its sha256."""


def _vgg(*blocks: tuple[int, ...]) -> dict[str, int]:
    """torchvision's places of a VGG's convolutions, block by block."""
    return {
        f"conv{block}_{index}": place
        for block, places in enumerate(blocks, start=1)
        for index, place in enumerate(places, start=1)
    }


_FEATURES = {
    "alexnet": dict(zip(("conv1", "conv2", "conv3", "conv4", "conv5"), (0, 3, 6, 8, 10), strict=True)),
    "vgg16": _vgg((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)),
    "vgg19": _vgg((0, 2), (5, 7), (10, 12, 14, 16), (19, 21, 23, 25), (28, 30, 32, 34)),
}
_CLASSIFIER = {
    "alexnet": {"fc6": 1, "fc7": 4},
    "vgg16": {"fc6": 0, "fc7": 3},
    "vgg19": {"fc6": 0, "fc7": 3},
}
_STEM = {"conv1/7x7_s2": "conv1", "conv2/3x3_reduce": "conv2", "conv2/3x3": "conv3"}
_BRANCHES = {
    "1x1": "branch1",
    "3x3_reduce": "branch2.0",
    "3x3": "branch2.1",
    "5x5_reduce": "branch3.0",
    "5x5": "branch3.1",
    "pool_proj": "branch4.1",
}
_NORMALISATION = {
    "alexnet": (TORCHVISION_MEAN, TORCHVISION_STD),
    "vgg16": (TORCHVISION_MEAN, TORCHVISION_STD),
    "vgg19": (TORCHVISION_MEAN, TORCHVISION_STD),
    "googlenet": ((127.5,) * 3, (127.5,) * 3),
}
_FITTING = "name a file of the classifier that the net is built on"
_BATCH_NORM_EPSILON = 1e-3  # torchvision's GoogLeNet comes from TensorFlow


def load_imagenet(net: SegmentationNet, source: str | Path, bands: bool = False) -> Transplant:
    """Copy a classifier of ImageNet into a net of the papers and set the mean and deviation that go with it.

    Fresh nets have the means of Caffe's: those stay for weights from Caffe.

    `source` is "torchvision" (fetched, checked by sha256), a file with the names of torchvision's AlexNet,
    VGG16 or GoogLeNet, or one that import-caffe wrote, which brings its own mean. A .safetensors file whose
    metadata say that its input is BGR minus a mean comes from Caffe: its first layer is turned to RGB. fc6
    and fc7 become convolutions, decimated for DeepLab; where a file lacks them they begin as VGG's did,
    Gaussian of deviation 0.005, since features of pictures in 0 to 255 are too large for the usual start.
    If they do not fit an FCN, both are left out, with a note. What else it lacks stays random. The further
    channels of early fusion begin as the mean over those of colour, as in the release; with `bands`, and of
    one or two channels, see for_bands. Both streams of late fusion begin alike, HHA in the place of BGR, as
    there. Raises ModelError if the file holds another net, or its classifier cannot be decimated, or the net
    is not of torchvision's form.
    """
    if isinstance(net, LateFusion):
        load_imagenet_for_hha(net.other, source)
        return load_imagenet(net.colour, source)
    if not isinstance(net, FCN | SkipOnly | DeepLab):
        raise ValueError(f"ImageNet's classifiers fit FCN and DeepLab, not {type(net).__name__}")
    kind = _kind(net)
    path = _checked(_fetched(kind) if source == "torchvision" else Path(source))
    imported = read_imported(path)
    bgr = read_metadata(path).get("input", "").startswith("BGR")
    if imported is None:
        mean, std = _NORMALISATION[kind]
        tensors = _renamed(kind, read_tensors(path), path)
    else:
        mean, std = (tuple(imported[name].flatten()[:3].tolist()) for name in ("mean", "std"))
        tensors = {
            name: tensor
            for name, tensor in imported.items()
            if name.startswith(("backbone.", "fc6.", "fc7."))
        }
    first = next(name for name in net.state_dict() if name.startswith("backbone."))
    if first not in tensors:
        raise ModelError(f"{path} holds another net than {kind}: it has no {first}", _FITTING)
    channels = net.mean.shape[1]
    seen = tensors[first].shape[1] if tensors[first].ndim == 4 else 0
    bands = bands or (channels < 3 and seen != channels)
    if seen != 3 and (bands or seen != channels):
        raise ModelError(
            f"{path}: {first} is {tuple(tensors[first].shape)}, expected filters of 3 channels",
            "name a file of a classifier of colour pictures",
        )
    colours = tensors[first].flip(1) if bgr else tensors[first]
    tensors[first] = for_bands(colours, channels) if bands else with_depth(colours, channels)
    if isinstance(net, DeepLab):
        _decimate_classifier(tensors, net, path)
    elif isinstance(net, SkipOnly):
        tensors = {name: tensors[name] for name in tensors.keys() & net.state_dict().keys()}
    else:
        _drop_classifier_that_misfits(tensors, net, path)
    with naming(path):
        report = transplant(tensors, net)
    for name in ("fc6.weight", "fc7.weight"):
        if name in report.left:
            nn.init.normal_(net.get_parameter(name), std=0.005)
    missing = [name for name in report.left if name.startswith("backbone.")]
    if missing or any(name.startswith("backbone.") for name in report.dropped):
        origin = "torchvision" if imported is None else "caffe"
        raise ModelError(
            f"{path} does not fit the trunk: {', '.join(missing)}",
            _FITTING
            if kind.startswith("vgg")
            else f'build FCN-AlexNet and FCN-GoogLeNet for these files with origin="{origin}"',
        )
    if not bgr:
        net.mean[:, :3] = torch.tensor(mean[:channels]).view(1, -1, 1, 1)
        net.std[:, :3] = torch.tensor(std[:channels]).view(1, -1, 1, 1)
    return report


def load_imagenet_for_hha(net: SegmentationNet, source: str | Path) -> Transplant:
    """As `load_imagenet`, into a net that sees HHA: its mean stays, and HHA comes in the place of BGR."""
    mean = net.mean.clone()
    report = load_imagenet(net, source)
    net.mean.copy_(mean)
    net.std.copy_(net.std.flip(1))
    first = next(part for name, part in net.named_parameters() if name.startswith("backbone."))
    first.data = first.data.flip(1)
    return report


def _kind(net: FCN | SkipOnly | DeepLab) -> str:
    names = [name for name, _ in net.backbone.named_children()]
    if "conv3_4" in names:
        return "vgg19"
    return {"conv1": "alexnet", "conv1_1": "vgg16", "conv1/7x7_s2": "googlenet"}[names[0]]


def _fetched(kind: str) -> Path:
    """torchvision's file, from torch's cache or the network."""
    folder = Path(torch.hub.get_dir(), "checkpoints")
    path = folder / f"{FILES[kind]}.pth"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        url = f"https://download.pytorch.org/models/{path.name}"
        try:
            torch.hub.download_url_to_file(url, str(path), hash_prefix=FILES[kind][-8:], progress=False)
        except Exception as problem:  # the network's many kinds, and a wrong hash
            raise ModelError(
                f"cannot fetch {url}: {problem}", "download it elsewhere and give the file's path"
            ) from None
    return path


def _checked(path: Path) -> Path:
    """The path, if the file is what its name says: the part after the last "-", if it is hexadecimal, begins
    its sha256.
    """
    expected = path.stem.rpartition("-")[2]
    if path.is_file() and re.fullmatch("[0-9a-f]{8,64}", expected):
        found = sha256_of(path)
        if not found.startswith(expected):
            raise ModelError(
                f"{path} is damaged: its sha256 begins with {found[:8]}, not {expected}", "fetch it again"
            )
    return path


def _renamed(kind: str, tensors: Tensors, path: Path) -> Tensors:
    """torchvision's tensors under our names, float32."""
    names: dict[str, str] = {}
    if kind == "googlenet":
        for ours, theirs in _STEM.items():
            names[f"backbone.{ours}"] = theirs
        for block in INCEPTIONS:
            for ours, theirs in _BRANCHES.items():
                names[f"backbone.inception_{block}.{ours}"] = f"inception{block}.{theirs}"
    else:
        names = {f"backbone.{ours}": f"features.{place}" for ours, place in _FEATURES[kind].items()}
        names |= {ours: f"classifier.{place}" for ours, place in _CLASSIFIER[kind].items()}
    renamed: Tensors = {}
    for ours, theirs in names.items():
        if kind == "googlenet":
            weight, bias = _folded(tensors, theirs, path)
        elif f"{theirs}.weight" not in tensors and ours in ("fc6", "fc7"):
            continue
        else:
            weight, bias = (_take(tensors, f"{theirs}.{part}", path) for part in ("weight", "bias"))
        if ours.endswith(".5x5") and weight.shape[-1] == 3:  # torchvision's are 3x3
            weight = nn.functional.pad(weight, (1, 1, 1, 1))
        renamed[f"{ours}.weight"], renamed[f"{ours}.bias"] = weight, bias
    return renamed


def _take(tensors: Tensors, name: str, path: Path) -> torch.Tensor:
    if name not in tensors:
        raise ModelError(f"{path} has no {name}", "name a file of torchvision's classifier of that name")
    return tensors[name].float()


def _folded(tensors: Tensors, name: str, path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """The one convolution that a convolution and its batch normalisation amount to."""
    weight = _take(tensors, f"{name}.conv.weight", path)
    gain, shift, mean, variance = (
        _take(tensors, f"{name}.bn.{part}", path)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    gain = gain * torch.rsqrt(variance + _BATCH_NORM_EPSILON)
    return weight * gain[:, None, None, None], shift - mean * gain


_LAYERS = [f"{layer}.{part}" for layer in ("fc6", "fc7") for part in ("weight", "bias")]


def _decimate_classifier(tensors: Tensors, net: DeepLab, path: Path) -> None:
    """fc6 and fc7 as this variant has them. Where one is missing, both are dropped: fc7 without the fc6 that
    it was learnt on says nothing. Raises ModelError for layers of shapes that cannot be decimated to these.
    """
    if any(name not in tensors for name in _LAYERS):
        for name in _LAYERS:
            tensors.pop(name, None)
        return
    filters, channels, taps, _ = net.fc6.weight.shape
    fc6, fc7 = tensors["fc6.weight"], tensors["fc7.weight"]
    rows = len(fc6) if fc6.ndim > 1 else 0
    kernel = round((fc6.numel() / max(1, rows * channels)) ** 0.5)
    square = kernel >= taps and fc6.numel() == rows * channels * kernel**2
    alike = [len(tensors[name]) if tensors[name].ndim else 0 for name in _LAYERS] == [rows] * 4
    if not (square and alike and rows and rows % filters == 0 and fc7.numel() == rows * rows):
        raise ModelError(
            f"{path}: expected fc6 (O, {channels} * k * k) and fc7 (O, O), k at least {taps} and O a "
            f"multiple of {filters}, got {tuple(fc6.shape)} and {tuple(fc7.shape)}",
            f"{_FITTING}, or one without these layers",
        )
    fc6, fc7 = fc6.reshape(rows, channels, kernel, kernel), fc7.reshape(rows, rows)
    tensors["fc6.weight"] = decimate(fc6, taps, filters)
    tensors["fc7.weight"] = decimate(fc7, None, filters, filters)[:, :, None, None]
    for name in ("fc6.bias", "fc7.bias"):
        tensors[name] = decimate(tensors[name], None, filters)


def _drop_classifier_that_misfits(tensors: Tensors, net: FCN, path: Path) -> None:
    """Drop fc6 and fc7 if one of them does not fit, and say so."""
    places = net.state_dict()
    given = [name for name in _LAYERS if name in tensors and name in places]
    misfits = [name for name in given if not fits(tensors[name], places[name])]
    if not misfits:
        return
    shapes = [tuple(of[misfits[0]].shape) for of in (tensors, places)]
    note(f"note: {path}: fc6 and fc7 are left out, because {misfits[0]} is {shapes[0]}, not {shapes[1]}")
    for name in given:
        del tensors[name]
