"""The operations of the page: open a picture, change the CRF's parameters, step, scribble, take results."""

import gzip
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from pixelwise.core.pictures.reading import read_embedded
from pixelwise.crf import LatticeTooLarge
from pixelwise.inference.results.cleaning import Cleaning
from pixelwise.inference.results.tints import tints
from pixelwise.serve.limits import Limits
from pixelwise.serve.models import Models
from pixelwise.serve.pictures import Sent, picture_of, sent, unreadable_refused
from pixelwise.serve.refusals import RESPONSES, Fault, Refusal
from pixelwise.serve.results import Form, chosen, safe_name
from pixelwise.serve.segmenting import PICTURE_BODY, RESULTS, Accept, ModelChoice, until_gone
from pixelwise.serve.sessions.change import BASE, CHANGE_BODY, change_in, parsed
from pixelwise.serve.sessions.crf_session import CRFSession
from pixelwise.serve.sessions.store import SessionStore
from pixelwise.serve.work import Work

PIXELS = "application/octet-stream"
"""The media type of labels and confidences for the page."""

_GONE: dict[int | str, dict[str, Any]] = {404: {"model": Fault, "description": "The session has ended."}}


def router(models: Models, work: Work, limits: Limits, store: SessionStore) -> APIRouter:
    """The operations on sessions."""
    made = APIRouter(prefix="/v1/sessions", tags=["sessions"])

    @made.post("", status_code=201, responses=RESPONSES, openapi_extra=PICTURE_BODY)
    async def open_session(request: Request, given: Annotated[ModelChoice, Query()]) -> dict[str, Any]:
        """Segment a picture and keep what the CRF needs. Answers with the name of the session, the size of
        its grid and the classes."""
        name = models.expect(given.model)

        def segmented(file: Sent) -> CRFSession:
            picture = picture_of(file.content, limits)
            again = partial(read_embedded, picture.content, picture.name)
            with unreadable_refused():
                return CRFSession(models.segment(name, picture), again(), again, file.name)

        with work.place() as place:
            file = await sent(request, limits)
            session = await place.run(partial(segmented, file), gone=lambda: until_gone(request))
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
        "/{session}/result",
        responses={**RESULTS, **_GONE},
        openapi_extra=CHANGE_BODY,
        response_class=Response,
        name="session_result",
    )
    async def result(request: Request, session: str, accept: Accept = PIXELS) -> Response:
        """The result with these parameters and scribbles. Besides the media types of /v1/segment there is
        application/octet-stream: a byte per pixel of the grid for the class, then one for its probability."""
        if request.query_params:
            raise Refusal(400, "expected no parameters in the address", "they are fields of the body")
        found = store.get(session)
        form = None if accept.strip().lower() == PIXELS else chosen(accept)
        packed = "gzip" in request.headers.get("accept-encoding", "")
        with work.place() as place:
            content = await change_in(request)
            job = (
                partial(_pixels, found, content, packed)
                if form is None
                else partial(_file, found, content, form)
            )
            body = await place.run(job, gone=lambda: until_gone(request))
        if form is not None:
            return Response(body, media_type=form.content_type, headers={"Vary": "Accept"})
        encoding = {"Content-Encoding": "gzip"} if packed else {}
        return Response(body, media_type=PIXELS, headers={"Vary": "Accept, Accept-Encoding", **encoding})

    @made.delete("/{session}", status_code=204)
    async def close(session: str) -> None:
        """Forget the picture."""
        store.close(session)

    return made


def _pixels(session: CRFSession, content: bytes, packed: bool) -> bytes:
    try:
        labels, confidence = session.labels(parsed(content))
    except (ValueError, LatticeTooLarge) as fault:
        raise Refusal(400, str(fault)) from None
    body = labels.tobytes() + confidence.tobytes()
    return gzip.compress(body, compresslevel=1) if packed else body


def _file(session: CRFSession, content: bytes, form: Form) -> bytes:
    change = parsed(content)
    try:
        made = session.segmentation(change)
        cleaned = made.cleaned(Cleaning(only=tuple(change.only))) if change.only else made
    except (ValueError, LatticeTooLarge) as fault:
        raise Refusal(400, str(fault)) from None
    return form.body(cleaned, safe_name(change.name or session.name))
