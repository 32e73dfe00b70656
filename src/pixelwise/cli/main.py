"""The command `pixelwise`. Each verb is a file in this folder; it imports heavy modules when it is called."""

import functools
import gc
import io
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Any

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
from pixelwise.cli.option_groups import flat_signature, gathered, option_of
from pixelwise.core.errors import ArgumentError
from pixelwise.core.terminal import discard, note, printable, take_over_stderr


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
    _start_quickly()
    _prepare_streams()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    if not sys.warnoptions:  # hide libraries' warnings; what users must know is an error or a note
        warnings.simplefilter("ignore")
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    arguments = ["--debug", *arguments] if len(arguments) < len(sys.argv) - 1 else arguments
    app(arguments)


def _start_quickly() -> None:
    """Leave out work that importing modules causes and that nothing needs.

    The threads of numpy's OpenBLAS by default keep processors busy for tens of milliseconds before they
    sleep; a value that the user has set is kept. And most of the many objects that modules make are never
    garbage, so they are looked through less often.
    """
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    gc.set_threshold(10_000)


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


def add_verb(group: str, name: str, verb: Callable[..., None], examples: tuple[str, ...]) -> None:
    """Make a function a command: records of options become options, its help ends with the examples, and
    exceptions become messages and codes.
    """

    @functools.wraps(verb)
    def command(**values: Any) -> None:
        try:
            verb(**gathered(verb, values))
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except ArgumentError as problem:
            raise typer.BadParameter(str(problem), param_hint=option_of(verb, problem.argument)) from None
        except KeyboardInterrupt:
            note("interrupted; finished files stay")
            raise typer.Exit(130) from None
        except BrokenPipeError:  # the reader of our output has closed it
            discard(sys.stdout)
            raise typer.Exit(1) from None
        except Exception as problem:
            messages.report(problem)
            raise typer.Exit(1) from None

    signature = flat_signature(verb)
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {name: each.annotation for name, each in signature.parameters.items()}
    app.command(name, rich_help_panel=group, epilog="\n\n".join(["Examples:", *examples]))(command)


USE, DATA, TRAIN, JUDGE, CRF, PAPERS = (
    *("Use models", "Look after data", "Train and export", "Judge", "Refine with a CRF"),
    "The papers' nets",
)
add_verb(USE, "segment", segment.segment, segment.EXAMPLES)
add_verb(USE, "serve", serve.serve, serve.EXAMPLES)
add_verb(USE, "models", models.models, models.EXAMPLES)
add_verb(USE, "wrap", wrap.wrap, wrap.EXAMPLES)
add_verb(DATA, "data", data.data, data.EXAMPLES)
add_verb(DATA, "check", check.check, check.EXAMPLES)
add_verb(DATA, "convert", convert.convert, convert.EXAMPLES)
add_verb(DATA, "boxes-to-masks", boxes_to_masks.boxes_to_masks, boxes_to_masks.EXAMPLES)
add_verb(DATA, "hha", hha.hha, hha.EXAMPLES)
add_verb(TRAIN, "preview", preview.preview, preview.EXAMPLES)
add_verb(TRAIN, "train", train.train, train.EXAMPLES)
add_verb(TRAIN, "export", export.export, export.EXAMPLES)
add_verb(JUDGE, "eval", evaluate.evaluate, evaluate.EXAMPLES)
add_verb(JUDGE, "gallery", gallery.gallery, gallery.EXAMPLES)
add_verb(JUDGE, "compare", compare.compare, compare.EXAMPLES)
add_verb(JUDGE, "upper-bound", upper_bound.upper_bound, upper_bound.EXAMPLES)
add_verb(JUDGE, "time", timing.time, timing.EXAMPLES)
add_verb(CRF, "refine", refine.refine, refine.EXAMPLES)
add_verb(CRF, "crf-search", crf_search.crf_search, crf_search.EXAMPLES)
add_verb(PAPERS, "describe", describe.describe, describe.EXAMPLES)
add_verb(PAPERS, "import-caffe", import_caffe.import_caffe, import_caffe.EXAMPLES)
