"""The budget: requests wait for room, large ones for being alone, nested ones never."""

import threading

from pixelwise.core.pictures.memory_budget import Budget


def test_concurrent_reservations_never_exceed_the_total() -> None:
    budget, lock = Budget(10), threading.Lock()
    together = threading.Barrier(2)
    used, seen = 0, set[int]()

    def work(size: int, meet: bool) -> None:
        nonlocal used
        for turn in range(20):
            with budget.reserve(size):
                with lock:
                    used += size
                    seen.add(used)
                if meet and turn == 0:
                    together.wait(60)  # both are inside at once
                with lock:
                    used -= size

    for sizes, meet in (((4, 6), True), ((3, 4, 5, 6), False)):
        threads = [threading.Thread(target=work, args=(size, meet)) for size in sizes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert max(seen) == 10, "4 and 6 fit together, and nothing more"


def test_more_than_the_total_is_granted_when_alone() -> None:
    with Budget(10).reserve(25):
        pass


def test_a_reservation_inside_another_does_not_wait() -> None:
    budget = Budget(10)
    with budget.reserve(10), budget.reserve(10):
        pass
    with budget.reserve(10):  # all was given back
        pass


def test_a_reservation_of_nothing_does_not_hold_those_inside_it() -> None:
    budget, inside, go_on = Budget(10), threading.Event(), threading.Event()

    def hold() -> None:
        with budget.reserve(0), budget.reserve(8):
            inside.set()
            go_on.wait(60)

    other = threading.Thread(target=hold)
    other.start()
    assert inside.wait(60)
    assert budget._used == 8
    go_on.set()
    other.join()
    assert budget._used == 0
