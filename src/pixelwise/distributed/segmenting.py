"""Segment pictures on a cluster: Ray Data brings them to workers in batches, which save the results."""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from pixelwise.core.errors import ClusterError
from pixelwise.distributed import pictures
from pixelwise.distributed.cluster import answers, cluster, placed, stage, workers_beside, workers_for
from pixelwise.distributed.stages import Done, Plan, Refine, Score, Segment
from pixelwise.inference.results.cleaning import AS_IS, Cleaning
from pixelwise.inference.results.kind import Saving
from pixelwise.inference.results.style import USUAL, Style
from pixelwise.inference.segment_files import Outcome
from pixelwise.inference.sources.files import PassedOver
from pixelwise.inference.sources.tasks import Task
from pixelwise.inference.sources.urls import is_url
from pixelwise.workflows.loading import LoadOptions
from pixelwise.workflows.segmenting import SegmentedFolder

if TYPE_CHECKING:
    import ray.data


def segment(
    source: pictures.Source,
    output: str | Path = "segmentation",
    model: str | Path = "default",
    save: Sequence[str] = ("mask", "overlay"),
    *,
    batch_size: int | None = None,
    workers: int | None = None,
    gpus_per_worker: float = 0,
    crf_workers: int | None = None,
    overwrite: bool = False,
    ids: str | Path | None = None,
    cleaning: Cleaning = AS_IS,
    style: Style = USUAL,
    tolerance: float = 0.0,
    on_picture: Callable[[int, int, Outcome], None] | None = None,
    address: str | None = None,
    **options: Unpack[LoadOptions],
) -> SegmentedFolder:
    """Segment pictures on a Ray cluster, as `segment_folder` does on one machine, with the same results.

    source: what segment_folder takes, except for videos and standard input; or a Parquet file or folder named
    *.parquet, or a Ray data set, with the columns `path`, which is unique, and `bytes`. Every machine of the
    cluster must see the pictures, the model and the output under the same paths.

    output: a folder for the files of each picture. If its name ends in .parquet, it is a folder or URL for
    files of rows, one for each batch: path; message and hint, if the picture failed; height, width, areas,
    notes; and what the file of each kind in `save` would hold. What an earlier run finished is skipped,
    unless `overwrite`; files with rows of other pictures or another model are removed at the end.

    batch_size: how many pictures a worker takes at a time; by default at most 64, or 16 where the CRF has
    workers of its own. workers: by default as many as the cluster has room for at the moment. options: as for
    `load`; threads is the number of processors of each worker, by default 1. gpus_per_worker: for the net;
    then `crf_workers` other workers refine its scores with the CRF. crf_workers: works without GPUs too. ids,
    cleaning, on_picture: see segment_folder. address: "local" starts Ray here, others are ray.init's; by
    default the cluster that the program is connected to.

    Raises ClusterError if the cluster cannot be reached or fails, and what segment_folder raises.
    """
    _expect_counts(batch_size=batch_size, workers=workers, crf_workers=crf_workers)
    options, gpus = placed(str(model), options, gpus_per_worker)
    kinds, saving = tuple(dict.fromkeys(save)), Saving(tolerance)
    job = Plan(str(model), options, str(output), kinds, cleaning, style, saving, overwrite, gpus > 0)
    job.check()
    passed_over: PassedOver = {}
    tasks = None
    if pictures.is_inputs(source):
        tasks = pictures.planned(source, job, None if ids is None else Path(ids), passed_over)
    elif ids is not None:
        raise ValueError("ids is for files; filter the data set to leave rows out")
    job.make_output(tasks or [])
    before = job.row_files()
    outcomes = []
    with cluster(address):
        pool, refining = _pools(job, gpus, workers, crf_workers, reading=tasks is None)
        blocks, total = pictures.blocks(source, tasks, pool, batch_size, job.as_rows, refining > 0)
        answered: list[Done] = []
        stages = _stages(blocks, job, pool, gpus, refining)
        with closing(_outcomes(tasks, stages, answered)) as done:
            for outcome in done:
                outcomes.append(outcome)
                if on_picture is not None:
                    on_picture(len(outcomes), total or len(outcomes), outcome)
    job.make_output(tasks or [])  # without what killed workers left
    run_files, notes = job.conclude(answered, outcomes, before)
    place = job.output if is_url(job.output) else Path(output)
    return SegmentedFolder(tuple(outcomes), place, passed_over, None, run_files, notes)


def _pools(
    job: Plan, gpus: float, workers: int | None, crf_workers: int | None, reading: bool
) -> tuple[int, int]:
    """How many workers segment, and how many others refine: 0 if the CRF has no stage of its own.

    That is one where it was asked for, or where the net runs on GPUs. Tiles are refined as they are scored.
    reading: whether there is a stage that reads rows.
    """
    pool = workers_for(workers, job.cpus, gpus)
    refining = 0
    if job.options.get("crf") is not None and job.options.get("tiles") is None:
        refining = crf_workers or (max(1, workers_for(None, job.cpus) - pool - reading) if gpus else 0)
    besides = reading + refining * job.cpus
    return workers_beside(pool, job.cpus, besides) if besides else pool, refining


def _stages(
    blocks: "ray.data.Dataset", job: Plan, workers: int, gpus: float, refining: int
) -> "ray.data.Dataset":
    if refining:
        return stage(stage(blocks, Score(job), workers, job.cpus, gpus), Refine(job), refining, job.cpus)
    return stage(blocks, Segment(job), workers, job.cpus, gpus)


def _outcomes(
    tasks: Sequence[Task] | None, stages: "ray.data.Dataset", answered: list[Done]
) -> Generator[Outcome, None, None]:
    """The outcomes in the order of the tasks, those with a problem among them, or in the order of the rows.

    `answered` receives the answers, without the outcomes.
    """
    waiting = deque(tasks or ())
    with closing(answers(stages)) as found:
        for done in found:
            answered.append(replace(done, outcomes=[]))
            for outcome in done.outcomes:
                yield from _problems(waiting)
                yield replace(outcome, path=waiting.popleft().path) if waiting else outcome
    yield from _problems(waiting)
    if waiting:
        raise ClusterError(
            f"the cluster gave no answer for {waiting[0].shown} and what follows it",
            "run the same command again to continue",
        )


def _problems(waiting: deque[Task]) -> Iterator[Outcome]:
    """The outcomes of the first tasks, as long as these have a problem."""
    while waiting and waiting[0].problem is not None:
        yield Outcome(waiting[0].path, waiting.popleft().problem)


def _expect_counts(**counts: int | None) -> None:
    for name, value in counts.items():
        if value is not None and value < 1:
            raise ValueError(f"expected {name} of at least 1, got {value}")
