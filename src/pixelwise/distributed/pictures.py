"""The pictures of a job on a cluster: files and URLs, or rows of a Ray data set."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

from pixelwise.core.errors import ImageError
from pixelwise.core.terminal import printable, reason_of
from pixelwise.distributed.cluster import parts_of
from pixelwise.distributed.row_files import ENDING
from pixelwise.distributed.stages import Plan
from pixelwise.inference.sources.files import STDIN, PassedOver
from pixelwise.inference.sources.tasks import Task, listed, plan
from pixelwise.inference.sources.urls import is_url
from pixelwise.inference.video.reading import is_camera

if TYPE_CHECKING:
    import ray.data

Inputs: TypeAlias = str | Path | Sequence[str | Path]
Source: TypeAlias = "Inputs | ray.data.Dataset"

MOST_IN_BATCH = 64
MOST_WITH_SCORES = 16
"""The most pictures in a batch that goes from one stage to the next with its scores: 13 MB a picture of
400x400 pixels with 21 classes.
"""

_BATCHES_PER_WORKER = 4
NOWHERE = "/nonexistent"
"""A folder without results: rows have no names there."""

_COLUMNS = ("path", "bytes")


def is_inputs(source: Source) -> TypeGuard[Inputs]:
    """Whether these are files, folders and URLs, and not rows."""
    if isinstance(source, str | Path):
        return not str(source).rstrip("/").endswith(ENDING)
    return isinstance(source, Sequence) and not (len(source) == 1 and not is_inputs(source[0]))


def planned(inputs: Inputs, job: Plan, ids: Path | None, passed_over: PassedOver) -> list[Task]:
    """The tasks of segment_folder, where videos and standard input have a problem. Raises ImageError."""
    sources = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    private = bool(job.options.get("allow_private_urls"))
    output = Path(NOWHERE if job.as_rows else job.output)
    tasks = plan(sources, output, passed_over, allow_private_urls=private)
    tasks = tasks if ids is None else listed(tasks, ids)
    return [_of_cluster(task) for task in tasks]


def _of_cluster(task: Task) -> Task:
    if task.problem is None and (task.is_video or task.path == STDIN or is_camera(task.path)):
        problem = ImageError(
            f"{task.shown}: a cluster segments pictures in files, at URLs and in Parquet files",
            "leave --ray out",
        )
        return Task(task.path, task.place, task.stem, problem)
    return task


def blocks(
    source: Source,
    tasks: Sequence[Task] | None,
    workers: int,
    size: int | None,
    as_rows: bool,
    with_scores: bool,
) -> tuple["ray.data.Dataset", int | None]:
    """A Ray data set with a block for each batch of the tasks, or of the rows if there are none; and the
    number of pictures, if that is known.

    By default each worker gets several batches. Those of results in rows do not depend on the number of
    workers, since each becomes a file. with_scores: a second stage receives the scores. Raises ImageError for
    rows that cannot be read.
    """
    import ray.data

    most = MOST_WITH_SCORES if with_scores else MOST_IN_BATCH
    if tasks is None:
        rows = _opened(source)
        total = None if isinstance(source, ray.data.Dataset) else rows.count()
        step = most if size is None else size
        return rows.repartition(target_num_rows_per_block=step, strict=True), total
    good = [task for task in tasks if task.problem is None]
    even = most if as_rows else -(-len(good) // (_BATCHES_PER_WORKER * workers))
    step = min(most, max(1, even)) if size is None else size
    batches = [good[start : start + step] for start in range(0, len(good), step)]
    return parts_of(batches or [[]]), len(tasks)  # Ray warns of a data set without blocks


def _opened(source: Source) -> "ray.data.Dataset":
    """The rows of Parquet files, or those that were given; with the columns path and bytes."""
    import pyarrow
    import ray.data
    from ray.data.exceptions import UserCodeException

    if isinstance(source, ray.data.Dataset):
        dataset, shown = source, "the data set"
    else:
        given = str(source if isinstance(source, str | Path) else source[0])
        shown = printable(given)
        try:
            dataset = ray.data.read_parquet(given, filesystem=_file_system(given))
        except (OSError, ValueError, ImportError, pyarrow.ArrowException, UserCodeException) as problem:
            raise ImageError(f"{shown}: cannot be read as Parquet: {reason_of(problem)}") from problem
    schema = dataset.schema()
    names = [] if schema is None else list(schema.names)
    if missing := [name for name in _COLUMNS if name not in names]:
        raise ImageError(
            f"{shown}: expected rows with path and bytes, got {', '.join(map(printable, names)) or 'none'}",
            f"rename the columns, or add {' and '.join(missing)}",
        )
    return dataset.select_columns(list(_COLUMNS))


def _file_system(url: str) -> object:
    if not is_url(url):
        return None
    from fsspec.core import url_to_fs

    return url_to_fs(url)[0]
