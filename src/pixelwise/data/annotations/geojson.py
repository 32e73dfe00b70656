"""GeoJSON: a feature per region, in pixels or, with an affine transform, in the coordinates of a map.

Source: RFC 7946; the member "crs", which that leaves out, is of GeoJSON 2008 and read by GDAL and QGIS.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pixelwise.core.classes import Classes
from pixelwise.data.annotations.names import file_name
from pixelwise.data.annotations.regions import AnnotatedPicture

Affine = Sequence[float]
"""a, b, c, d, e, f of x = a column + b row + c, y = d column + e row + f, as rasterio orders them."""


def geojson(
    picture: AnnotatedPicture, classes: Classes, transform: Affine | None = None, crs: str | None = None
) -> str:
    """The text of a feature collection.

    Coordinates are x, y: of pixels, y down, unless `transform` leads to a map's. crs: the map's coordinate
    system, such as "EPSG:32633". Properties are class, id (of the class), area (pixels) and confidence. The
    id of a feature is its number: GDAL would take the property for one.
    """
    a, b, c, d, e, f = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0) if transform is None else tuple(transform)[:6]
    matrix, offset = np.array([[a, d], [b, e]], np.float64), np.array([c, f], np.float64)
    turned = a * e - b * d < 0  # outer rings go counter-clockwise where y points up

    def placed(ring: Any) -> Any:
        closed = np.concatenate([ring, ring[:1]])
        points = closed @ matrix + offset if transform is not None else closed
        return (points[::-1] if turned else points).tolist()

    regions = [region for region in picture.regions if region.id != classes.background]
    features = [
        {
            "type": "Feature",
            "id": number,
            "properties": {
                "class": classes.names[region.id],
                "id": region.id,
                "area": region.area,
                "confidence": region.confidence,
            },
            "geometry": {"type": "Polygon", "coordinates": [placed(ring) for ring in region.rings]},
        }
        for number, region in enumerate(regions, start=1)
    ]
    content: dict[str, Any] = {"type": "FeatureCollection", "picture": file_name(Path(picture.path.name))}
    if crs is not None:
        authority, colon, code = crs.partition(":")
        name = f"urn:ogc:def:crs:{authority}::{code}" if colon and authority.isalpha() else crs
        content["crs"] = {"type": "name", "properties": {"name": name}}
    return json.dumps(content | {"features": features}, allow_nan=False)
