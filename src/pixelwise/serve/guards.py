"""The middleware of every request: counting, response headers, the API key, and limits on the body."""

import asyncio
import hmac
import logging
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pixelwise.core.errors import ModelError
from pixelwise.core.terminal import printable
from pixelwise.serve.limits import Limits
from pixelwise.serve.metrics import Metrics
from pixelwise.serve.refusals import Refusal

_log = logging.getLogger("pixelwise.serve")

OPEN = ("/", "/api", "/health", "/ready", "/openapi.json", "/favicon.ico")
"""Paths that need no API key, beside those below /static: they hold nothing about models or pictures."""

_CLOSE = {"Connection": "close"}
"""For refusals of a body of which more would come."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guards:
    """ASGI middleware around the application."""

    def __init__(self, app: ASGIApp, limits: Limits, metrics: Metrics, key: str | None) -> None:
        self._app, self._limits, self._metrics = app, limits, metrics
        self._key = None if key is None else key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            refusal = self._refused(scope)
            if refusal is None:
                await _Body(self._app, self._limits)(scope, receive, sending)
            else:
                await refusal.response()(scope, receive, sending)
        finally:
            self._metrics.finished(scope, status, time.perf_counter() - began)

    def _refused(self, scope: Scope) -> Refusal | None:
        headers, path = Headers(scope=scope), scope["path"]
        if "\0" in path:  # which no file system takes
            return Refusal(404, "Not Found")
        if self._key is not None and path not in OPEN and not path.startswith("/static/"):
            scheme, _, given = headers.get("authorization", "").partition(" ")
            right = hmac.compare_digest(given.strip().encode(), self._key)
            if not right or scheme.lower() != "bearer":
                return Refusal(
                    401,
                    "expected the API key of this service",
                    "send the header Authorization: Bearer KEY",
                    {"WWW-Authenticate": "Bearer"},
                )
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self._limits.most_bytes:
            return too_many_bytes(self._limits)
        return None


def too_many_bytes(limits: Limits) -> Refusal:
    return Refusal(
        413, f"expected a body of at most {limits.most_bytes:,} bytes", "send a smaller picture", _CLOSE
    )


def _failed(fault: Exception) -> Refusal:
    """The message names no file: those of the server are not the client's business."""
    what = "the model failed on this picture" if isinstance(fault, ModelError) else "the service failed"
    return Refusal(500, what, "the log of the service says why")


class _Body:
    """Gives the application a body that ends where a limit is reached; the answer is then the refusal,
    whatever the application makes of it."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app, self._limits = app, limits
        self._refusal: Refusal | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        bytes_left, complete, started = self._limits.most_bytes, False, False
        deadline = time.monotonic() + self._limits.body_seconds

        async def receiving() -> Message:
            nonlocal bytes_left, complete
            if complete:
                return await receive()
            try:
                async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                    message = await receive()
            except TimeoutError:
                self._refusal = Refusal(
                    408, f"the body did not arrive within {self._limits.body_seconds:g} seconds", None, _CLOSE
                )
                return {"type": "http.disconnect"}
            bytes_left -= len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if bytes_left < 0:
                self._refusal = too_many_bytes(self._limits)
                return {"type": "http.disconnect"}
            return message

        async def sending(message: Message) -> None:
            nonlocal started
            if self._refusal is None:
                started = True
                await send(message)

        try:
            await self._app(scope, receiving, sending)
        except Exception as fault:
            if started:
                raise
            if self._refusal is None:
                _log.exception("%s %s failed", scope["method"], printable(scope["path"]))
                self._refusal = _failed(fault)
        if self._refusal is not None and not started:
            await self._refusal.response()(scope, receive, send)
