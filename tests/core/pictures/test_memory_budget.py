"""The budget: requests wait for room, large ones for being alone, nested ones never."""

import threading
import time

from pixelwise.core.pictures.memory_budget import Budget


def test_concurrent_reservations_never_exceed_the_total() -> None:
    budget, lock = Budget(10), threading.Lock()
    used, most = 0, 0

    def work(size: int) -> None:
        nonlocal used, most
        for _ in range(20):
            with budget.reserve(size):
                with lock:
                    used += size
                    most = max(most, used)
                time.sleep(0.0005)
                with lock:
                    used -= size

    threads = [threading.Thread(target=work, args=(size,)) for size in (3, 4, 5, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most <= 10


def test_more_than_the_total_is_granted_when_alone() -> None:
    with Budget(10).reserve(25):
        pass


def test_a_reservation_inside_another_does_not_wait() -> None:
    budget = Budget(10)
    with budget.reserve(10), budget.reserve(10):
        pass
    with budget.reserve(10):  # all was given back
        pass
