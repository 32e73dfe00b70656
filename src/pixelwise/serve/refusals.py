"""Answers that refuse a request, all of one form: {"error": what was expected and what came, "hint": ...}."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

RETRY_SECONDS = 1


class Fault(BaseModel):
    """The body of every answer from 400 on."""

    error: str = Field(description="What was expected and what came.")
    hint: str | None = Field(default=None, description="What to do.")


class Refusal(Exception):  # noqa: N818 an answer, not a failure of the service
    """Ends a request with this status and message."""

    def __init__(
        self, status: int, error: str, hint: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(error)
        self.status, self.error, self.hint, self.headers = status, error, hint, dict(headers or {})

    def response(self) -> JSONResponse:
        return JSONResponse({"error": self.error, "hint": self.hint}, self.status, self.headers)


def busy(error: str, status: int = 429) -> Refusal:
    """The refusal of a request that may succeed later."""
    return Refusal(status, error, "send it again later", {"Retry-After": str(RETRY_SECONDS)})


_SHORT = (str, int, float)
_MOST_SHOWN = 40


def wrong_values(faults: Sequence[Any], *place: str) -> Refusal:
    """The refusal of parameters. faults: as pydantic gives them. place: before the names that it gives."""

    def sentence(fault: Any) -> str:
        name = ".".join(map(str, (*place, *fault["loc"])))
        if fault["type"] == "extra_forbidden":
            return f"{name}: there is no such parameter"
        if fault["type"] == "value_error":  # one of ours, which says what came
            return f"{name}: {fault['msg'].removeprefix('Value error, ')}"
        came = f", got {ascii(fault['input'])[:_MOST_SHOWN]}" if isinstance(fault["input"], _SHORT) else ""
        return f"{name}: {fault['msg'][0].lower()}{fault['msg'][1:]}{came}"

    return Refusal(400, "; ".join(map(sentence, faults[:5])), "/api describes the parameters")


RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {"model": Fault, "description": "The body is not a readable picture, or a parameter is wrong."},
    401: {"model": Fault, "description": "The API key is missing or wrong."},
    404: {"model": Fault, "description": "No model has this name."},
    406: {"model": Fault, "description": "No result has the media type that Accept asks for."},
    408: {"model": Fault, "description": "The body took too long to arrive."},
    413: {"model": Fault, "description": "The body has too many bytes, or the picture too many pixels."},
    415: {"model": Fault, "description": "The content type is not that of a picture or a form."},
    429: {"model": Fault, "description": "All places are taken; Retry-After says when to try again."},
    500: {"model": Fault, "description": "The model or the service failed; its log says why."},
    503: {"model": Fault, "description": "The answer was not ready in time."},
}
"""What refusals the operations on pictures document."""

OTHERS: dict[int | str, dict[str, Any]] = {"default": {"model": Fault, "description": "Any other refusal."}}
"""What all operations document, in place of FastAPI's 422, which is never sent."""
