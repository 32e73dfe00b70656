"""Read pictures from the bodies of requests."""

from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request

from pixelwise.core.errors import ImageError
from pixelwise.core.pictures.reading import read_embedded, size_of_embedded
from pixelwise.core.types import RGBImage
from pixelwise.serve.limits import Limits
from pixelwise.serve.refusals import Refusal

NAME = "the picture"
_FIELD = "file"
_ACCEPTED = f"send the content of a picture file, or a form (multipart/form-data) with it as {_FIELD}"


async def content_of(request: Request, limits: Limits) -> bytes:
    """The picture file in a body: the body itself, or the field `file` of a form.

    Only its bytes are used; names and types that the client gives are not. Raises Refusal.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not (kind in ("", "application/octet-stream", "multipart/form-data") or kind.startswith("image/")):
        raise Refusal(415, f"expected a picture, got {kind!a}", _ACCEPTED)
    try:
        if kind != "multipart/form-data":
            content = await request.body()
        else:
            content = await _from_form(request, limits)
    except ClientDisconnect:
        raise Refusal(499, "the client has closed the connection") from None
    if not content:
        raise Refusal(400, "expected a picture, got an empty body", _ACCEPTED)
    return content


async def _from_form(request: Request, limits: Limits) -> bytes:
    # Starlette keeps files above 1 MB in temporary files without names, which vanish when they are closed.
    async with request.form(max_files=1, max_fields=4) as form:
        given = form.get(_FIELD)
        if not isinstance(given, UploadFile):
            raise Refusal(400, f"expected a form with a file in the field {_FIELD}", _ACCEPTED)
        return await given.read(limits.most_bytes)


def decoded(content: bytes, limits: Limits) -> RGBImage:
    """(H, W, 3), turned upright. Raises Refusal for what is not a picture, and before decoding for one with
    too many pixels."""
    try:
        height, width = size_of_embedded(content, NAME)
        if height * width > limits.most_pixels:
            raise Refusal(
                413,
                f"expected at most {limits.most_pixels:,} pixels, got {height}x{width}",
                "send a smaller copy of the picture",
            )
        return read_embedded(content, NAME)
    except ImageError as fault:
        raise Refusal(400, fault.message, fault.hint) from None
