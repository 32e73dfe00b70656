"""Objects shared by threads, how many threads are used, what they take, and Ctrl-C."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
from crf_cases import blurred_unary

from pixelwise import _core
from pixelwise.core.threads import processors, thread_count
from pixelwise.crf import Bilateral, DenseCRF, Gaussian, LatticeTooLarge, mean_field
from pixelwise.crf.potentials import Kernel
from pixelwise.crf.pydensecrf import densecrf

UNARY = blurred_unary(3, 40, 50)
IMAGE = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)


def test_twelve_threads_may_change_and_use_one_drop_in_object() -> None:
    shared = densecrf.DenseCRF2D(50, 40, 3)
    shared.setUnaryEnergy(UNARY.reshape(3, -1))
    start = threading.Barrier(12)

    def work(number: int) -> bool:
        start.wait()
        for _ in range(5):
            if number % 3 == 0:
                shared.addPairwiseGaussian(3, 0.1)
            if number % 3 == 1:
                shared.setUnaryEnergy(UNARY.reshape(3, -1))
            q = shared.inference(2)
        return bool(np.allclose(q.sum(axis=0), 1, atol=1e-5))

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(work, range(12)))
    alone = densecrf.DenseCRF2D(50, 40, 3)
    alone.setUnaryEnergy(UNARY.reshape(3, -1))
    for _ in range(20):
        alone.addPairwiseGaussian(3, 0.1)
    assert np.allclose(shared.inference(2), alone.inference(2), atol=1e-5)


def test_twelve_threads_may_step_and_restart_one_crf() -> None:
    crf = DenseCRF(UNARY, [Gaussian(3, 3)])
    start = threading.Barrier(12)

    def work(number: int) -> bool:
        start.wait()
        for _ in range(5):
            if number % 2:
                crf.set_unary(UNARY)
            else:
                crf.step(2)
            q = crf.q
        return bool(np.allclose(q.sum(axis=0), 1, atol=1e-5))

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(work, range(12)))
    crf.set_unary(UNARY)
    crf.step(2)
    assert crf.iterations == 2
    assert np.allclose(crf.q, mean_field(UNARY, [Gaussian(3, 3)], iterations=2), atol=1e-6)


def test_there_are_as_many_threads_as_processors_at_most() -> None:
    assert thread_count(None) == processors()
    assert thread_count(1) == 1
    assert thread_count(1024) == processors()
    for wrong in (0, -1, 1025, 10**30, True, 1.5, "2"):
        with pytest.raises(ValueError, match="threads must be a whole number from 1 to 1024"):
            thread_count(wrong)  # type: ignore[arg-type]


def test_any_number_of_threads_gives_one_result() -> None:
    kernels: list[Kernel] = [Gaussian(3, 3), Bilateral(IMAGE, 20, 13, 5)]
    assert np.array_equal(mean_field(UNARY, kernels, threads=1024), mean_field(UNARY, kernels))


def test_a_lattice_of_too_many_vertices_is_refused() -> None:
    kernels: list[Kernel] = [Gaussian(3, 3), Bilateral(IMAGE, 20, 3, 5)]
    crf = DenseCRF(UNARY, kernels)
    total = sum(crf.vertices)
    assert DenseCRF(UNARY, kernels, most_vertices=total).vertices == crf.vertices
    for most in (total - 1, crf.vertices[0], 1):
        with pytest.raises(LatticeTooLarge, match=f"more than {most} vertices together; a smaller picture"):
            DenseCRF(UNARY, kernels, most_vertices=most)
    with pytest.raises(ValueError, match="positive"):
        DenseCRF(UNARY, kernels, most_vertices=0)


MEASURED = """
import resource, sys
from pathlib import Path
import numpy as np
from pixelwise import _core
threads = int(sys.argv[1])
features = np.random.default_rng(0).uniform(0, 80, (5, 70_000)).astype(np.float32)
unary = np.zeros((24, 1, 1, 70_000), np.float32)
before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
field = _core.MeanField((1, 1, 70_000), 24, [(features, 3, 1.0, None)], threads)
field.set_unary(unary)
field.step()
assert field.threads == threads and field.vertices[0] > 400_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_sixteen_threads_take_little_more_memory_than_one() -> None:
    def peak(threads: int) -> int:
        done = subprocess.run([sys.executable, "-c", MEASURED, str(threads)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    # One thread has two rows of 24 floats for each vertex; if each thread had one more for all vertices, 16
    # would take six times as much.
    assert peak(16) < 2.5 * peak(1)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="there are no signals for threads")
def test_signals_are_answered_while_a_lattice_is_built() -> None:
    answered = threading.Semaphore(0)
    built = threading.Event()
    count = 0

    def answer(number: int, frame: object) -> None:
        nonlocal count
        count += not built.is_set()
        answered.release()

    def send(to: int) -> None:
        while not built.is_set():
            signal.pthread_kill(to, signal.SIGUSR1)
            answered.acquire()

    before = signal.signal(signal.SIGUSR1, answer)
    sender = threading.Thread(target=send, args=(threading.get_ident(),))
    features = np.random.default_rng(0).uniform(0, 80, (5, 100_000)).astype(np.float32)
    try:
        sender.start()
        _core.MeanField((1, 1, 100_000), 2, [(features, 3, 1.0, None)] * 2, 1)
        built.set()
        answered.release()
        sender.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    # Without looking for signals there is one when the call begins and one when it has ended.
    assert count > 3


@contextmanager
def alarms(handler: Callable[[int, object], None]) -> Iterator[None]:
    """Call the handler every 10 ms."""
    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers")
def test_a_signal_handler_that_uses_the_crf_it_interrupts_gets_an_error() -> None:
    crf = DenseCRF(UNARY, [Bilateral(IMAGE, 20, 13, 5)])

    def look(number: int, frame: object) -> None:
        print(crf.labels_apart)

    with alarms(look), pytest.raises(RuntimeError, match="a signal handler has interrupted"):
        crf.step(10**6)
    assert crf.labels_apart == len(UNARY)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers")
def test_a_signal_handler_that_uses_the_dropin_it_interrupts_gets_an_error() -> None:
    crf = densecrf.DenseCRF2D(50, 40, 3)
    crf.setUnaryEnergy(UNARY.reshape(3, -1))
    crf.addPairwiseGaussian(3, 3)
    expected = crf.inference(5)

    def look(number: int, frame: object) -> None:
        crf.inference(1)

    with alarms(look), pytest.raises(RuntimeError, match="a signal handler has interrupted"):
        crf.inference(10**5)
    assert np.array_equal(crf.inference(5), expected)


def test_ctrl_c_ends_a_call_and_leaves_the_crf_usable() -> None:
    crf = DenseCRF(UNARY, [Gaussian(3, 3), Bilateral(IMAGE, 20, 13, 5)])
    crf.step(2)
    expected = crf.q

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        crf.set_unary(UNARY)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
            crf.step(10**6)
    finally:
        signal.signal(signal.SIGINT, before)
    crf.set_unary(UNARY)
    crf.step(2)
    assert np.allclose(crf.q, expected, atol=1e-6)
