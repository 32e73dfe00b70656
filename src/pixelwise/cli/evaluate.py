"""`pixelwise eval`: judge a model on a labelled split."""

import json
from typing import Annotated, Any

import typer

from pixelwise.cli import options
from pixelwise.cli.loading import load_model
from pixelwise.cli.progress import progress

EXAMPLES = (
    "pixelwise eval default --data voc:VOC2012 --split val",
    "pixelwise eval runs/mine --data folder:my_images --crf --trimap --json",
)
_SHOWN_WIDTHS = (1, 2, 3, 5, 10, 15, 20, 30, 40)


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Bundled model, .onnx file, or run folder.")],
    data: options.Data,
    split: Annotated[str, typer.Option(help="Which part of the data.")] = "val",
    classes: options.Classes = None,
    ids: options.Ids = None,
    crf: options.CRF = False,
    crf_preset: options.CRFPreset = None,
    trimap: Annotated[
        bool, typer.Option("--trimap", help="Judge pixels near void and near class borders by themselves.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, figures in [0, 1].")
    ] = False,
) -> None:
    """Judge a model: pixel accuracy, mean accuracy, mean IoU, frequency-weighted IoU.

    The data's classes are matched to the model's by name; those the model does not have become void.
    --trimap adds pixel accuracy and mean IoU by distance from void (DeepLab's trimap) and from borders
    between classes, for widths up to 40 pixels; all of them with --json.
    """
    from pixelwise.data import open_dataset
    from pixelwise.evaluation.evaluate import evaluate as judge

    dataset = open_dataset(data, split, classes, ids)
    preset = options.chosen_preset(crf, crf_preset)
    predictor = load_model(model, preset)
    with progress(f"evaluating {dataset.name}", len(dataset)) as tell:
        result = {"crf": preset, **judge(predictor, dataset, tell, trimap).to_dict()}
    if as_json:
        print(json.dumps(result))
    else:
        _print(result)


def _print(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2), pad_edge=False, header_style="dim")
    table.add_column("id", justify="right")
    table.add_column("class")
    for heading in ("IoU %", "accuracy %", "pixels"):
        table.add_column(heading, justify="right")
    for row in result["per_class"]:
        figures = [_percent(row[key]) for key in ("iou", "accuracy")]
        table.add_row(str(row["id"]), row["name"], *figures, f"{row['pixels']:,}")
    Console(highlight=False, markup=False).print(table)
    for name in ("pixel_accuracy", "mean_accuracy", "mean_iou", "frequency_weighted_iou"):
        print(f"{name.replace('_', ' '):24}{_percent(result[name]):>6} %")
    refined = "" if result["crf"] is None else f" Refined with the CRF preset {result['crf']}."
    print(f"{result['images']} images. Convention: {result['convention']}.{refined}")
    if result["void"]:
        print(f"Counted as void, since the model has no such class: {', '.join(result['void'])}.")
    for name in ("trimap", "class_borders"):
        if name in result:
            _print_curve(name.replace("_", " "), **result[name])


def _print_curve(name: str, convention: str, curve: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2), pad_edge=False, header_style="dim")
    for heading in (f"{name}: width", "pixels", "pixel accuracy %", "mean IoU %"):
        table.add_column(heading, justify="right")
    for row in curve:
        if row["width"] in _SHOWN_WIDTHS:
            figures = [_percent(row[key]) for key in ("pixel_accuracy", "mean_iou")]
            table.add_row(str(row["width"]), f"{row['pixels']:,}", *figures)
    print()
    Console(highlight=False, markup=False).print(table)
    print(f"Convention: {convention}.")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f}"
