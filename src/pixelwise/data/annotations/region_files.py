"""Regions in a file, for a run that writes the annotations of all pictures at its end."""

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pixelwise.core.errors import ImageError
from pixelwise.core.files import open_file
from pixelwise.core.terminal import printable
from pixelwise.data.annotations.regions import Region


def write_regions(file: BinaryIO, regions: Sequence[Region]) -> None:
    """Write regions as arrays, compressed."""
    rings = [ring for region in regions for ring in region.rings]
    confidences = [np.nan if region.confidence is None else region.confidence for region in regions]
    np.savez_compressed(
        file,
        labels=np.array([region.id for region in regions], np.uint8),
        areas=np.array([region.area for region in regions], np.int64),
        boxes=np.array([region.box for region in regions], np.int64).reshape(-1, 4),
        centroids=np.array([region.centroid for region in regions], np.float64).reshape(-1, 2),
        confidences=np.array(confidences, np.float64),
        ring_counts=np.array([len(region.rings) for region in regions], np.int64),
        ring_lengths=np.array([len(ring) for ring in rings], np.int64),
        points=np.concatenate([np.zeros((0, 2), np.int64), *rings]).astype(np.int32),
    )


def read_regions(path: Path) -> list[Region]:
    """The regions that `write_regions` wrote. Raises ImageError if the file is missing or damaged."""
    try:
        with open_file(path) as file, np.load(file, allow_pickle=False) as arrays:
            labels, areas, confidences = (arrays[name] for name in ("labels", "areas", "confidences"))
            boxes, centroids = arrays["boxes"].tolist(), arrays["centroids"].tolist()
            rings = np.split(arrays["points"].astype(np.int64), arrays["ring_lengths"].cumsum()[:-1])
            ends = arrays["ring_counts"].cumsum().tolist()
        starts = [0, *ends[:-1]]
        return [
            Region(
                int(labels[i]),
                rings[starts[i]],
                tuple(rings[starts[i] + 1 : ends[i]]),
                int(areas[i]),
                (boxes[i][0], boxes[i][1], boxes[i][2], boxes[i][3]),
                (centroids[i][0], centroids[i][1]),
                None if np.isnan(confidences[i]) else float(confidences[i]),
            )
            for i in range(len(labels))
        ]
    except Exception as problem:  # numpy and zipfile raise nearly anything on damaged files
        raise ImageError(
            f"{printable(path)}: its regions cannot be read: {printable(problem)[:99]}",
            "make the results again with --overwrite",
        ) from None
