"""What the page sends of the CRF: its parameters and scribbles, as the JSON body of a request."""

from dataclasses import replace
from typing import Any

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError
from starlette.requests import ClientDisconnect

from pixelwise.crf import Preset, load_preset
from pixelwise.inference.crf_refiner import DEFAULT_PRESET
from pixelwise.serve.refusals import Refusal, wrong_values

BASE = load_preset(DEFAULT_PRESET)
"""The preset that the sliders start from, and whose other values they leave."""

MOST_BYTES = 5_000_000
"""Of a change: 100 strokes of 1,000 points, and spaces."""


class Scribble(BaseModel):
    """A stroke of the pen, in pixels of the session's picture. It also reaches the surroundings that have its
    colours, the less the farther they are."""

    model_config = ConfigDict(extra="forbid")
    class_id: int = Field(ge=0, lt=255)
    more: bool = Field(description="Whether the class becomes more likely, or less.")
    radius: float = Field(ge=1, le=100)
    points: list[tuple[FiniteFloat, FiniteFloat]] = Field(min_length=1, max_length=1000, description="x, y")


class Change(BaseModel):
    """The CRF's parameters and all scribbles so far."""

    model_config = ConfigDict(extra="forbid")
    w1: float = Field(default=BASE.w1, ge=0, le=1000)
    theta_alpha: float = Field(default=BASE.theta_alpha, ge=1, le=1000)
    theta_beta: float = Field(default=BASE.theta_beta, ge=1, le=255)
    iterations: int = Field(default=BASE.iterations, ge=0, le=50)
    scribbles: list[Scribble] = Field(default=[], max_length=100)
    only: list[str] = Field(default=[], max_length=255, description="Classes to keep in files; empty: all.")
    name: str = Field(
        default="", max_length=255, description="The picture's name, for labelme. Default: that of its form."
    )

    def preset(self) -> Preset:
        return replace(
            BASE,
            name="page",
            source="chosen on the page of pixelwise serve",
            w1=self.w1,
            theta_alpha=self.theta_alpha,
            theta_beta=self.theta_beta,
            iterations=self.iterations,
        )


def _schema() -> dict[str, Any]:
    """That of Change, with that of a scribble in its place."""
    schema = Change.model_json_schema()
    schema["properties"]["scribbles"]["items"] = schema.pop("$defs")["Scribble"]
    return schema


CHANGE_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": _schema()}}}
}
"""How OpenAPI documents it."""


async def change_in(request: Request) -> bytes:
    """The body, which `parsed` reads. Raises Refusal."""
    content = bytearray()
    try:
        async for part in request.stream():
            content += part
            if len(content) > MOST_BYTES:
                raise Refusal(
                    413,
                    f"expected parameters and scribbles of at most {MOST_BYTES:,} bytes",
                    "send fewer scribbles",
                    {"Connection": "close"},
                )
    except ClientDisconnect:
        raise Refusal(499, "the client has closed the connection") from None
    return bytes(content)


def parsed(content: bytes) -> Change:
    """Raises Refusal for what is not a Change."""
    try:
        return Change.model_validate_json(content)
    except ValidationError as fault:
        raise wrong_values(fault.errors(include_url=False), "body") from None
