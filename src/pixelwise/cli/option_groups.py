"""Options that verbs take together: records, each of whose fields is an option of the command line.

A verb has a keyword-only parameter of such a record. `flat_signature` shows typer its fields as options, in
the record's place, and `gathered` makes the records of their values.
"""

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict, get_type_hints

import typer
from typer.models import ArgumentInfo

from pixelwise.cli import options

if TYPE_CHECKING:
    from pathlib import Path

    from pixelwise.inference.results.cleaning import Cleaning
    from pixelwise.inference.results.style import Style
    from pixelwise.inference.views import Views
    from pixelwise.workflows.loading import LoadOptions

    class Results(TypedDict):
        """Arguments of segment_folder."""

        save: tuple[str, ...]
        overwrite: bool
        submission: Path | None
        tolerance: float

    class Frames(TypedDict):
        """Arguments of segment_folder."""

        frames: str
        every: int
        smooth: str | None


@dataclass(frozen=True)
class InferenceOptions:
    """What runs the net."""

    engine: options.Engine = "auto"
    precision: options.Precision = "float32"
    device: options.Device = "auto"

    def for_load(self) -> "LoadOptions":
        """Arguments of `load`. Raises BadParameter for an unknown engine, ArgumentError for an unknown device
        and for a precision that models do not run in.
        """
        from pixelwise.core.precision import for_inference
        from pixelwise.inference.engines.devices import Device
        from pixelwise.inference.engines.registry import ENGINES

        options.one_of(self.engine, ENGINES, "--engine")
        for_inference(self.precision)
        Device.of(self.device)
        return {"engine": self.engine, "precision": self.precision, "device": self.device}


@dataclass(frozen=True)
class AugmentationOptions:
    """Test-time augmentation."""

    scales: options.Scales = None
    flip: options.Flip = False

    def views(self) -> "Views":
        """The scales and mirror images. Raises BadParameter for scales that are not positive numbers."""
        from pixelwise.inference.views import Views

        try:
            scales = tuple(float(part) for part in ("1" if self.scales is None else self.scales).split(","))
        except ValueError:
            raise typer.BadParameter(
                f"expected numbers such as 0.75,1,1.25, got {self.scales!a}", param_hint="--scales"
            ) from None
        try:
            return Views(scales, self.flip)
        except ValueError as problem:
            raise typer.BadParameter(str(problem), param_hint="--scales") from None


@dataclass(frozen=True)
class SizeOptions:
    """At which size pictures are scored."""

    long_side: options.LongSide = None
    tiles: options.Tiles = None

    def for_load(self) -> "LoadOptions":
        """Arguments of `load`. Raises BadParameter for tiles of no side."""
        from pixelwise.inference.tiles import check_tiles

        text = self.tiles
        try:
            side = int(text) if text is not None and text.removeprefix("-").isdecimal() else text
            return {"long_side": self.long_side, "tiles": check_tiles(side)}
        except ValueError as problem:
            raise typer.BadParameter(str(problem), param_hint="--tiles") from None


@dataclass(frozen=True)
class RefinementOptions:
    """Whether a dense CRF refines the results."""

    crf: options.CRF = False
    crf_preset: options.CRFPreset = None

    def preset(self) -> str | None:
        """The preset: a name, a file, or None for no CRF."""
        from pixelwise.inference.crf_refiner import DEFAULT_PRESET

        return DEFAULT_PRESET if self.crf and self.crf_preset is None else self.crf_preset


@dataclass(frozen=True)
class CleaningOptions:
    """What is done to the labels."""

    only: options.Only = None
    largest: options.Largest = False
    fill_holes: options.FillHoles = False
    min_region: options.MinRegion = None

    def cleaning(self) -> "Cleaning":
        """Raises BadParameter for no names, and for what is not a share."""
        from pixelwise.inference.results.cleaning import Cleaning, share_of

        names = tuple(options.listed(self.only or ""))
        if self.only is not None and not names:
            raise typer.BadParameter(
                f"expected names of classes such as person,cat, got {self.only!a}", param_hint="--only"
            )
        try:
            share = 0.0 if self.min_region is None else share_of(self.min_region)
        except ValueError as fault:
            raise typer.BadParameter(str(fault), param_hint="--min-region") from None
        return Cleaning(names, self.largest, self.fill_holes, share)

    def removing(self) -> list[str]:
        """Those that can leave nothing but background."""
        return ["--only"] * (self.only is not None) + ["--min-region"] * (self.min_region is not None)


@dataclass(frozen=True)
class ResultOptions:
    """What is saved of each picture, and of all."""

    save: options.Save = "mask,overlay"
    overwrite: options.Overwrite = False
    submission: options.Submission = None
    rank: options.Rank = None
    tolerance: options.Tolerance = 0.0

    def for_segment(self) -> "Results":
        """Arguments of segment_folder. Raises BadParameter for unknown rankings, for a name of the archive
        with another ending, and for a tolerance of no outlines; ArgumentError for unknown kinds and for a
        negative tolerance.
        """
        from pixelwise.inference.results.kind import Saving
        from pixelwise.inference.results.kinds import KINDS
        from pixelwise.workflows.segmenting import RANKINGS

        if self.submission is not None:
            from pixelwise.inference.outputs.submission import ENDINGS

            options.check_ending(self.submission, *ENDINGS, option="--submission")
        if self.rank is not None:
            options.one_of(self.rank, RANKINGS, "--rank")
        Saving(self.tolerance)
        save = options.kinds(self.save)
        if not any(KINDS[kind].is_annotation or KINDS[kind].is_hidden for kind in save):
            options.refuse(f"{', '.join(save)}, which have no outlines", {"--tolerance": self.tolerance})
        return {
            "save": save,
            "overwrite": self.overwrite,
            "submission": self.submission,
            "tolerance": self.tolerance,
        }


@dataclass(frozen=True)
class StyleOptions:
    """How overlays and cutouts are drawn."""

    opacity: options.Opacity = None
    legend: options.Legend = None
    background: options.Background = None

    def style(self, save: "Sequence[str]") -> "Style":
        """Raises BadParameter for an option of a kind that is not saved, ArgumentError for a wrong value."""
        from pixelwise.inference.results.style import USUAL, Style

        for option, value, kinds in (
            ("--opacity", self.opacity, ("overlay",)),
            ("--legend", self.legend, ("overlay", "confidence")),
            ("--background", self.background, ("cutout",)),
        ):
            if value is not None and not set(kinds) & set(save):
                named = " or ".join(kinds)
                raise typer.BadParameter(f"it changes the {named}: add {named} to --save", param_hint=option)
        return Style(
            USUAL.opacity if self.opacity is None else self.opacity,
            self.legend,
            USUAL.background if self.background is None else self.background,
        )


@dataclass(frozen=True)
class FrameOptions:
    """Which frames of videos, animations and TIFF files are segmented, and how they are smoothed."""

    frames: options.Frames = "first"
    every: options.Every = 1
    smooth: options.Smooth = None

    def for_segment(self) -> "Frames":
        """Arguments of segment_folder. Raises BadParameter for unknown names."""
        from pixelwise.inference.video.smoothing import SMOOTHINGS
        from pixelwise.workflows.segmenting import FRAMES

        options.one_of(self.frames, FRAMES, "--frames")
        if self.smooth is not None:
            options.one_of(self.smooth, SMOOTHINGS, "--smooth")
        return {"frames": self.frames, "every": self.every, "smooth": self.smooth}


def flat_signature(verb: Callable[..., None]) -> inspect.Signature:
    """The parameters of a verb with the options of each record in the record's place."""
    hints = get_type_hints(verb, include_extras=True)
    flat = []
    for name, parameter in inspect.signature(verb).parameters.items():
        if dataclasses.is_dataclass(record := hints[name]):
            own = get_type_hints(record, include_extras=True)
            flat += [
                inspect.Parameter(
                    field.name, parameter.kind, default=field.default, annotation=own[field.name]
                )
                for field in dataclasses.fields(record)
            ]
        else:
            flat.append(parameter.replace(annotation=hints[name]))
    return inspect.Signature(flat)


def option_of(verb: Callable[..., None], argument: str) -> str | None:
    """What people type for an argument of the verb, such as --device or MODEL; None if it has no such one."""
    parameter = flat_signature(verb).parameters.get(argument)
    if parameter is None:
        return None
    shown = parameter.annotation.__metadata__[0]
    if isinstance(shown, ArgumentInfo):
        return shown.metavar
    given = (shown.default, *(shown.param_decls or ()))  # typer takes the first name as a default at first
    names = [name for name in given if isinstance(name, str) and name.startswith("--")]
    return names[0] if names else f"--{argument.replace('_', '-')}"


def gathered(verb: Callable[..., None], values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a verb, records among them, from the values of all options."""
    hints = get_type_hints(verb)
    arguments = {}
    for name in inspect.signature(verb).parameters:
        record = hints[name]
        if isinstance(record, type) and dataclasses.is_dataclass(record):
            fields = dataclasses.fields(record)
            arguments[name] = record(**{field.name: values[field.name] for field in fields})
        else:
            arguments[name] = values[name]
    return arguments
