"""The command `pixelwise`. Each verb is a file in this folder; it imports heavy modules when it is called."""

import functools
import io
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Any, ParamSpec

import typer
from typer.core import TyperGroup

from pixelwise import __version__
from pixelwise.cli import (
    boxes_to_masks,
    check,
    compare,
    convert,
    crf_search,
    data,
    describe,
    evaluate,
    export,
    hha,
    import_caffe,
    messages,
    models,
    preview,
    refine,
    segment,
    timing,
    train,
    upper_bound,
    wrap,
)
from pixelwise.core.terminal import discard, note, printable, take_over_stderr

Parameters = ParamSpec("Parameters")


class _Verbs(TyperGroup):
    """Escapes arguments in usage errors: they may be file names with control characters."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        with _escaped_usage():
            return super().make_context(*args, **kwargs)

    def invoke(self, *args: Any) -> Any:
        with _escaped_usage():
            return super().invoke(*args)


@contextmanager
def _escaped_usage() -> Iterator[None]:
    try:
        yield
    except Exception as problem:
        if hasattr(problem, "format_message") and hasattr(problem, "message"):  # click's, under any name
            problem.message = printable(problem.message)
        raise


app = typer.Typer(
    name="pixelwise",
    cls=_Verbs,
    help="A label for every pixel: segment photos with the model that ships here, or with your own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help takes half the time
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Entry point: exit 0 on success, 1 on failure, 2 on wrong usage, 130 when interrupted."""
    _prepare_streams()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    if not sys.warnoptions:  # hide libraries' warnings; what users must know is an error or a note
        warnings.simplefilter("ignore")
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    arguments = ["--debug", *arguments] if len(arguments) < len(sys.argv) - 1 else arguments
    app(arguments)


def _prepare_streams() -> None:
    """Make every character printable, and reserve file numbers 0 to 2 even if a standard stream is closed."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(handle)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may not be valid text
    take_over_stderr()


def _interrupt(number: int, frame: FrameType | None) -> None:
    """The first Ctrl-C stops cleanly; the second kills the process."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise KeyboardInterrupt


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pixelwise {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    messages.debug = debug


def _add(name: str, verb: Callable[Parameters, None], examples: tuple[str, ...]) -> None:
    """Register a function as a command. Its help ends with the examples; exceptions become error messages."""

    @functools.wraps(verb)
    def command(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        try:
            verb(*args, **kwargs)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except KeyboardInterrupt:
            note("interrupted; finished files stay")
            raise typer.Exit(130) from None
        except BrokenPipeError:  # the reader of our output has closed it
            discard(sys.stdout)
            raise typer.Exit(1) from None
        except Exception as problem:
            messages.report(problem)
            raise typer.Exit(1) from None

    app.command(name, epilog="\n\n".join(["Examples:", *examples]))(command)


_add("segment", segment.segment, segment.EXAMPLES)
_add("refine", refine.refine, refine.EXAMPLES)
_add("data", data.data, data.EXAMPLES)
_add("convert", convert.convert, convert.EXAMPLES)
_add("boxes-to-masks", boxes_to_masks.boxes_to_masks, boxes_to_masks.EXAMPLES)
_add("hha", hha.hha, hha.EXAMPLES)
_add("check", check.check, check.EXAMPLES)
_add("preview", preview.preview, preview.EXAMPLES)
_add("train", train.train, train.EXAMPLES)
_add("eval", evaluate.evaluate, evaluate.EXAMPLES)
_add("compare", compare.compare, compare.EXAMPLES)
_add("upper-bound", upper_bound.upper_bound, upper_bound.EXAMPLES)
_add("time", timing.time, timing.EXAMPLES)
_add("crf-search", crf_search.crf_search, crf_search.EXAMPLES)
_add("export", export.export, export.EXAMPLES)
_add("wrap", wrap.wrap, wrap.EXAMPLES)
_add("models", models.models, models.EXAMPLES)
_add("describe", describe.describe, describe.EXAMPLES)
_add("import-caffe", import_caffe.import_caffe, import_caffe.EXAMPLES)
