"""Many clients at once, each on a connection of its own, that send a picture until it is answered."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Load:
    """What the clients met: statuses, wrong answers, seconds from the first try to the answer, and seconds of
    the tries that were answered."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    answered_seconds: list[float] = field(default_factory=list)


def load(
    address: str,
    requests: Sequence[tuple[bytes, bytes]],
    clients: int,
    each: int,
    path: str = "/v1/segment",
    accept: str = "image/png",
) -> Load:
    """`clients` clients send `each` pictures one after another. requests: pictures and the right answers; a
    client takes them in turn. After 429 it waits as long as Retry-After says, and sends again.
    """
    return asyncio.run(_all(address, requests, clients, each, path, accept))


async def _all(
    address: str, requests: Sequence[tuple[bytes, bytes]], clients: int, each: int, path: str, accept: str
) -> Load:
    found = Load()
    await asyncio.gather(
        *(_client(found, address, requests, number, each, path, accept) for number in range(clients))
    )
    return found


async def _client(
    found: Load,
    address: str,
    requests: Sequence[tuple[bytes, bytes]],
    number: int,
    each: int,
    path: str,
    accept: str,
) -> None:
    place = urlsplit(address)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        for turn in range(each):
            picture, expected = requests[(number + turn) % len(requests)]
            head = f"POST {path} HTTP/1.1\r\nHost: {place.netloc}\r\nAccept: {accept}\r\n"
            message = f"{head}Content-Length: {len(picture)}\r\n\r\n".encode() + picture
            began = time.perf_counter()
            while True:
                sent = time.perf_counter()
                writer.write(message)
                status, headers, body = await _answer(reader)
                found.statuses[status] += 1
                if status == 429:
                    await asyncio.sleep(float(headers["retry-after"]))
                    continue
                break
            if status != 200 or body != expected:
                found.wrong.append(f"client {number}: status {status}, {len(body)} bytes: {body[:100]!r}")
            found.seconds.append(time.perf_counter() - began)
            found.answered_seconds.append(time.perf_counter() - sent)
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, Mapping[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    return int(head[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))
