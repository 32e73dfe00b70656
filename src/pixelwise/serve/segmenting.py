"""The operations on pictures: GET /v1/models, and POST /v1/segment, which answers with one result."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from pixelwise.inference.results.backdrops import BLUR, TRANSPARENT
from pixelwise.inference.results.cleaning import Cleaning, share_of
from pixelwise.inference.results.style import USUAL, Style
from pixelwise.serve.limits import Limits
from pixelwise.serve.models import Models
from pixelwise.serve.pictures import picture_of, sent, unreadable_refused
from pixelwise.serve.refusals import RESPONSES, Refusal
from pixelwise.serve.results import FORMS, chosen, safe_name
from pixelwise.serve.work import Work

_BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
PICTURE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The content of a picture file, or a form with it in the field file.",
        "content": {
            "image/*": _BYTES,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": _BYTES["schema"]},
                }
            },
        },
    }
}
"""How OpenAPI documents the body of an operation that reads a picture."""

RESULTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "; ".join(f"{form.content_type}: {form.says}" for form in FORMS),
        "content": {form.content_type: _BYTES if form is not FORMS[0] else {} for form in FORMS},
    },
    **RESPONSES,
}
_BACKGROUND = f"^({TRANSPARENT}|{BLUR}|#[0-9a-fA-F]{{6}})$"
"""No files: those of the server are not the client's."""


def _expect_background(text: str) -> str:
    if not re.fullmatch(_BACKGROUND, text):
        raise ValueError(f"expected {TRANSPARENT}, {BLUR} or a colour such as #ff8800, got {text[:40]!a}")
    return text


Share = Annotated[
    float,
    BeforeValidator(share_of),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 1},
                {"type": "string", "pattern": r"^[0-9.]+%$"},
            ],
            "examples": ["0.1%", 0.001],
        }
    ),
]


class ModelChoice(BaseModel):
    """What all operations on pictures take. Other names are refused: a misspelt one would have no effect."""

    model_config = ConfigDict(extra="forbid")
    model: str | None = Field(default=None, description="Default: the first of /v1/models.")


class Parameters(ModelChoice):
    """What POST /v1/segment takes."""

    crf: str | None = Field(default=None, description="Refine with the CRF of this preset.")
    only: str | None = Field(default=None, description="Classes to keep, such as cat,dog.")
    largest: bool = Field(default=False, description="Keep only the largest region.")
    fill_holes: bool = Field(default=False, description="Fill background that lies inside one class.")
    min_region: Share = Field(
        default=0.0, description="Remove regions below this share of the picture, such as 0.1% or 0.001."
    )
    opacity: float = Field(default=USUAL.opacity, ge=0, le=1, description="Opacity of the overlay's tints.")
    legend: bool = Field(
        default=True, description="Class names below the overlay, a scale below the confidence map."
    )
    background: Annotated[
        str, AfterValidator(_expect_background), WithJsonSchema({"type": "string", "pattern": _BACKGROUND})
    ] = Field(default=TRANSPARENT, description="Background of a cutout: transparent, blur or #rrggbb.")
    name: str = Field(
        default="",
        max_length=255,
        description="The picture's name, for labelme. Default: the file name in the form.",
    )


Accept = Annotated[str, Header(description="The media type of the result.")]


def router(models: Models, work: Work, limits: Limits) -> APIRouter:
    """The operations that need no session."""
    made = APIRouter(prefix="/v1", tags=["pictures"])

    @made.get("/models")
    async def list_models() -> list[dict[str, Any]]:
        """The models, the default first: names, classes and their colours."""
        return [
            {
                "name": name,
                "classes": list(predictor.classes.names),
                "palette": [list(colour) for colour in predictor.classes.palette],
                "background": predictor.classes.background,
            }
            for name, predictor in models.named.items()
        ]

    @made.post("/segment", responses=RESULTS, openapi_extra=PICTURE_BODY, response_class=Response)
    async def segment(
        request: Request,
        given: Annotated[Parameters, Query()],
        accept: Accept = "*/*",
    ) -> Response:
        """Segment one picture. The header Accept chooses the result."""
        form, chosen_model = chosen(accept), models.expect(given.model)
        names = tuple(part.strip() for part in (given.only or "").split(",") if part.strip())
        cleaning = Cleaning(names, given.largest, given.fill_holes, given.min_region)
        try:
            cleaning.check(models.named[chosen_model].classes)
        except ValueError as fault:
            raise Refusal(400, str(fault)) from None
        with work.place() as place:
            file = await sent(request, limits)

            def job() -> bytes:
                picture = picture_of(file.content, limits)
                with unreadable_refused():
                    result = models.segment(chosen_model, picture, given.crf, cleaning)
                    result.style = Style(given.opacity, given.legend, given.background)
                    return form.body(result, safe_name(given.name or file.name))

            body = await place.run(job, gone=lambda: until_gone(request))
        return Response(body, media_type=form.content_type, headers={"Vary": "Accept"})

    return made


async def until_gone(request: Request) -> None:
    """Return when the client, whose body has arrived, closes the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
