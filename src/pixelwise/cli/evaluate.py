"""`pixelwise eval`: judge a model on a labelled split."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelwise.cli import options
from pixelwise.cli.progress import progress

if TYPE_CHECKING:
    from pixelwise.inference.predictor import Predictor

EXAMPLES = (
    "pixelwise eval default --data voc:VOC2012 --split val",
    "pixelwise eval runs/mine --data folder:my_images --json",
)


def evaluate(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Bundled model, .onnx or .safetensors file, or run folder.")
    ],
    data: options.Data,
    split: Annotated[str, typer.Option(help="Which part of the data.")] = "val",
    classes: options.Classes = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, figures in [0, 1].")
    ] = False,
    engine: options.Engine = "auto",
    precision: options.Precision = "float32",
) -> None:
    """Judge a model: pixel accuracy, mean accuracy, mean IoU, frequency-weighted IoU.

    The data's classes are matched to the model's by name; those the model does not have become void.
    """
    from pixelwise.data import open_dataset
    from pixelwise.evaluation.evaluate import evaluate as judge
    from pixelwise.inference.model_file import bundled_names
    from pixelwise.inference.predictor import load

    options.check_engine(engine, precision)
    dataset = open_dataset(data, split, classes)
    predictor = (
        load(model, threads=1, engine=engine, precision=precision)
        if model in bundled_names() or not Path(model).is_dir()
        else _run_predictor(Path(model), precision)
    )
    with progress(f"evaluating {dataset.name}", len(dataset)) as tell:
        result = judge(predictor, dataset, tell).to_dict()
    if as_json:
        print(json.dumps(result))
    else:
        _print(result)


def _run_predictor(run: Path, precision: str) -> "Predictor":
    from pixelwise.inference.engines import TorchEngine
    from pixelwise.inference.predictor import Predictor
    from pixelwise.models.fast import for_inference
    from pixelwise.training.net import load_run

    net, info = load_run(run)
    return Predictor(TorchEngine(for_inference(net, precision)), info)


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
    print(f"{result['images']} images. Convention: {result['convention']}.")
    if result["void"]:
        print(f"Counted as void, since the model has no such class: {', '.join(result['void'])}.")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f}"
