"""A connection to a Ray cluster, and jobs on it whose parts are pickled."""

import logging
import os
import pickle
import socket
import sys
import tempfile
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixelwise.core.errors import EXTRAS, ClusterError, MissingExtraError, PixelwiseError
from pixelwise.core.terminal import printable, reason_of
from pixelwise.core.threads import share_processors
from pixelwise.inference.engines.registry import decided_precision
from pixelwise.workflows.loading import LoadOptions

if TYPE_CHECKING:
    import pyarrow
    import ray.data

Job = Callable[[], Callable[[Any], Any]]

LOCAL = "local"
"""The address of a cluster that is started on this machine, and stopped at the end."""

_STORE_BYTES = 1_000_000_000
_SECONDS = 10
_RETRIES = 3
_TALKATIVE = ("ray.data", "ray.data._internal.execution.streaming_executor", "ray.data._internal.stats")
_FORMS = "write local; or auto or HOST:6379, on a machine of the cluster"
_TOKEN = "if the cluster asks for a token, set RAY_AUTH_MODE=token"
_REPORT = b"RAY_BACKEND_LOG_LEVEL"


@contextmanager
def cluster(address: str | None = None) -> Iterator[None]:
    """A connection to Ray while the block runs.

    address: "local" starts Ray on this machine; "auto" is the cluster that this machine belongs to; others
    are ray.init's; None: the connection that the program has, or else "local". Raises MissingExtraError
    without Ray, ClusterError if the cluster cannot be reached.
    """
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as problem:
        raise MissingExtraError(problem.name if problem.name in EXTRAS else "ray") from None
    _expect_inside((address or LOCAL).startswith("ray://"))
    own = not ray.is_initialized()
    if not own and address is not None:
        raise ClusterError("this program is connected to a Ray cluster already", "leave the address out")
    try:
        with _connection(address or LOCAL) if own else nullcontext():
            _expect_inside(ray.util.client.ray.is_connected())
            with _settings():
                yield
    except ray.exceptions.RayError as problem:
        raise _lost(problem) from problem


@contextmanager
def _connection(address: str) -> Iterator[None]:
    """A connection of this function's own. Ray's reports of killed workers stay off stdout."""
    import ray
    import ray._private.worker as internals

    before = internals._worker_logs_enabled
    internals._worker_logs_enabled = False
    try:
        _connect(address)
        yield
    finally:
        ray.shutdown()
        internals._worker_logs_enabled = before


def _expect_inside(outside: bool) -> None:
    if outside:
        raise ClusterError(
            "Ray Data does not work through ray://",
            "run this on a machine of the cluster, with auto or HOST:6379 as the address",
        )


@contextmanager
def _settings() -> Iterator[None]:
    """Blocks in order, without Ray Data's own bars and reports."""
    import ray.data

    context = ray.data.DataContext.get_current()
    before = context.enable_progress_bars, context.execution_options.preserve_order
    levels = {name: logging.getLogger(name).level for name in _TALKATIVE}
    context.enable_progress_bars, context.execution_options.preserve_order = False, True
    for name in levels:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    finally:
        context.enable_progress_bars, context.execution_options.preserve_order = before
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _connect(address: str) -> None:
    import ray

    shown = printable(address)
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == LOCAL:
        os.environ.setdefault("RAY_worker_niceness", "0")  # as the plain command; Ray's own default is 15
        options |= {"include_dashboard": False, "object_store_memory": _STORE_BYTES}
    else:
        expect_listener(address)
    try:
        with _without_log():
            ray.init(address, **options)
    except Exception as problem:
        reason = reason_of(problem)
        raise ClusterError(f"no Ray cluster at {shown}: {reason}", f"{_FORMS}; {_TOKEN}") from problem


@contextmanager
def _without_log() -> Iterator[None]:
    """Switch off the log that Ray's compiled code writes to stderr. Ray reports this there in a line. So what
    comes to stderr meanwhile is kept back, and shown without that line.
    """
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            kept.seek(0)
            sys.stderr.write("".join(line.decode(errors="replace") for line in kept if _REPORT not in line))


def expect_listener(address: str) -> None:
    """Raise ClusterError if nothing listens at HOST:PORT: Ray itself waits for minutes."""
    host, colon, port = address.rpartition(":")
    if not colon or "/" in host or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _SECONDS).close()
    except (OSError, OverflowError) as problem:
        raise ClusterError(f"no Ray cluster at {printable(address)}: {reason_of(problem)}", _FORMS) from None


def _lost(problem: Exception) -> PixelwiseError:
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    return ClusterError(
        f"the cluster failed: {printable(lines[-1] if lines else type(problem).__name__)[:300]}",
        "see Ray's logs; run the same command again to continue",
    )


def workers_for(wanted: int | None, cpus: int, gpus: float = 0) -> int:
    """The number of workers, each of which needs `cpus` processors and `gpus` GPUs: `wanted`, or as many as
    the cluster has room for at the moment.

    Raises ClusterError if no machine has room for one: Ray would wait for such a machine for ever.
    """
    import ray

    room = 0
    for there in (node["Resources"] for node in ray.nodes() if node["Alive"]):
        by_cpus = int(there.get("CPU", 0) / cpus)
        room += min(by_cpus, int(there.get("GPU", 0) / gpus)) if gpus else by_cpus
    if room < 1:
        needs = f"{cpus} processors" + (f" and {gpus:g} GPUs" if gpus else "")
        raise ClusterError(
            f"expected a machine with {needs}, for one worker; the cluster has none",
            "add such a machine; or ask for fewer threads" + (", or for device cpu" if gpus else ""),
        )
    return wanted or room


def workers_beside(workers: int, cpus: int, besides: int) -> int:
    """At most `workers`, each with `cpus` processors, so that `besides` processors are left: other stages
    need them, and would wait for them for ever. Raises ClusterError if no worker fits.
    """
    import ray

    there = int(ray.cluster_resources().get("CPU", 1))
    if there < cpus + besides:
        raise ClusterError(
            f"expected {cpus + besides} processors: {cpus} for a worker, and {besides} to read rows "
            f"or for the CRF; the cluster has {there}",
            "add machines; or give the pictures as files, or fewer threads or crf_workers",
        )
    return min(workers, (there - besides) // cpus)


def placed(model: str, options: LoadOptions, gpus: float) -> tuple[LoadOptions, float]:
    """The options of workers, and the number of GPUs of each: `gpus`, or 1 if that is 0 and they name a GPU.
    Workers without GPUs use processors. All workers use one precision: if the options leave it open, float32
    on GPUs, and else what the processor of this machine decides.
    """
    gpus = gpus or float(options.get("device", "auto") not in ("auto", "cpu"))
    if gpus and options.get("precision") == "auto":
        return {**options, "precision": "float32"}, gpus
    if gpus:
        return options, gpus
    precision = decided_precision(model, options.get("precision", "float32"), "cpu")
    return {**options, "device": "cpu", "precision": precision}, gpus


def parts_of(items: Iterable[Any]) -> "ray.data.Dataset":
    """A Ray data set whose blocks hold an item each, pickled."""
    import ray.data

    return ray.data.from_blocks([_packed(item) for item in items])


def stage(
    dataset: "ray.data.Dataset", job: Job, workers: int, cpus: int, gpus: float = 0
) -> "ray.data.Dataset":
    """The data set, each block of which goes through one of `workers` processes. A process that ends is
    started again, and its block is worked on again, a few times.

    job: picklable. In each process it is called once; what it returns is called with the content of a block:
    an item of `parts_of`, the answer of an earlier stage, or an Arrow table.
    """
    import ray.data

    with warnings.catch_warnings():
        # There is no named parameter for the last one, and without it Ray tries again for ever. `num_gpus`
        # refuses whole blocks as batches.
        warnings.filterwarnings("ignore", "`ray_remote_args(_fn)?` is deprecated")
        return dataset.map_batches(
            _Worker,
            batch_size=None,
            batch_format="pyarrow",
            fn_constructor_args=(pickle.dumps((job, cpus, Path.cwd())),),
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=workers, initial_size=workers),
            num_cpus=cpus,
            ray_remote_args_fn=partial(dict, num_gpus=gpus) if gpus else None,
            max_task_retries=_RETRIES,
        )


def answers(dataset: "ray.data.Dataset") -> Generator[Any, None, None]:
    """The answer of the last stage for each block, in order. Raises the first PixelwiseError among them."""
    for block in dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        for packed in block["part"]:
            answer = pickle.loads(packed.as_py())
            if isinstance(answer, PixelwiseError):
                raise answer
            yield answer


class _Worker:
    """What runs a job in a process of the cluster. A PixelwiseError becomes the answer."""

    def __init__(self, packed: bytes) -> None:
        job, cpus, folder = pickle.loads(packed)
        share_processors(cpus)
        with suppress(OSError):  # relative paths are those of the program that started the job
            os.chdir(folder)
        self._work: Callable[[Any], Any] | None = None
        try:
            self._work = job()
        except PixelwiseError as problem:
            self._problem = problem

    def __call__(self, block: "pyarrow.Table") -> "pyarrow.Table":
        if "part" not in block.column_names:
            return _packed(self._answer(block))
        return _packed(*(self._answer(pickle.loads(part.as_py())) for part in block["part"]))

    def _answer(self, content: Any) -> Any:
        if isinstance(content, PixelwiseError):  # of an earlier stage
            return content
        if self._work is None:
            return self._problem
        try:
            return self._work(content)
        except PixelwiseError as problem:
            return problem


def _packed(*items: Any) -> "pyarrow.Table":
    import pyarrow

    parts = [pickle.dumps(item) for item in items]
    return pyarrow.table({"part": pyarrow.array(parts, pyarrow.large_binary())})
