"""`pixelwise import-caffe`: convert the authors' weights to a model."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixelwise.cli import tables
from pixelwise.core.terminal import say

if TYPE_CHECKING:
    from pixelwise.core.classes import Classes
    from pixelwise.models.nets.segmentation_net import SegmentationNet
    from pixelwise.models.weights.caffe_import import Report
    from pixelwise.models.weights.caffemodel import CaffeNet

EXAMPLES = (
    "pixelwise import-caffe fcn8s-heavy-pascal.caffemodel -o fcn8s.safetensors",
    "pixelwise import-caffe VGG16.caffemodel --as fcn32s-vgg16 --partial -o fcn32s.safetensors",
)


def import_caffe(
    model: Annotated[Path, typer.Argument(metavar="MODEL.caffemodel", help="Weights as Caffe wrote them.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The .safetensors file to write.")],
    net_name: Annotated[
        str | None,
        typer.Option(
            "--as", metavar="NET", help="Which net of `pixelwise models`; default: the one that fits."
        ),
    ] = None,
    classes: Annotated[
        Path | None,
        typer.Option(help="Text file of class names, one per line; default: VOC's for 21, else numbers."),
    ] = None,
    mean: Annotated[
        str | None,
        typer.Option(
            metavar="B,G,R|FILE", help="Mean that the net subtracts, or a .binaryproto; default: VOC's."
        ),
    ] = None,
    sha256: Annotated[str | None, typer.Option(help="Refuse the file unless it has this digest.")] = None,
    partial: Annotated[
        bool,
        typer.Option("--partial", help="Write the file even if some weights of the net are not in MODEL."),
    ] = False,
) -> None:
    """Convert a .caffemodel to a model for segment, eval and export; Caffe is not needed.

    Layers are matched by name and every shape is checked; stdout lists what happened to each. The net's
    channels are reversed from Caffe's BGR to RGB, and the file includes the mean.
    """
    if output.suffix != ".safetensors":
        raise typer.BadParameter(f"expected a .safetensors file, got {output}", param_hint="--output")
    import torch

    from pixelwise.core.errors import ModelError
    from pixelwise.inference.model_files.model_file import ModelInfo
    from pixelwise.inference.model_files.net_file import write_net
    from pixelwise.models.paper_nets import CATALOGUE, build
    from pixelwise.models.weights.caffe_import import classes_of, copy_caffe
    from pixelwise.models.weights.caffemodel import read_caffemodel

    if net_name is not None and net_name not in CATALOGUE:
        raise typer.BadParameter(f"expected one of {', '.join(CATALOGUE)}, got {net_name}", param_hint="--as")
    digest = _digest(model)
    if sha256 is not None and sha256.lower() != digest:
        raise ModelError(
            f"{model} has sha256 {digest}, expected {sha256}", "download it again, from its authors"
        )
    source = read_caffemodel(model)
    names = _classes(classes, classes_of(source) or 21)
    name = net_name or _fitting(source, len(names), str(model))
    net = build(name, len(names)).eval()
    report = copy_caffe(source, net)
    means = _mean(mean, net)
    if means is not None:
        net.mean.copy_(torch.tensor(means[::-1]).view_as(net.mean))
    if not report.matches:
        layers = ", ".join(layer.name for layer in source.layers[:5])
        raise ModelError(
            f"{model} holds no weights of {name}; its layers are {layers}, ...",
            f"try another --as: {', '.join(CATALOGUE)}",
        )
    _print(report, name, source, digest)
    if not (report.complete or partial):
        raise ModelError(
            f"{model} does not hold a whole {name}",
            "see above; try another --as, or --partial, which keeps new weights where MODEL has none",
        )
    preprocessing = {
        "input": "uint8 RGB, N H W 3; the net subtracts the mean; Caffe's BGR channels were turned to RGB",
        "mean": net.mean.flatten().tolist(),
        "std": net.std.flatten().tolist(),
    }
    training = {
        "imported_from": model.name,
        "sha256": digest,
        "caffe_net": source.name,
        "complete": report.complete,
    }
    info = ModelInfo(name, names, 500, preprocessing, training)
    write_net(net, name, info, output, report.missing)
    say(f"{output}: {name}, {len(names)} classes, {output.stat().st_size / 1e6:.1f} MB")


def _digest(path: Path) -> str:
    from pixelwise.core.errors import ModelError
    from pixelwise.core.files import regular_file, sha256_of

    try:
        return sha256_of(regular_file(path))
    except OSError as problem:
        raise ModelError(f"cannot read {path}: {problem.strerror or problem}") from problem


def _classes(path: Path | None, count: int) -> "Classes":
    from pixelwise.core.classes import Classes
    from pixelwise.core.errors import ModelError
    from pixelwise.data.sources.folder import own_classes
    from pixelwise.data.sources.voc import VOC_CLASSES

    if path is None:
        return Classes.named(
            VOC_CLASSES if count == len(VOC_CLASSES) else [f"class {i}" for i in range(count)]
        )
    found = own_classes(path).classes
    if len(found) != count:
        raise ModelError(
            f"{path} names {len(found)} classes, but the net scores {count}", "name them all, one per line"
        )
    return found


def _mean(given: str | None, net: "SegmentationNet") -> list[float] | None:
    """The mean per channel, BGR."""
    from pixelwise.core.errors import ModelError
    from pixelwise.models.weights.caffemodel import read_mean

    if given is None:
        return None
    try:
        values = [float(part) for part in given.split(",")]
    except ValueError:
        values = read_mean(Path(given)).mean((1, 2)).tolist()
    if len(values) != net.mean.numel():
        raise ModelError(
            f"--mean has {len(values)} numbers, but the net takes {net.mean.numel()} channels",
            "give one number per channel, in Caffe's order: blue, green, red",
        )
    if not all(map(math.isfinite, values)):
        raise ModelError(f"--mean must be finite numbers, got {given}", "leave it out for VOC's mean")
    return values


def _fitting(source: "CaffeNet", classes: int, path: str) -> str:
    """The net of the catalogue that the file fills."""
    import torch

    from pixelwise.core.errors import ModelError
    from pixelwise.models.paper_nets import CATALOGUE, build
    from pixelwise.models.weights.caffe_import import copy_caffe

    starts = []
    for name in CATALOGUE:
        with torch.device("meta"):
            net = build(name, classes)
        report = copy_caffe(source, net)
        if report.complete and not report.left:
            return name
        if set(report.missing) == {"score_fr.weight", "score_fr.bias"}:
            starts.append(f"it seems to be a classifier: --as {name} --partial makes it a start for training")
    hint = next(iter(starts), f"say which with --as: {', '.join(CATALOGUE)}")
    raise ModelError(f"{path} matches none of the nets completely", hint)


def _print(report: "Report", name: str, source: "CaffeNet", digest: str) -> None:
    headings = ("layer", "parameter", "shape", "change")
    rows = [
        (m.layer, m.parameter.removeprefix("backbone."), " x ".join(map(str, m.shape)), m.change)
        for m in report.matches
    ]
    tables.show(headings, rows, texts=headings, no_wrap=True)
    say(f"{source.name or 'a net'} (Caffe V{source.version}, sha256 {digest[:16]}...) as {name}:")
    say(f"{len(report.matches)} weights copied, {sum(bool(m.change) for m in report.matches)} made to fit")
    for title, entries in (
        ("do not fit", report.misfits),
        ("in the file, not in the net", report.left),
        ("in the net, not in the file", report.missing),
    ):
        if entries:
            say(f"{title}: {'; '.join(entries) if title == 'do not fit' else ', '.join(entries)}")
