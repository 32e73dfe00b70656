"""Regions as polygons without holes: later ones are drawn above earlier ones."""

from collections.abc import Sequence

from pixelwise.data.annotations.regions import Region
from pixelwise.data.formats.outlines import Outline, area


def painters_order(
    regions: Sequence[Region], background: int | None, size: tuple[int, int]
) -> list[tuple[int, Outline]]:
    """The class id and outer ring of each region, so that what lies in a hole is drawn above the region.

    `regions` are all regions of a picture of `size`, also those of the background. Of the background, only
    regions are returned that do not touch the picture's border: they may lie in a hole.
    """
    drawn = [
        (region.id, Outline(region.outer.astype(float)))
        for region in regions
        if region.id != background or not _touches_border(region, size)
    ]
    return sorted(drawn, key=lambda entry: -area([entry[1]]))


def _touches_border(region: Region, size: tuple[int, int]) -> bool:
    left, top, width, height = region.box
    return left == 0 or top == 0 or left + width == size[1] or top + height == size[0]
