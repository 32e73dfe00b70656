"""Run the application in uvicorn, with limits on what HTTP itself lets clients do."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from pixelwise.core.errors import PixelwiseError
from pixelwise.core.terminal import printable, reason_of

HEADER_BYTES = 16_384
HEADER_SECONDS = 10.0
READ_SECONDS, READ_BYTES = 15.0, 100_000
"""A client must read READ_BYTES of its answer in each READ_SECONDS, unless less is left."""
LINGER_SECONDS = 2.0
"""How long what a client still sends is read and dropped after its answer."""
MOST_CONNECTIONS = 1000
_BACKLOG = 2048
STOP_SECONDS = 30
"""How long running requests may go on after the signal to stop."""


class _LingeringTransport:
    """A transport that, while a request is unfinished, ends the answer at once and closes a little later.

    A socket that closes with unread bytes resets the connection, and the client may lose the answer that says
    why its body was refused.
    """

    def __init__(self, transport: asyncio.Transport, conn: h11.Connection) -> None:
        self._transport, self._conn = transport, conn
        self._lingering = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self._lingering or self._transport.is_closing()

    def close(self) -> None:
        if self.is_closing():
            return
        if self._conn.their_state not in (h11.SEND_BODY, h11.ERROR):
            self._transport.close()
            return
        self._lingering = True
        self._transport.write_eof()
        self._transport.resume_reading()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._transport.close)


class PromptProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection when a request's head does not arrive in time, or its answer is not
    read; a client that is still sending gets its answer first."""

    _timer: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, _LingeringTransport(transport, self.conn)))
        self._timer = self.loop.call_later(HEADER_SECONDS, self._close)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_timer()
        elif self._timer is None:
            self._timer = self.loop.call_later(HEADER_SECONDS, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._stop_watching()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are not HTTP. If they come in a body, the request that waits for it ends too."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:  # an answer has begun
            self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_watching()

    def _watch(self) -> None:
        """Look again whether the client has read some of its answer."""
        left = self.transport.get_write_buffer_size()
        self._reading = self.loop.call_later(READ_SECONDS, self._expect_less, left)

    def _expect_less(self, before: int) -> None:
        if self.transport.get_write_buffer_size() > before - READ_BYTES:
            self.transport.abort()
        else:
            self._watch()

    def _stop_watching(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def run(app: FastAPI, host: str, port: int, on_start: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; running requests are then answered. `on_start` gets the address.

    port: 0 takes a free one. Raises PixelwiseError if the address cannot be used.
    """
    with listening_socket(host, port) as listening:
        on_start(address_of(listening))
        with suppress(KeyboardInterrupt):  # uvicorn raises it again when it has stopped
            server_of(app).run(sockets=[listening])


def server_of(app: FastAPI) -> uvicorn.Server:
    """A server for sockets that are open already."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=PromptProtocol,
            ws="none",
            lifespan="on",
            log_level="error",  # a warning per damaged request would fill the log
            access_log=False,
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=STOP_SECONDS,
            h11_max_incomplete_event_size=HEADER_BYTES,
        )
    )


def address_of(listening: socket.socket) -> str:
    """The URL of a socket."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that takes connections. Raises PixelwiseError if the address cannot be used."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, UnicodeError) as problem:
        reason = reason_of(problem)
        raise PixelwiseError(
            f"cannot listen on {printable(host)}, port {port}: {reason}",
            "take another --port, or an address of this machine as --host",
        ) from None
