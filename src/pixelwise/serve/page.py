"""The page: static files that Vite has built from web/, part of the package."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.responses import FileResponse, Response

from pixelwise.serve.refusals import Refusal

FOLDER = Path(__file__).parent / "static"


def add(app: FastAPI) -> None:
    """Serve the page at /, the description of the API at /api, and their files below /static."""

    def show(path: str, name: str) -> None:
        @app.get(path, include_in_schema=False, name=name)
        async def page() -> Response:
            file = FOLDER / name
            if not file.is_file():
                raise Refusal(404, "this copy of pixelwise was built without the page", "make page")
            return FileResponse(file, media_type="text/html")

    show("/", "index.html")
    show("/api", "api.html")
    app.mount("/static", StaticFiles(directory=FOLDER, check_dir=False), name="static")
