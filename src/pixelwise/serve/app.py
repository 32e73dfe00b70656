"""The HTTP application: segmentation of pictures, sessions of the page, health and metrics."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

import pixelwise
from pixelwise.inference.predictor import Predictor
from pixelwise.serve import page, segmenting
from pixelwise.serve.guards import Guards
from pixelwise.serve.keys import check_key
from pixelwise.serve.limits import Limits
from pixelwise.serve.metrics import FORMAT, Metrics
from pixelwise.serve.models import Models
from pixelwise.serve.refusals import OTHERS, Refusal, wrong_values
from pixelwise.serve.sessions import operations
from pixelwise.serve.sessions.store import SessionStore
from pixelwise.serve.work import Work


def create_app(
    models: Mapping[str, Predictor], limits: Limits | None = None, *, key: str | None = None
) -> FastAPI:
    """An ASGI application around predictors by name; the first is the default.

    key: clients must send it as `Authorization: Bearer KEY`. The application opens no file and no URL that a
    client names. Raises ValueError for no models, for a key that no header can hold, and ModelError for a
    model that takes anything but photos.
    """
    chosen = Limits() if limits is None else limits
    if key is not None:
        check_key(key)
    work = Work(chosen)
    store = SessionStore(chosen.sessions, chosen.session_seconds)
    metrics = Metrics(lambda: work.taken, lambda: len(store))
    known = Models(models, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        work.close()

    app = FastAPI(
        title="Pixelwise",
        summary="A class for every pixel of a picture.",
        version=pixelwise.__version__,
        docs_url=None,  # FastAPI's page loads scripts from elsewhere; ours is /api
        redoc_url=None,
        lifespan=lifespan,
        responses=OTHERS,
    )
    app.add_middleware(Guards, limits=chosen, metrics=metrics, key=key)
    app.include_router(segmenting.router(known, work, chosen))
    app.include_router(operations.router(known, work, chosen, store))
    _add_watching(app, metrics)
    _add_refusals(app)
    page.add(app)
    return app


def _add_watching(app: FastAPI, metrics: Metrics) -> None:
    @app.get("/health", tags=["watching"])
    async def health() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @app.get("/ready", tags=["watching"])
    async def ready() -> dict[str, str]:
        """The models are loaded, which they are before the first answer."""
        return {"status": "ready"}

    @app.get("/metrics", tags=["watching"], response_class=Response)
    async def measured() -> Response:
        """Counts and times for Prometheus."""
        return Response(metrics.text(), media_type=FORMAT)


def _add_refusals(app: FastAPI) -> None:
    """All faults are answered in one form, and none with a path or a traceback."""

    @app.exception_handler(Refusal)
    async def refused(_: Request, refusal: Refusal) -> Response:
        return refusal.response()

    @app.exception_handler(HTTPException)
    async def http(_: Request, fault: HTTPException) -> Response:
        return Refusal(fault.status_code, str(fault.detail), headers=fault.headers).response()

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, fault: RequestValidationError) -> Response:
        return wrong_values(fault.errors()).response()
