"""The results of one picture as bodies of responses, chosen by the header Accept."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pixelwise.core.errors import ImageError
from pixelwise.core.pictures.writing import save_picture
from pixelwise.core.terminal import printable
from pixelwise.data.annotations.geojson import geojson
from pixelwise.data.annotations.labelme import labelme_json
from pixelwise.data.annotations.regions import AnnotatedPicture, regions_of
from pixelwise.inference.segmentation import Segmentation
from pixelwise.serve.refusals import Refusal


@dataclass(frozen=True)
class Form:
    """A result: its media type, the value of the parameter `result` where one media type has several, what it
    is, and how it is made."""

    media: str
    result: str | None
    says: str
    body: Callable[[Segmentation, str], bytes]
    """Of the result, and the name of the picture for results that hold it."""

    @property
    def content_type(self) -> str:
        return self.media if self.result is None else f"{self.media}; result={self.result}"


def chosen(accept: str) -> Form:
    """The form that an Accept header prefers; JSON for none. Raises Refusal 406 if there is no such form."""
    wishes = []
    for place, part in enumerate(accept.split(",")):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        given = {name.strip(): value.strip(' "') for name, _, value in (p.partition("=") for p in parameters)}
        weight = _weight(given.get("q", "1"))
        if media and weight > 0:
            wishes.append((-weight, place, media, given.get("result")))
    if not wishes:
        return FORMS[0]
    for _, _, media, result in sorted(wishes, key=lambda wish: wish[:2]):
        for form in FORMS:
            if _covers(media, form.media) and (result is None or result == form.result):
                return form
    raise Refusal(
        406,
        "no result has a media type that the header Accept asks for",
        f"there are {', '.join(form.content_type for form in FORMS)}",
    )


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _covers(wanted: str, media: str) -> bool:
    return wanted in ("*/*", media) or (wanted.endswith("/*") and media.startswith(wanted[:-1]))


def record(result: Segmentation) -> dict[str, object]:
    """Size, classes and notes as JSON values."""
    height, width = result.size
    return {
        "width": width,
        "height": height,
        "classes": [
            {"id": area.id, "name": area.name, "area": area.area, "confidence": area.confidence}
            for area in result.areas()
        ],
        "notes": result.notes(),
    }


def _json(result: Segmentation, name: str) -> bytes:
    return json.dumps(record(result), allow_nan=False).encode()


def _picture(
    ending: str, draw: Callable[[Segmentation], Image.Image]
) -> Callable[[Segmentation, str], bytes]:
    def body(result: Segmentation, name: str) -> bytes:
        file = io.BytesIO()
        try:
            save_picture(file, Path(f"result{ending}"), draw(result))
        except ValueError as fault:  # a cutout without a background
            raise Refusal(406, str(fault)) from None
        return file.getvalue()

    return body


def _regions(result: Segmentation, name: str) -> AnnotatedPicture:
    """All regions of the labels, with outlines that are exact to a pixel."""
    try:
        regions = regions_of(result.labels, result.confidence())
    except ImageError as fault:
        raise Refusal(406, fault.message, "leave out regions with min_region") from None
    simple = tuple(region.simplified(_TOLERANCE) for region in regions)
    return AnnotatedPicture(Path(name), result.size, simple)


def _geojson(result: Segmentation, name: str) -> bytes:
    return geojson(_regions(result, name), result.classes).encode()


def _labelme(result: Segmentation, name: str) -> bytes:
    return labelme_json(_regions(result, name), result.classes, Path()).encode()


_TOLERANCE = 1.0
"""By how many pixels an outline with fewer corners may differ."""


def safe_name(name: str) -> str:
    """The last part of a name that a client gave, for results that hold it; "picture.jpg" if it gave none. No
    file is opened under it."""
    return printable(name.replace("\\", "/").rpartition("/")[2]) or "picture.jpg"


FORMS = (
    Form("application/json", None, "classes with their areas and confidences", _json),
    Form(
        "image/png",
        None,
        "mask: pixel values are class ids, the palette has the colours",
        _picture(".png", Segmentation.mask),
    ),
    Form("image/jpeg", None, "overlay: the photo, tinted", _picture(".jpg", Segmentation.overlay)),
    Form(
        "image/png",
        "cutout",
        "cutout: the photo without its background",
        _picture(".png", Segmentation.cutout),
    ),
    Form(
        "image/png",
        "confidence",
        "confidence: how sure the model is of each pixel, in colours",
        _picture(".png", Segmentation.confidence_map),
    ),
    Form("application/geo+json", None, "polygons: a feature per region, in pixels, y down", _geojson),
    Form("application/json", "labelme", "polygons for labelme", _labelme),
)
"""All forms; the first is for clients that accept anything."""
