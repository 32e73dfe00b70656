"""What the service counts, in the text format of Prometheus."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

if TYPE_CHECKING:
    from starlette.types import Scope

FORMAT = CONTENT_TYPE_LATEST
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """One set of metrics for one application."""

    def __init__(self, places: Callable[[], int], sessions: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "pixelwise_requests",
            "Requests by operation and status.",
            ["path", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "pixelwise_request_seconds",
            "Seconds from the head of a request to the end of its answer.",
            ["path"],
            registry=self._registry,
            buckets=_SECONDS,
        )
        self._pictures = Counter(
            "pixelwise_pictures", "Pictures segmented, by model.", ["model"], registry=self._registry
        )
        self._scoring = Histogram(
            "pixelwise_segment_seconds",
            "Seconds from the content of a picture to its result, without waiting, by model.",
            ["model"],
            registry=self._registry,
            buckets=_SECONDS,
        )
        for name, says, value in (
            ("pixelwise_places_taken", "Requests that are read, wait or run.", places),
            ("pixelwise_sessions", "Pictures that the page has open.", sessions),
        ):
            Gauge(name, says, registry=self._registry).set_function(value)

    def finished(self, scope: "Scope", status: int, seconds: float) -> None:
        """Count a request. Paths are those of the application's routes: what clients make up is "other"."""
        path = getattr(scope.get("route"), "path", "other")
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def segmented(self, model: str, seconds: float) -> None:
        """Count a picture."""
        self._pictures.labels(model).inc()
        self._scoring.labels(model).observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self._registry)
