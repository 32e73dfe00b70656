"""Requests that are damaged, cut off, or that lie: raw bytes for a connection."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

Draw = np.random.Generator
_PATHS = (
    "/v1/segment",
    "/v1/sessions",
    "/v1/sessions/x/result",
    "/v1/models",
    "/",
    "/static/index.js",
    "/metrics",
)
_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "post", "\x00")
_QUERIES = (
    "",
    "?model=../../etc/passwd",
    "?crf=/etc/passwd",
    "?only=" + "a," * 2000,
    "?min_region=nan",
    "?min_region=1e400",
    "?largest=perhaps",
    "?model=" + "%00" * 50,
    "?name=" + "%F0%9F%98%80" * 60,
    "?%ff=%ff",
    "?" + "&".join(f"a{number}=1" for number in range(500)),
)
_HEADERS = (
    "Accept: " + "image/png;q=0.1," * 400,
    "Accept: image/png;result=" + "x" * 3000,
    "Accept: ;;;,,,q=",
    "Content-Type: multipart/form-data",
    "Content-Type: multipart/form-data; boundary=" + "b" * 300,
    "Content-Type: multipart/form-data; boundary=\xff",
    "Content-Type: application/json",
    "Content-Type: image/\xe9",
    "Content-Length: -1",
    "Content-Length: 99999999999999999999",
    "Content-Length: 5",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked",
    "Expect: 100-continue",
    "Upgrade: websocket",
    "Authorization: Bearer \xff",
    "Content-Encoding: gzip",
    "Range: bytes=0-1,5-2",
    "X-Forwarded-For: 127.0.0.1",
)
_BODIES = (
    b"",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"FFFFFFFFFFFFFFFF\r\n",
    b'{"iterations": 1e999}',
    b'{"scribbles": ' + b"[" * 5000,
    b"--b\r\nContent-Disposition: form-data; name=file; filename=x\r\n\r\nx\r\n--b--\r\n",
)


@dataclass(frozen=True)
class Case:
    """What is sent on one connection, and whether it is damaged, so that more may be waited for."""

    content: bytes
    damaged: bool


def cases(count: int, seed: int, picture: bytes) -> Iterator[Case]:
    """Requests that are put together from the above at random; one of three is damaged or cut off as well."""
    draw = np.random.default_rng(seed)
    for number in range(count):
        method = str(draw.choice(_METHODS)) if number % 3 == 0 else "POST"
        path = str(draw.choice(_PATHS)) + str(draw.choice(_QUERIES))
        headers = [
            "Host: x",
            "Connection: close",
            *draw.choice(_HEADERS, int(draw.integers(4)), replace=False),
        ]
        body = (*_BODIES, picture, draw.bytes(200))[int(draw.integers(len(_BODIES) + 2))]
        if number % 2:
            headers.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([f"{method} {path} HTTP/1.1", *headers, "", ""])
        content = head.encode("latin-1") + body
        damaged = number % 3 == 2
        yield Case(_changed(content, draw) if damaged else content, damaged)


def _changed(content: bytes, draw: Draw) -> bytes:
    changed = bytearray(content)
    for place in draw.integers(0, len(changed), 4):
        changed[place] = int(draw.integers(256))
    return bytes(changed[: int(draw.integers(1, len(changed) + 1))])
