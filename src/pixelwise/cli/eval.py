"""`pixelwise eval`: judge a model on a labelled split."""

import json
from pathlib import Path
from typing import Annotated

import typer

from pixelwise.cli.console import CLASSES, THREADS, Progress, out

EXAMPLES = """
pixelwise eval default --data voc:VOC2012 --split val
pixelwise eval runs/mine --data folder:my_images --json
"""


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Bundled name, .onnx file or run folder.")],
    data: Annotated[str, typer.Option(help="Data set as KIND:PATH; kinds: voc, folder, camvid.")],
    split: Annotated[str, typer.Option(help="Which part of it.")] = "val",
    classes: CLASSES = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout, figures in [0, 1].")
    ] = False,
    threads: THREADS = None,
) -> None:
    """Pixel accuracy, mean accuracy, mean IoU and frequency-weighted IoU, with the convention they follow."""
    from pixelwise.data import open_dataset
    from pixelwise.evaluation.evaluate import evaluate as judge
    from pixelwise.inference.predictor import load

    dataset = open_dataset(data, split, classes)
    predictor = _from_run(Path(model)) if Path(model).is_dir() else load(model, threads)
    with Progress(f"evaluating {dataset.name}", len(dataset)) as progress:
        result = judge(predictor, dataset, progress)
    if as_json:
        out.print(json.dumps(result.to_dict()), soft_wrap=True, markup=False, highlight=False)
    else:
        _print(result.to_dict())


def _from_run(run: Path) -> "Predictor":  # type: ignore[name-defined]  # noqa: F821
    from pixelwise.cli.console import require_train_tier

    require_train_tier()
    from pixelwise.inference.engines import TorchEngine
    from pixelwise.inference.predictor import Predictor
    from pixelwise.training.net import load_run, run_info

    net, recipe, classes, state = load_run(run)
    return Predictor(TorchEngine(net), run_info(recipe, classes, state))


def _print(result: "dict[str, Any]") -> None:  # type: ignore[name-defined]  # noqa: F821
    from rich.table import Table

    table = Table(title=f"{result['images']} images")
    for heading in ("id", "class", "IoU", "accuracy", "pixels"):
        table.add_column(heading, justify="left" if heading == "class" else "right")
    for row in result["per_class"]:
        figures = ["-" if row[key] is None else f"{100 * row[key]:.2f}" for key in ("iou", "accuracy")]
        table.add_row(str(row["id"]), row["name"], *figures, f"{row['pixels']:,}")
    out.print(table)
    for name in ("pixel_accuracy", "mean_accuracy", "mean_iou", "frequency_weighted_iou"):
        value = result[name]
        out.print(f"{name:24}{'-' if value is None else f'{100 * value:.2f}'}", highlight=False)
    if result["void"]:
        out.print(
            f"counted as void, for the model has no such class: {', '.join(result['void'])}", highlight=False
        )
    out.print(f"convention: percent; {result['convention']}", highlight=False, soft_wrap=True)
