"""Read pictures from the bodies of requests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request

from pixelwise.core.errors import ImageError
from pixelwise.core.pictures.reading import Encoded, size_of_embedded
from pixelwise.core.terminal import printable
from pixelwise.serve.limits import Limits
from pixelwise.serve.refusals import Refusal

NAME = "the picture"
_FIELD = "file"
_LONGEST_NAME = 40  # of another field, in a message
_ACCEPTED = f"send the content of a picture file, or a form (multipart/form-data) with it as {_FIELD}"


@dataclass(frozen=True)
class Sent:
    """A picture file that a client sent, and the name of the file in its form; empty without a form."""

    content: bytes
    name: str = ""


async def sent(request: Request, limits: Limits) -> Sent:
    """The picture file in a body: the body itself, or the field `file` of a form.

    The type that the client gives is not used, the name only for results that hold it. Raises Refusal.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not (kind in ("", "application/octet-stream", "multipart/form-data") or kind.startswith("image/")):
        raise Refusal(415, f"expected a picture, got {kind!a}", _ACCEPTED)
    try:
        if kind != "multipart/form-data":
            given = Sent(await request.body())
        else:
            given = await _from_form(request, limits)
    except FormParserError:
        raise Refusal(400, "expected a form (multipart/form-data), got damaged data", _ACCEPTED) from None
    except ClientDisconnect:
        raise Refusal(499, "the client has closed the connection") from None
    if not given.content:
        raise Refusal(400, "expected a picture, got an empty body", _ACCEPTED)
    return given


async def _from_form(request: Request, limits: Limits) -> Sent:
    # Starlette keeps files above 1 MB in temporary files without names, which vanish when they are closed.
    async with request.form(max_files=1, max_fields=4) as form:
        given = form.get(_FIELD)
        if not isinstance(given, UploadFile):
            raise Refusal(400, f"expected a form with a file in the field {_FIELD}", _ACCEPTED)
        if others := sorted({printable(name[:_LONGEST_NAME]) for name in form if name != _FIELD}):
            raise Refusal(
                400,
                f"expected a form with the field {_FIELD} alone, got {', '.join(others)}",
                "parameters stand in the address, as in /v1/segment?model=NAME",
            )
        return Sent(await given.read(limits.most_bytes), given.filename or "")


def picture_of(content: bytes, limits: Limits) -> Encoded:
    """The content as a predictor takes it, not yet decoded. Raises Refusal for what is not a picture, and for
    one with too many pixels."""
    with unreadable_refused():
        height, width = size_of_embedded(content, NAME)
    if height * width > limits.most_pixels:
        raise Refusal(
            413,
            f"expected at most {limits.most_pixels:,} pixels, got {height}x{width}",
            "send a smaller copy of the picture",
        )
    return Encoded(content, NAME)


@contextmanager
def unreadable_refused() -> Iterator[None]:
    """A picture that cannot be decoded in the block raises Refusal."""
    try:
        yield
    except ImageError as fault:
        raise Refusal(400, fault.message, fault.hint) from None
