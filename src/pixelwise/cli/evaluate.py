"""`pixelwise eval`: evaluate a model on a labelled split."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pixelwise.cli import options, tables
from pixelwise.cli.loading import as_learnt, load_model
from pixelwise.cli.progress import progress
from pixelwise.core.terminal import note, say, say_json

EXAMPLES = (
    "pixelwise eval default --data voc:VOC2012 --split val",
    "pixelwise eval runs/mine --data folder:my_images --report reports/mine",
)
_SHOWN_WIDTHS = (1, 2, 3, 5, 10, 15, 20, 30, 40)


def evaluate(
    model: options.Model,
    data: options.Data,
    split: options.OneSplit = "val",
    classes: options.Classes = None,
    ids: options.Ids = None,
    head: options.Head = None,
    scales: options.Scales = None,
    flip: options.Flip = False,
    crf: options.CRF = False,
    crf_preset: options.CRFPreset = None,
    trimap: Annotated[
        bool, typer.Option("--trimap", help="Also evaluate only pixels near void and near class borders.")
    ] = False,
    boundary: Annotated[
        bool, typer.Option("--boundary", help="Also evaluate outlines: boundary IoU and boundary F1.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write a page with all figures, charts and example images."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, figures in [0, 1].")
    ] = False,
    engine: options.Engine = "auto",
    precision: options.Precision = "float32",
) -> None:
    """Evaluate a model: pixel accuracy, mean accuracy, mean IoU, frequency-weighted IoU, with 95 % intervals.

    The data's classes are matched to the model's by name; classes that the model lacks become void.
    --trimap adds pixel accuracy and mean IoU by distance from void (DeepLab's trimap) and from borders
    between classes, for widths up to 40 pixels; --json prints every width. --report counts everything. It
    writes FOLDER/index.html, a page that works offline, and FOLDER/evaluation.json for pixelwise compare.
    """
    from pixelwise.data import open_dataset
    from pixelwise.evaluation import details
    from pixelwise.evaluation.evaluation import evaluate as judge

    options.check_engine(engine, precision)
    dataset = open_dataset(data, split, None, ids, head)
    preset = options.chosen_preset(crf, crf_preset)
    views = options.chosen_views(scales, flip)
    predictor = load_model(model, preset, views, engine=engine, precision=precision, head=head)
    dataset = as_learnt(dataset, predictor)
    if classes is not None:
        dataset = dataset.select(classes)
    if report is not None:
        from pixelwise.core.errors import ImageError
        from pixelwise.core.files import make_folder
        from pixelwise.evaluation.report.gallery import exhibits
        from pixelwise.evaluation.report.page import write_report

        make_folder(report, "report's folder", "--report", ImageError)
    wanted = details.BANDS * trimap + ("boundary",) * boundary if report is None else details.ALL
    with progress(f"evaluating {dataset.name}", len(dataset)) as tell:
        evaluation = judge(predictor, dataset, tell, wanted)
    made = {"model": model, "data": dataset.name, "views": str(predictor.views), "crf": preset}
    result = {**made, **evaluation.to_dict()}
    if report is not None:
        page = write_report(report, result, predictor.classes, exhibits(evaluation, predictor, dataset))
    if as_json:
        say_json(result)
    else:
        _print(result)
    if report is not None:
        note(f"report: {page}")


def _print(result: dict[str, Any]) -> None:
    from pixelwise.evaluation.evaluation import SUMMARY

    headings = ("id", "class", "IoU %", "95 % interval", "recall %", "precision %", "F1 %", "pixels")
    tables.show(headings, map(_cells, result["per_class"]), texts=("class",))
    for key, name in SUMMARY.items():
        interval = _interval(result["intervals"][key])
        say(f"{name:24}{_percent(result[key]):>6} %  ({interval})")
    say(f"{'mean IoU of true classes':24}{_percent(result['mean_iou_of_true_classes']):>6} %")
    refined = "" if result["crf"] is None else f" Refined with the CRF preset {result['crf']}."
    say(f"{result['images']} images, {result['views']}.{refined} Convention: {result['convention']}.")
    say(f"In brackets: {result['interval_convention']}.")
    say("Mean IoU of true classes: the other convention, which omits classes absent from the ground truth.")
    if result["void"]:
        say(f"Counted as void, since the model has no such class: {', '.join(result['void'])}.")
    for key, name in (("trimap", "trimap"), ("class_borders", "class borders")):
        if key in result:
            _print_curve(name, **result[key])
    if "boundary" in result:
        for key, name in (
            ("mean_boundary_iou", "mean boundary IoU"),
            ("mean_boundary_f1", "mean boundary F1"),
        ):
            say(f"{name:24}{_percent(result['boundary'][key]):>6} %")
        say(f"Convention: {result['boundary']['convention']}.")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    """The table row of one class."""
    figures = [_percent(row[key]) for key in ("recall", "precision", "f1")]
    interval = _interval(row["iou_interval"])
    return str(row["id"]), row["name"], _percent(row["iou"]), interval, *figures, f"{row['pixels']:,}"


def _print_curve(name: str, convention: str, curve: list[dict[str, Any]]) -> None:
    rows = [
        (str(row["width"]), f"{row['pixels']:,}", _percent(row["pixel_accuracy"]), _percent(row["mean_iou"]))
        for row in curve
        if row["width"] in _SHOWN_WIDTHS
    ]
    say("")
    tables.show((f"{name}: width", "pixels", "pixel accuracy %", "mean IoU %"), rows)
    say(f"Convention: {convention}.")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f}"


def _interval(ends: list[float | None]) -> str:
    return "-" if None in ends else f"{_percent(ends[0])} to {_percent(ends[1])}"
