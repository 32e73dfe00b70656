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
    gallery,
    hha,
    import_caffe,
    messages,
    models,
    preview,
    refine,
    segment,
    serve,
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

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the verbs by group, each with the first sentence of its help, wrapped and never cut."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for name, verb in self.commands.items():
            first = " ".join((verb.help or "").partition("\n\n")[0].split())
            groups.setdefault(str(getattr(verb, "rich_help_panel", "")), []).append((name, first))
        for group, rows in groups.items():
            with formatter.section(group):
                formatter.write_dl(rows)


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


def _add(group: str, name: str, verb: Callable[Parameters, None], examples: tuple[str, ...]) -> None:
    """Make a function a command: its help ends with the examples, exceptions become messages and codes."""

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

    app.command(name, rich_help_panel=group, epilog="\n\n".join(["Examples:", *examples]))(command)


USE, DATA, TRAIN, JUDGE, CRF, PAPERS = (
    *("Use models", "Look after data", "Train and export", "Judge", "Refine with a CRF"),
    "The papers' nets",
)
_add(USE, "segment", segment.segment, segment.EXAMPLES)
_add(USE, "serve", serve.serve, serve.EXAMPLES)
_add(USE, "models", models.models, models.EXAMPLES)
_add(USE, "wrap", wrap.wrap, wrap.EXAMPLES)
_add(DATA, "data", data.data, data.EXAMPLES)
_add(DATA, "check", check.check, check.EXAMPLES)
_add(DATA, "convert", convert.convert, convert.EXAMPLES)
_add(DATA, "boxes-to-masks", boxes_to_masks.boxes_to_masks, boxes_to_masks.EXAMPLES)
_add(DATA, "hha", hha.hha, hha.EXAMPLES)
_add(TRAIN, "preview", preview.preview, preview.EXAMPLES)
_add(TRAIN, "train", train.train, train.EXAMPLES)
_add(TRAIN, "export", export.export, export.EXAMPLES)
_add(JUDGE, "eval", evaluate.evaluate, evaluate.EXAMPLES)
_add(JUDGE, "gallery", gallery.gallery, gallery.EXAMPLES)
_add(JUDGE, "compare", compare.compare, compare.EXAMPLES)
_add(JUDGE, "upper-bound", upper_bound.upper_bound, upper_bound.EXAMPLES)
_add(JUDGE, "time", timing.time, timing.EXAMPLES)
_add(CRF, "refine", refine.refine, refine.EXAMPLES)
_add(CRF, "crf-search", crf_search.crf_search, crf_search.EXAMPLES)
_add(PAPERS, "describe", describe.describe, describe.EXAMPLES)
_add(PAPERS, "import-caffe", import_caffe.import_caffe, import_caffe.EXAMPLES)
