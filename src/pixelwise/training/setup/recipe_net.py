"""Build the net of a recipe, new or from a run's checkpoint."""

import copy
import dataclasses
from collections.abc import Mapping
from pathlib import Path

import torch

from pixelwise import __version__
from pixelwise.core.errors import TrainingError
from pixelwise.core.pictures.bands import BandForm
from pixelwise.core.terminal import note, reason_of
from pixelwise.core.types import BANDS, IMAGE
from pixelwise.crf.presets import PRESETS as CRF_PRESETS
from pixelwise.data.spec import without_folders
from pixelwise.inference.model_files.model_file import ModelInfo
from pixelwise.models.layers.frozen_batch_norm import (
    freeze_batch_norm,
    has_batch_norm,
    unfold_batch_norm,
)
from pixelwise.models.nets.fcn import HHA_MEAN
from pixelwise.models.nets.segmentation_net import OneHead, SegmentationNet
from pixelwise.models.registry import create, entry_of
from pixelwise.models.surgery.input_channels import for_bands
from pixelwise.models.surgery.weight_transplant import NORMALISATION, Transplant, fits, transplant
from pixelwise.models.weights.imagenet import load_imagenet, load_imagenet_for_hha
from pixelwise.models.weights.tensor_files import naming
from pixelwise.training import checkpoint
from pixelwise.training.recipe import Recipe
from pixelwise.training.setup.band_statistics import BandStatistics
from pixelwise.training.setup.crf_layer import add_crf
from pixelwise.training.setup.start import Start, start_of, trunk_of
from pixelwise.training.setup.typed_fields import brief


def build_net(
    recipe: Recipe,
    classes: int,
    trained: bool = True,
    channels: int = 3,
    statistics: BandStatistics | None = None,
) -> SegmentationNet:
    """A new net with the recipe's initial weights, or random weights unless `trained`.

    `channels`: number of input channels. `statistics`: of the bands that a new net will learn from. Raises
    TrainingError if the net cannot take that many.
    """
    start = start_of(recipe.init_from) if trained and recipe.init_from is not None else None
    norm = _batch_norm_at_start(recipe, start)
    built = dataclasses.replace(recipe, batch_norm=norm)
    net = _net_of(built, classes, recipe.backbone_weights if trained else "none", channels)
    if statistics is not None:
        statistics.normalise(net)
    if trained and "backbone" in entry_of(recipe.net).settings:
        _try(net, recipe, channels)
    if recipe.crf_layer is not None:
        add_crf(net, classes, CRF_PRESETS[recipe.crf_layer])
    if start is not None:
        tensors = unfold_batch_norm(start.tensors, net)
        if statistics is not None:
            tensors = _fitted(tensors, net)
        _expect_as_trained(net, recipe, start, tensors)
        report = _begin(net, tensors, start.place, None if start.of_bands else statistics)
        note(f"from {recipe.init_from}: {report}")
        if recipe.backbone_weights == "none" and any(map(_of_backbone, report.left)):
            raise TrainingError(
                f"{recipe.init_from} has no weights for all of the backbone, and backbone_weights=none "
                "leaves the rest random",
                "use the backbone of that run, or other backbone_weights",
            )
        if recipe.batch_norm == "frozen" and norm != "frozen":
            freeze_batch_norm(net, torch.zeros(1, channels, 65, 65))
    net.freeze(recipe.freeze_stages)
    return net.to(memory_format=torch.channels_last)


def _begin(
    net: SegmentationNet,
    tensors: Mapping[str, torch.Tensor],
    place: str,
    statistics: BandStatistics | None,
) -> Transplant:
    """Copy the tensors that fit into the net. `statistics`: of bands, if the tensors were not learnt from
    such.
    """
    tensors = _without_foreign_normalisation(tensors, net)
    with naming(place):
        report = transplant(tensors, net)
    if statistics is not None and "std" in tensors:
        net.std.fill_(float(tensors["std"].mean()))
        statistics.normalise(net)
    return report


def _without_foreign_normalisation(
    tensors: Mapping[str, torch.Tensor], net: SegmentationNet
) -> dict[str, torch.Tensor]:
    """The tensors without `mean` and `std`, unless the whole backbone (of each stream) is among them: the
    net's own belong to the weights that it keeps.
    """
    kept, places = dict(tensors), net.state_dict()
    for module in (name for name, part in net.named_modules() if isinstance(part, SegmentationNet)):
        stream = f"{module}." if module else ""
        trunk = [name for name in places if name.startswith(f"{stream}backbone.")]
        numbers = [f"{stream}{name}" for name in NORMALISATION]
        whole = all(name in tensors and fits(tensors[name], places[name]) for name in trunk)
        if not whole or any(name not in tensors for name in numbers):
            kept = {name: tensor for name, tensor in kept.items() if name not in numbers}
    return kept


def _fitted(tensors: Mapping[str, torch.Tensor], net: SegmentationNet) -> dict[str, torch.Tensor]:
    """The tensors, with filters of colours fitted to the bands of the net."""
    places = net.state_dict()

    def fitted(name: str, tensor: torch.Tensor) -> torch.Tensor:
        place = places.get(name)
        of_colours = tensor.ndim == 4 and tensor.shape[1] == 3 and name not in NORMALISATION
        if not of_colours or place is None or place.ndim != 4 or place.shape[1] == 3:
            return tensor
        return for_bands(tensor, place.shape[1])

    return {name: fitted(name, tensor) for name, tensor in tensors.items()}


def _batch_norm_at_start(recipe: Recipe, start: Start | None) -> str:
    """The batch_norm for building the net, so that its layers have the names of the run it starts from. It is
    frozen afterwards if the recipe says so.
    """
    if start is None or start.batch_norm is None or "batch_norm" not in entry_of(recipe.net).settings:
        return recipe.batch_norm
    return start.batch_norm


def _expect_as_trained(
    net: SegmentationNet, recipe: Recipe, start: Start, tensors: Mapping[str, torch.Tensor]
) -> None:
    """Raise TrainingError if the start holds other weights than those of its training: normalisations that
    are merged into other layers or, of this backbone, tensors that export changed.
    """
    if start.batch_norm is not None and has_batch_norm(net):
        if start.exported is not None and start.batch_norm != "frozen":
            raise TrainingError(
                f"{start.place} was trained with batch_norm={brief(start.batch_norm)}, which export merges "
                "into other layers: it does not hold the net's weights as they were trained",
                "name the run folder it was exported from",
            )
        if start.batch_norm == "frozen" and recipe.batch_norm != "frozen":
            raise TrainingError(
                f"{start.place} was trained with batch_norm=frozen; its folded statistics cannot be trained",
                "set batch_norm=frozen",
            )
    missing = [name for name in net.state_dict() if _of_backbone(name) and name not in tensors]
    if missing and start.exported == trunk_of(dataclasses.asdict(recipe)):
        raise TrainingError(
            f"{start.place} lacks {len(missing)} tensors of the backbone, such as {missing[0]}: export "
            "changes some layers' weights, and stores equal ones once",
            "name the run folder it was exported from",
        )


def _of_backbone(name: str) -> bool:
    """Whether a tensor is of the backbone, or of one of two."""
    return ".backbone." in f".{name}"


def _net_of(recipe: Recipe, classes: int, weights: str, channels: int) -> SegmentationNet:
    entry = entry_of(recipe.net)
    of_bands = recipe.inputs == (BANDS,)
    if (channels not in entry.channels and not of_bands) or (of_bands and channels == 6 in entry.channels):
        raise TrainingError(
            f"{recipe.net} takes {', '.join(map(str, entry.channels))} channels, "
            f"but {' and '.join(recipe.inputs)} have {channels}",
            "six channels are RGB and HHA to a paper's FCN; use skip_fcn or a DeepLab"
            if of_bands
            else "set inputs to image, image,depth, hha or, for FCN, image,hha",
        )
    settings = {field: getattr(recipe, field) for field in entry.settings}
    of_hha = recipe.inputs == ("hha",)
    later = of_hha or (of_bands and "backbone" not in entry.settings)
    try:
        net = create(recipe.net, classes, None if later else weights, channels, **settings)
    except ValueError as problem:
        raise TrainingError(
            f"the net cannot be built: {problem}", "try other skips, another backbone, or batch_norm=train"
        ) from None
    if of_hha:
        net.mean.copy_(torch.tensor(HHA_MEAN).view(1, 3, 1, 1))
        if weights != "none":
            load_imagenet_for_hha(net, weights)
    elif later and weights != "none":
        load_imagenet(net, weights, bands=True)
    return net


def _try(net: SegmentationNet, recipe: Recipe, channels: int) -> None:
    """Run a copy of the net on the sizes of training and evaluation, so that no backbone fails in the middle
    of a run. Raises TrainingError with the reason.
    """
    whole = recipe.long_side, max(1, 3 * recipe.long_side // 4)
    crop = (recipe.crop, recipe.crop) if recipe.crop else whole
    for size, images, training in ((crop, min(2, recipe.batch_size), True), (whole, 1, False)):
        trial = copy.deepcopy(net).train(training)
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                trial(torch.zeros(images, channels, *size))
        except (RuntimeError, ValueError, AssertionError, IndexError, TypeError) as problem:
            reason = reason_of(problem)
            raise TrainingError(
                f"a net on {recipe.backbone} does not work on {'crops' if training else 'pictures'} of "
                f"{size[0]} x {size[1]} pixels: {reason}",
                "try another crop, batch_size or backbone",
            ) from problem


def load_run(run: Path, head: str | None = None) -> tuple[SegmentationNet, ModelInfo]:
    """The net of a run folder, in evaluation mode with its averaged weights, and its metadata: the best net
    by mean IoU, or the last if none was evaluated. `head`: which of several, by default the main one.
    """
    if not run.is_dir():
        raise TrainingError(
            f"{run} is not a run folder", "name the folder that `pixelwise train --output` made"
        )
    path = checkpoint.chosen(run)
    state = checkpoint.load(path)
    recipe, classes = Recipe.from_dict(state.recipe), checkpoint.classes_from(state.classes)
    heads = {name: checkpoint.classes_from(content) for name, content in state.heads.items()}
    known = tuple(heads) or recipe.heads
    if head is not None and head not in known:
        raise TrainingError(
            f"{run} has no head {head}", f"there are {', '.join(known)}" if known else "it has one head only"
        )
    head = head or next(iter(known), None)
    size = sum(map(len, heads.values())) or len(classes)
    with torch.random.fork_rng(devices=[]):  # for weights that are replaced
        net = build_net(recipe, size, trained=False, channels=state.channels)
    with checkpoint.fitting(path):
        net.load_state_dict(state.mean)
    if heads and head is not None:
        net, classes = OneHead(net, {name: len(own) for name, own in heads.items()}, head), heads[head]
    bands = BandForm(state.channels, state.numbers) if BANDS in recipe.inputs else None
    preprocessing = {
        "input": "uint8 RGB, N H W 3; the graph computes (x - mean) / std"
        if recipe.inputs == (IMAGE,)
        else f"{' and '.join(recipe.inputs)} side by side; the net computes (x - mean) / std",
        "mean": net.mean.flatten().tolist(),
        "std": net.std.flatten().tolist(),
    }
    record = {
        "recipe": {**dataclasses.asdict(recipe), **_without_places(recipe)},
        "head": head,
        "steps": state.step,
        "hours": round(state.seconds / 3600, 2),
        "val": state.history[-1] if state.history else None,
        "pixelwise": __version__,
        "torch": torch.__version__,
    }
    info = ModelInfo(
        recipe.name,
        classes,
        recipe.long_side,
        preprocessing,
        record,
        recipe.enlarge,
        recipe.inputs,
        bands=bands,
        learnt_from=state.learnt_from,
    )
    return net.eval(), info


def _without_places(recipe: Recipe) -> dict[str, str]:
    """The fields that hold paths on the training machine, which are private."""
    specs = {"data": recipe.data, "val_data": recipe.val_data, "also": recipe.also}
    paths = {"backbone_weights": recipe.backbone_weights, "init_from": recipe.init_from}
    return {
        **{field: without_folders(spec) for field, spec in specs.items() if spec is not None},
        **{field: Path(path).name for field, path in paths.items() if path is not None},
    }
