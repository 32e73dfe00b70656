"""Evaluate a model on a cluster: workers count parts of the data, and the counts are added."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from pixelwise.data.sample import LabelledImages
from pixelwise.distributed.cluster import answers, cluster, parts_of, placed, stage, workers_for
from pixelwise.evaluation.evaluation import Evaluation, Judged, PartCounts, conclude, count, expect_fit
from pixelwise.evaluation.mask_folder import MaskFolder
from pixelwise.workflows import evaluating
from pixelwise.workflows.data import Data
from pixelwise.workflows.evaluating import Judge
from pixelwise.workflows.loading import LoadOptions, load_for_labels

MOST_IN_PART = 64
_PARTS_PER_WORKER = 4


def evaluate(
    model: str | Path,
    data: Data,
    split: str = "val",
    *,
    class_names: Sequence[str] | None = None,
    classes: str | None = None,
    head: str | None = None,
    details: Collection[str] = (),
    allow_missing: bool = False,
    on_image: Callable[[int], None] | None = None,
    workers: int | None = None,
    gpus_per_worker: float = 0,
    address: str | None = None,
    **options: Unpack[LoadOptions],
) -> Evaluation:
    """As `pixelwise.evaluate`, on a Ray cluster, each machine of which sees the model and the data under the
    same paths. The counts are the same; figures that are means of floats may differ in their last digits.

    workers, gpus_per_worker, address: see `segment`. Raises ClusterError if the cluster cannot be reached or
    fails.
    """
    return evaluating.evaluate(
        model,
        data,
        split,
        class_names=class_names,
        classes=classes,
        head=head,
        details=details,
        allow_missing=allow_missing,
        on_image=on_image,
        judge=judge_on_cluster(str(model), head, options, workers, gpus_per_worker, address),
        **without_gpu(options),
    )


def without_gpu(options: LoadOptions) -> LoadOptions:
    """The options with which this program loads the model, of which it needs the classes: it need not have
    the GPU that workers use.
    """
    return options if options.get("device", "auto") == "auto" else {**options, "device": "cpu"}


def judge_on_cluster(
    model: str,
    head: str | None,
    options: LoadOptions,
    workers: int | None = None,
    gpus: float = 0,
    address: str | None = None,
) -> Judge:
    """What evaluates on a cluster. model, head, options: of the model that it is given, for the workers."""

    def judge(
        judged: Judged,
        dataset: LabelledImages,
        progress: Callable[[int], None] | None,
        details: Collection[str],
    ) -> Evaluation:
        expect_fit(judged, dataset, details)
        masks = judged if isinstance(judged, MaskFolder) else None
        loading, each = placed(model, options, gpus)
        job = _Count(masks, model, head, loading, tuple(details))
        with cluster(address):
            pool = workers_for(workers, 1, each)
            parts = in_parts(dataset, pool)
            found: list[PartCounts] = []
            done = 0
            for counts in answers(stage(parts_of(parts), job, pool, 1, each)):
                found.append(counts)
                done += counts.evaluation.images
                if progress is not None:
                    progress(done)
        return conclude(dataset, found)

    return judge


def in_parts(dataset: LabelledImages, workers: int) -> list[LabelledImages]:
    """Parts of a data set, in order: several for each worker, none large."""
    several = min(len(dataset), workers * _PARTS_PER_WORKER)
    many = max(1, several, -(-len(dataset) // MOST_IN_PART))
    return [dataset.part(number, many) for number in range(many)]


@dataclass(frozen=True)
class _Count:
    """Count a part of a data set, with one thread."""

    masks: MaskFolder | None
    model: str
    head: str | None
    options: LoadOptions
    details: tuple[str, ...]

    def __call__(self) -> Callable[[LabelledImages], PartCounts]:
        options: LoadOptions = {**self.options, "threads": 1}
        judged = load_for_labels(self.model, self.head, **options) if self.masks is None else self.masks
        return lambda part: count(judged, part, None, self.details, workers=1)
