"""Evaluate models on labelled images, and compare them."""

import inspect
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from pixelwise.core.errors import ArgumentError, ImageError
from pixelwise.core.files import make_folder
from pixelwise.data.sample import LabelledImages
from pixelwise.data.spec import open_dataset
from pixelwise.evaluation import comparison, evaluation
from pixelwise.evaluation.details import ALL, OF_LABELS
from pixelwise.evaluation.evaluation import Evaluation, Judged
from pixelwise.evaluation.mask_folder import MaskFolder, is_masks, open_masks
from pixelwise.evaluation.training_pictures import learnt_by
from pixelwise.inference.model_files.card import card_of
from pixelwise.inference.model_files.model_file import bundled_names
from pixelwise.inference.predictor import Predictor
from pixelwise.workflows.data import Data, OnImage, counter, labelled_images
from pixelwise.workflows.loading import LoadOptions, load, load_for_labels, refuse_options

Judge = Callable[[Judged, LabelledImages, Callable[[int], None] | None, Collection[str]], Evaluation]
"""What evaluates a model or masks on a data set, as evaluation.evaluate does."""


def evaluate(
    model: Predictor | str | Path,
    data: Data,
    split: str = "val",
    *,
    class_names: Sequence[str] | None = None,
    classes: str | None = None,
    head: str | None = None,
    details: Collection[str] = (),
    allow_missing: bool = False,
    on_image: Callable[[int], None] | None = None,
    judge: Judge = evaluation.evaluate,
    **options: Unpack[LoadOptions],
) -> Evaluation:
    """Evaluate a model, or masks that another program made. The result's `summary()` has pixel accuracy, mean
    accuracy, mean IoU and frequency-weighted IoU; its `to_dict()` has everything.

    model: a name, a model file or a run folder, with the `options` of `load`, such as crf="densecrf"; or a
    predictor, which has its own; or "masks:FOLDER", a folder with a mask for each picture of the data, named
    by its id (ID.png, ID_mask.png or ID.npy), whose pixels are class ids or the classes' colours.
    allow_missing: leave out pictures without a mask, which raise DataError otherwise. data: KIND:PATH, a data
    set, or a sequence of (image, labels) arrays with `class_names`. Classes are matched by name; those that
    the model lacks become void. classes: a selection such as "background,animal=cat+dog". head: which labels,
    if the data has several. details: what else to count, see evaluation.details. on_image is called with the
    number of images done. judge: what evaluates.
    """
    dataset = labelled_images(data, split, class_names, head)
    judged, dataset = _judged(model, dataset, head, classes, allow_missing, options)
    return _with_known_pictures(judge(judged, dataset, on_image, details), judged, dataset)


def report_on(
    model: str,
    data: str,
    split: str = "val",
    *,
    report: str | Path | None = None,
    ids: str | Path | None = None,
    head: str | None = None,
    classes: str | None = None,
    details: Collection[str] = (),
    allow_missing: bool = False,
    on_image: OnImage | None = None,
    judge: Judge = evaluation.evaluate,
    **options: Unpack[LoadOptions],
) -> dict[str, Any]:
    """`evaluate` as plain data, with how it was made, which `pixelwise compare` takes.

    report: a folder for a page with all details, charts and telling images. ids: a file that lists the images
    to judge. Of masks:FOLDER it names the pictures that are `missing`. on_image is called with the data's
    name, the number of images done and their total. judge: what evaluates. Raises ImageError if the folder
    cannot be written into, and otherwise what `load` and `evaluate` raise.
    """
    dataset = open_dataset(data, split, None, ids, head)
    judged, dataset = _judged(model, dataset, head, classes, allow_missing, options)
    if report is not None:
        make_folder(Path(report), "report's folder", "--report", ImageError)
        details = OF_LABELS if isinstance(judged, MaskFolder) else ALL
    tell = counter(on_image, dataset.name, len(dataset))
    judgement = _with_known_pictures(judge(judged, dataset, tell, details), judged, dataset)
    plain = split == "val" and ids is None and classes is None and not _changed(options)
    left_out = _left_out(model, data) if plain else None
    made: dict[str, Any] = {"model": model, "data": dataset.name, "left_out": left_out}
    if isinstance(judged, MaskFolder):
        made |= {"views": "masks as they were given", "crf": None, "missing": list(judged.missing)}
    else:
        made |= {"views": ", ".join([str(judged.views), *_sizes(options)]), "crf": options.get("crf")}
    result = {**made, **judgement.to_dict()}
    if report is not None:
        from pixelwise.evaluation.report.gallery import exhibits
        from pixelwise.evaluation.report.page import write_report

        write_report(Path(report), result, judged.classes, exhibits(judgement, judged, dataset))
    return result


def compare(first: Evaluation | str | Path, second: Evaluation | str | Path) -> dict[str, Any]:
    """Compare two evaluations of the same images: what `evaluate` returned, folders of `pixelwise eval
    --report`, or files of its --json or of `Evaluation.to_dict`.

    The result has `metrics` and `per_class`, each with the figures of both in [0, 1], a and b, their
    `difference` b - a, its 95 % `interval` by a paired bootstrap over the images, and `better`, the share of
    resamples in which the second is better; and the images that `gained` and `lost` most. Raises DataError
    for a file that is not an evaluation, and unless both used the same labels, images and classes.
    """
    return comparison.compare(_record(first, "first"), _record(second, "second"))


def _record(judged: Evaluation | str | Path, name: str) -> comparison.Record:
    if isinstance(judged, Evaluation):
        return comparison.record_of(judged, name)
    if not isinstance(judged, str | Path):
        raise ValueError(
            "expected what pixelwise.evaluate returned, or the path of a saved evaluation, "
            f"got {type(judged).__name__}"
        )
    return comparison.load_record(Path(judged))


def _judged(
    model: Predictor | str | Path,
    dataset: LabelledImages,
    head: str | None,
    classes: str | None,
    allow_missing: bool,
    options: LoadOptions,
) -> tuple[Judged, LabelledImages]:
    """The model or the masks, and the part of the data that it is judged on, with the selected classes."""
    judged: Judged
    if is_masks(model):
        _refuse_changes(options)
        judged = open_masks(str(model), dataset, classes, allow_missing)
        if judged.missing:
            dataset = dataset.only(judged.files, f"{len(judged.missing)} without a mask left out")
    else:
        if allow_missing:
            raise ArgumentError("allow_missing", f"allow_missing is for masks:FOLDER, got {model}")
        judged = _loaded(model, head, options)
        dataset = as_learnt(dataset, judged)
    return judged, dataset if classes is None else dataset.select(classes)


def _with_known_pictures(evaluation: Evaluation, judged: Judged, dataset: LabelledImages) -> Evaluation:
    """The evaluation with the number of its images that the model learnt from."""
    known = None if isinstance(judged, MaskFolder) else learnt_by(judged, dataset)
    return replace(evaluation, in_training=known)


def _left_out(model: str, data: str) -> dict[str, Any] | None:
    """What the card of a bundled model has of nets that did not learn from this part of the data."""
    if model not in bundled_names():
        return None
    parts = card_of(model).get("left_out", {})
    return next((parts[option] for option in data.split(",")[1:] if option in parts), None)


def _sizes(options: LoadOptions) -> list[str]:
    """At which size pictures are scored, if that is not the model's own."""
    long_side, tiles = options.get("long_side"), options.get("tiles")
    sizes = [] if long_side is None else [f"at a long side of at most {long_side} pixels"]
    return sizes if tiles is None else [*sizes, f"in tiles ({tiles})"]


def _refuse_changes(options: LoadOptions) -> None:
    """Raise ValueError for options that would change masks, which are judged as they are."""
    if given := _changed(options):
        message = f"{', '.join(given)}: masks are judged as they are; such options are for models"
        raise ArgumentError(given[0], message)


def _changed(options: LoadOptions) -> list[str]:
    """The options that are not those of `load` by default; threads do not count."""
    default = inspect.signature(load).parameters
    neutral = {name: default[name].default for name in options} | {"threads": options.get("threads")}
    return [name for name, value in options.items() if value != neutral.get(name)]


def _loaded(model: Predictor | str | Path, head: str | None, options: LoadOptions) -> Predictor:
    """One thread for each picture: several are judged at a time."""
    if not isinstance(model, Predictor):
        one_thread: LoadOptions = {"threads": 1, **options}
        return load_for_labels(model, head, **one_thread)
    refuse_options(options)
    return model


def as_learnt(dataset: LabelledImages, predictor: Predictor) -> LabelledImages:
    """The data with the labels of the model's head, if that is not the main head."""
    head = predictor.info.training.get("head")
    return dataset.with_head(head) if head in list(dataset.heads)[1:] else dataset
