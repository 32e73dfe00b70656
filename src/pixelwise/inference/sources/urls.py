"""Fetch pictures and videos from untrusted http(s) URLs.

A URL may name a service of the own network, or redirect to one (server-side request forgery). So the address
of every host is looked up once and checked, and the connection goes to that very address: a name that changes
its address between the check and the connection (DNS rebinding) gains nothing. Size and time are limited.
"""

import http.client
import io
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import PurePosixPath
from typing import BinaryIO
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from pixelwise.core.errors import ImageError
from pixelwise.core.terminal import printable, reason_of

MOST_BYTES = 200_000_000
"""Of one picture."""

SECONDS = 60.0
"""For one picture, redirects included."""

ALLOW = "allow it with --allow-private-urls, in Python with allow_private_urls=True"

_DOWNLOAD = "download it first"
_SILENCE = 15.0  # seconds without a byte
_REDIRECTS = 5
_PART = 65_536
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")  # two letters at least: C:// is a drive
_USER = re.compile(r"//(?:[^/?#]*|[^/?#:\[]*:\d*[^\d/?#].*)@")  # the second: a password with / or ?
_CHAIN = re.compile(r"::(?=[a-zA-Z][a-zA-Z0-9+.-]*://)")  # between the URLs of an archive and its place
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LONGEST_NAME = 120


def is_url(source: object) -> bool:
    """Whether this is the URL of something: text that begins with a scheme and ://."""
    return isinstance(source, str) and _URL.match(source) is not None


def scheme_of(url: str) -> str:
    """http of http://..., in lower case."""
    return url.partition("://")[0].lower()


def shown_url(url: str) -> str:
    """The URL for messages and records, without user, password and query, which may hold a token."""
    return printable("::".join(map(_without_secrets, _CHAIN.split(url))))


def _without_secrets(url: str) -> str:
    if scheme_of(url) not in ("abfs", "abfss"):  # container@account
        url = _USER.sub("//", url, count=1)
    place, mark, _ = url.partition("?")
    return place + mark + "..." * len(mark)


def name_of(url: str) -> str:
    """The last part of the path of a URL, as the name of a file; the host if the path is empty."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "picture"
    last = PurePosixPath(unquote(parts.path).replace("\\", "/")).name or parts.netloc.rpartition("@")[2]
    name = file_name(last).lstrip(".")
    stem, dot, ending = name.rpartition(".")
    short = f"{stem[:_LONGEST_NAME]}{dot}{ending[:20]}" if stem else name[:_LONGEST_NAME]
    return short or "picture"


def file_name(text: str) -> str:
    """The text without what no system takes in the name of a file, but perhaps with slashes."""
    return "".join(c if c.isprintable() and c not in ':*?"<>|' else "_" for c in text)


def fetched(
    url: str, allow_private: bool = False, most_bytes: int = MOST_BYTES, seconds: float = SECONDS
) -> bytes:
    """The picture file of an http(s) URL. Raises ImageError as `fetch` does."""
    content = io.BytesIO()
    fetch(url, content, "image", allow_private, most_bytes, seconds)
    return content.getvalue()


def fetch(url: str, file: BinaryIO, kind: str, allow_private: bool, most_bytes: int, seconds: float) -> None:
    """Write the content of an http(s) URL to an open file. Proxies that the environment names are not used.

    kind: "image" or "video". allow_private: whether the host may be this machine or one of its private
    network. Raises ImageError for other schemes and private addresses, for answers other than 200, for
    content that is too large, too slow, shorter than announced, compressed in transit, or said to be of
    another kind, text or audio.
    """
    deadline = time.monotonic() + seconds
    shown, here = shown_url(url), url
    for _ in range(_REDIRECTS + 1):
        parts = _parts(here, shown)
        addresses = _addresses(parts, shown, allow_private)
        with _connection(parts, addresses, deadline, shown) as connection:
            answer = _answer(connection, parts, kind)
            if answer.status in (301, 302, 303, 307, 308):
                here = urljoin(here, answer.headers.get("Location") or "")
                continue
            return _copy(answer, file, kind, most_bytes, shown)
    raise ImageError(f"{shown}: more than {_REDIRECTS} redirects, the last to {shown_url(here)}")


def _parts(url: str, shown: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # a wrong port is a ValueError
    except ValueError:  # whose message may hold a part of a password
        raise ImageError(f"{shown}: not a URL: its host or port cannot be read") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ImageError(f"{shown}: expected the http(s) URL of a picture, got {shown_url(url)}")
    if parts.username is not None:
        raise ImageError(f"{shown}: URLs with a user name are not fetched", "download the picture first")
    return parts


def _addresses(parts: SplitResult, shown: str, allow_private: bool) -> list[str]:
    """The addresses to connect to, the first that answers; all of them must be public."""
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, parts.port or parts.scheme, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        reason = reason_of(problem)
        raise ImageError(f"{shown}: no address of {printable(host)}: {reason}") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    private = [] if allow_private else [address for address in addresses if not is_public(address)]
    if private:
        resolved = "" if host == private[0] else f" ({private[0]})"
        raise ImageError(
            f"{shown}: {printable(host)}{resolved} is a private address, which is not fetched from",
            f"if you trust the URL, {ALLOW}",
        )
    return addresses


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, and so do the IPv4 addresses within it."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


class _Connection(http.client.HTTPConnection):
    """Connects to one of the addresses that were checked, whatever the host's name means by now."""

    def __init__(self, parts: SplitResult, addresses: list[str], deadline: float) -> None:
        secure = parts.scheme == "https"
        super().__init__(parts.hostname or "", parts.port or (443 if secure else 80))
        self._addresses, self._secure, self._deadline = addresses, secure, deadline
        self._line: socket.socket | None = None
        self._answer: http.client.HTTPResponse | None = None

    def connect(self) -> None:
        self.sock = self._line = self._first_that_answers()
        if self._secure:
            context = ssl.create_default_context()
            self.sock = self._line = context.wrap_socket(self._line, server_hostname=self.host)
        self._patience()  # `cut` may have come while there was nothing to cut

    def _first_that_answers(self) -> socket.socket:
        *others, last = self._addresses
        for address in others:  # of IPv6 perhaps, which this machine may not reach
            patience = self._patience()
            with suppress(OSError):
                return socket.create_connection((address, self.port), patience)
        return socket.create_connection((last, self.port), self._patience())

    def _patience(self) -> float:
        """Seconds to wait for the server now. Raises TimeoutError after the deadline."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(_SILENCE, left)

    def answer(self) -> http.client.HTTPResponse:
        self._answer = self.getresponse()
        return self._answer

    def cut(self) -> None:
        """End all waiting for the server, from another thread."""
        if self._line is not None:  # and not self.sock, which is None while an answer of open end is read
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        super().close()
        if self._answer is not None:
            self._answer.close()


@contextmanager
def _connection(
    parts: SplitResult, addresses: list[str], deadline: float, shown: str
) -> Iterator[_Connection]:
    """An open connection, which is cut at the deadline: a server may send a byte now and then for ever.

    Faults of the network and of HTTP within the block become an ImageError.
    """
    connection = _Connection(parts, addresses, deadline)
    late = threading.Event()

    def cut() -> None:
        late.set()
        connection.cut()

    watch = threading.Timer(max(0.0, deadline - time.monotonic()), cut)
    watch.daemon = True
    watch.start()
    try:
        yield connection
        if late.is_set():
            raise TimeoutError
    except (OSError, http.client.HTTPException, ValueError) as problem:
        slow = late.is_set() or isinstance(problem, TimeoutError)
        reason = "the server is too slow" if slow else reason_of(problem)
        raise ImageError(f"{shown}: cannot be fetched: {reason}") from None
    except ImageError:
        if late.is_set():
            raise ImageError(f"{shown}: cannot be fetched: the server is too slow") from None
        raise
    finally:
        watch.cancel()
        connection.close()


def _answer(connection: _Connection, parts: SplitResult, kind: str) -> http.client.HTTPResponse:
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = f"?{quote(parts.query, safe='/%:@!$&()*+,;=~-._?')}" if parts.query else ""
    headers = {"Accept": f"{kind}/*", "Accept-Encoding": "identity", "User-Agent": "pixelwise"}
    connection.request("GET", path + query, headers=headers)
    return connection.answer()


def _copy(
    answer: http.client.HTTPResponse, file: BinaryIO, expected_kind: str, most_bytes: int, shown: str
) -> None:
    if answer.status != 200:
        raise ImageError(f"{shown}: the server answered {answer.status} {printable(answer.reason)}"[:300])
    encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise ImageError(
            f"{shown}: the server sent compressed data ({printable(encoding)[:40]}), which was not asked for"
        )
    kind = answer.headers.get_content_type() if answer.headers.get("Content-Type") else "application/*"
    if kind.partition("/")[0] in {"text", "audio", "image", "video"} - {expected_kind}:
        hint = (
            f"the URL of a video ends in .mp4 or a similar ending: {_DOWNLOAD}"
            if kind.startswith("video/")
            else None
        )
        what = "an image" if expected_kind == "image" else "a video"
        raise ImageError(f"{shown}: expected {what}, got {printable(kind)[:60]}", hint)
    length = answer.headers.get("Content-Length", "")
    expected = int(length) if length.isdecimal() and len(length) < 20 and not answer.chunked else None
    limit = f"expected at most {most_bytes // 1_000_000} MB"
    if expected is not None and expected > most_bytes:
        raise ImageError(f"{shown}: {limit}, got {expected // 1_000_000} MB", _DOWNLOAD)
    count = 0
    while part := answer.read(_PART):
        file.write(part)
        count += len(part)
        if count > most_bytes:
            raise ImageError(f"{shown}: {limit}, got more", _DOWNLOAD)
    if expected is not None and count < expected:
        raise ImageError(f"{shown}: the server announced {expected} bytes and sent {count}")
    if not count:
        raise ImageError(
            f"{shown}: expected a {'picture' if expected_kind == 'image' else 'video'}, got no bytes"
        )
