"""What one client, and all clients together, may ask of the service."""

from dataclasses import dataclass, field

from pixelwise.core.threads import processors


@dataclass(frozen=True)
class Limits:
    """most_bytes: of a request's body. most_pixels: of a picture, checked before it is decoded. workers:
    threads that segment. places: requests that may be read, wait or run at a time; the next one gets 429.
    body_seconds: until a body has arrived.
    answer_seconds: until an answer is ready. sessions: pictures that the page may have open; the one that was
    not used for longest is closed first. session_seconds: until an unused one is closed.

    Raises ValueError for numbers that are not positive.
    """

    most_bytes: int = 25_000_000
    most_pixels: int = 50_000_000
    workers: int = field(default_factory=processors)
    places: int = 64
    body_seconds: float = 20.0
    answer_seconds: float = 60.0
    sessions: int = 8
    session_seconds: float = 900.0

    def __post_init__(self) -> None:
        wrong = [f"{name}={value}" for name, value in vars(self).items() if not value > 0]
        if wrong:
            raise ValueError(f"limits must be above 0, got {', '.join(wrong)}")
