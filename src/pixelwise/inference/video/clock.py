"""Correct the times of frames where those of a file jump back, as in joined recordings."""

from fractions import Fraction

_JUMP = 1
"""Seconds back that are a jump; less is the disorder of a damaged file."""


class Clock:
    """Times of one stream, in units of its time_base, in the order of the file. step: seconds from the last
    time before a jump to the first after it.
    """

    def __init__(self, time_base: Fraction, step: Fraction) -> None:
        self._jump, self._step = round(_JUMP / time_base), max(1, round(step / time_base))
        self._last: int | None = None
        self._shift = 0

    def steady(self, time: int) -> int:
        """The time, later by all jumps before it."""
        if self._last is not None and time + self._shift < self._last - self._jump:
            self._shift = self._last + self._step - time
        self._last = time + self._shift
        return self._last
