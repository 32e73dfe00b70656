"""Check images and labels on a cluster: workers read the files of parts of a split."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from pixelwise.data.checks.sample_check import Finding
from pixelwise.data.checks.split_check import Examined, Survey, examine, survey
from pixelwise.data.sample import LabelledImages
from pixelwise.distributed.cluster import answers, cluster, parts_of, stage, workers_for
from pixelwise.distributed.evaluating import in_parts
from pixelwise.workflows import checking
from pixelwise.workflows.checking import Check


def check(
    data: str,
    split: str | None = None,
    classes: str | None = None,
    on_image: Callable[[str, int, int], None] | None = None,
    channels: Sequence[str] = (),
    *,
    workers: int | None = None,
    address: str | None = None,
) -> Check:
    """As `pixelwise.check`, with the same result, on a Ray cluster, each machine of which sees the data under
    the same path.

    workers, address: see `segment`. Raises ClusterError if the cluster cannot be reached or fails.
    """
    with cluster(address):
        surveyed = partial(_survey, workers_for(workers, 1))
        return checking.check(data, split, classes, on_image, channels, surveyed)


def _survey(workers: int, dataset: LabelledImages, progress: Callable[[int], None]) -> Survey:
    parts = in_parts(dataset, workers)
    with closing(answers(stage(parts_of(parts), _Examine(), workers, 1))) as found:
        return survey(dataset, progress, _in_split(found))


def _in_split(parts: Iterator[list[Examined]]) -> Iterator[Examined]:
    """The samples of all parts, whose findings name their places in the split."""
    first = 0
    for part in parts:
        for sample in part:
            errors, warnings = (
                tuple(_moved(finding, first) for finding in findings)
                for findings in (sample.look.errors, sample.look.warnings)
            )
            yield replace(sample, look=replace(sample.look, errors=errors, warnings=warnings))
        first += len(part)


def _moved(finding: Finding, by: int) -> Finding:
    return replace(finding, samples=tuple(place + by for place in finding.samples))


@dataclass(frozen=True)
class _Examine:
    """Examine the samples of a part, with one thread."""

    def __call__(self) -> Callable[[LabelledImages], list[Examined]]:
        return lambda part: list(examine(part, threads=1))
