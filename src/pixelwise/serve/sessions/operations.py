"""The operations of the page: open a picture, change the CRF's parameters, step, scribble, take results."""

import gzip
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from pixelwise.crf import LatticeTooLarge
from pixelwise.inference.results.cleaning import Cleaning
from pixelwise.inference.results.tints import tints
from pixelwise.serve.limits import Limits
from pixelwise.serve.models import Models
from pixelwise.serve.pictures import content_of, decoded
from pixelwise.serve.refusals import RESPONSES, Refusal
from pixelwise.serve.results import Form, chosen, safe_name
from pixelwise.serve.segmenting import PICTURE_BODY, RESULTS, Accept, until_gone
from pixelwise.serve.sessions.crf_session import BASE, Change, CRFSession
from pixelwise.serve.sessions.store import SessionStore
from pixelwise.serve.work import Work

PIXELS = "application/octet-stream"
"""The media type of labels and confidences for the page."""

_GONE: dict[int | str, dict[str, Any]] = {404: {"description": "The session has ended."}}


def router(models: Models, work: Work, limits: Limits, store: SessionStore) -> APIRouter:
    """The operations on sessions."""
    made = APIRouter(prefix="/v1/sessions", tags=["sessions"])

    @made.post("", status_code=201, responses=RESPONSES, openapi_extra=PICTURE_BODY)
    async def open_session(
        request: Request,
        model: Annotated[str | None, Query(description="Default: the first of /v1/models.")] = None,
    ) -> dict[str, Any]:
        """Segment a picture and keep what the CRF needs. Answers with the name of the session, the size of
        its grid and the classes."""
        name = models.expect(model)

        def segmented(content: bytes) -> CRFSession:
            whole = decoded(content, limits)
            return CRFSession(models.segment(name, whole), whole, partial(decoded, content, limits))

        with work.place() as place:
            content = await content_of(request, limits)
            session = await place.run(partial(segmented, content), gone=lambda: until_gone(request))
        height, width = session.size
        return {
            "session": store.add(session),
            "model": name,
            "height": height,
            "width": width,
            "picture": {"height": session.whole_size[0], "width": session.whole_size[1]},
            "classes": list(session.classes.names),
            "palette": [list(colour) for colour in tints(session.classes)],
            "background": session.classes.background,
            "preset": vars(BASE),
            "notes": session.notes,
        }

    @made.post(
        "/{session}/result", responses={**RESULTS, **_GONE}, response_class=Response, name="session_result"
    )
    async def result(request: Request, session: str, change: Change, accept: Accept = PIXELS) -> Response:
        """The result with these parameters and scribbles. Besides the media types of /v1/segment there is
        application/octet-stream: a byte per pixel of the grid for the class, then one for its probability."""
        found = store.get(session)
        live = accept.strip().lower() == PIXELS
        form = None if live else chosen(accept)
        with work.place() as place:
            job = partial(_pixels, found, change) if form is None else partial(_file, found, change, form)
            body = await place.run(job, gone=lambda: until_gone(request))
        if form is None:
            return Response(body, media_type=PIXELS, headers={"Content-Encoding": "gzip", "Vary": "Accept"})
        return Response(body, media_type=form.content_type, headers={"Vary": "Accept"})

    @made.delete("/{session}", status_code=204)
    async def close(session: str) -> None:
        """Forget the picture."""
        store.close(session)

    return made


def _pixels(session: CRFSession, change: Change) -> bytes:
    try:
        labels, confidence = session.labels(change)
    except (ValueError, LatticeTooLarge) as fault:
        raise Refusal(400, str(fault)) from None
    return gzip.compress(labels.tobytes() + confidence.tobytes(), compresslevel=1)


def _file(session: CRFSession, change: Change, form: Form) -> bytes:
    try:
        made = session.segmentation(change)
        cleaned = made.cleaned(Cleaning(only=tuple(change.only))) if change.only else made
    except (ValueError, LatticeTooLarge) as fault:
        raise Refusal(400, str(fault)) from None
    return form.body(cleaned, safe_name(change.name))
