"""Ordered parallel work with a bounded look-ahead."""

import threading
import time
from collections.abc import Iterator

import pytest

from pixelwise.core.threads import in_order


def test_results_come_in_order_whatever_finishes_first() -> None:
    def work(item: int) -> int:
        time.sleep(0.002 * (item % 3))
        return item * item

    assert list(in_order(work, range(30), workers=4)) == [item * item for item in range(30)]


def test_an_endless_source_is_read_only_a_little_ahead() -> None:
    taken = 0

    def numbers() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    stream = in_order(str, numbers(), workers=2)
    assert [next(stream), next(stream)] == ["1", "2"]
    assert taken <= 5  # the first that was read, and at most two per worker before the second was fetched
    stream.close()


def test_an_error_is_raised_in_its_turn_and_ends_the_threads() -> None:
    before = threading.active_count()
    stream = in_order(lambda item: 1 // item, [1, 1, 0, 1], workers=2)
    assert [next(stream), next(stream)] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        next(stream)
    assert threading.active_count() == before


def test_an_error_of_the_source_comes_after_the_results_before_it() -> None:
    def numbers() -> Iterator[int]:
        yield from range(5)
        raise OSError("the disk is gone")

    stream = in_order(str, numbers(), workers=4)
    assert [next(stream) for _ in range(5)] == ["0", "1", "2", "3", "4"]
    with pytest.raises(OSError, match="the disk is gone"):
        next(stream)


def test_at_least_one_worker() -> None:
    with pytest.raises(ValueError, match="got 0"):
        next(in_order(str, [1], workers=0))
