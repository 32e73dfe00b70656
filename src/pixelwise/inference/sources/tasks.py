"""What is to be segmented: the pictures of the inputs, each with a name for its results."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from pixelwise.core.errors import ImageError, PixelwiseError
from pixelwise.core.files import expect_no_url
from pixelwise.core.pictures.endings import VIDEO_SUFFIXES
from pixelwise.core.pictures.pages import Page, pages_of
from pixelwise.core.pictures.reading import Encoded
from pixelwise.core.terminal import counted, printable
from pixelwise.data.formats.id_lists import listed_ids
from pixelwise.inference.outputs.finished_results import RESERVED, Ledger
from pixelwise.inference.sources.files import PassedOver, find_pictures
from pixelwise.inference.sources.urls import shown_url
from pixelwise.inference.sources.video_urls import Fetch
from pixelwise.inference.video.reading import is_camera

_LONGEST_ID = 80  # in a message


@dataclass(frozen=True)
class Task:
    """A picture, its place below the folder it was found in and the stem of its results below the output
    folder; or an input with a problem.

    path: a URL, or STDIN, if it is not a file; `read` gives its content then, or `fetch` that of a video.
    page: which one, of a file that holds several.
    """

    path: Path | str
    place: PurePath
    stem: PurePath
    problem: PixelwiseError | None = None
    read: Callable[[], Encoded] | None = None
    page: Page | None = None
    fetch: Fetch | None = None

    @property
    def is_video(self) -> bool:
        """Whether this is a video, by the name of its file, or a camera."""
        is_file = isinstance(self.path, Path) and self.path.suffix.lower() in VIDEO_SUFFIXES
        return is_file or is_camera(self.path) or self.fetch is not None

    @property
    def shown(self) -> str:
        """The name for messages."""
        if isinstance(self.path, str):
            return shown_url(self.path)
        return printable(self.path if self.page is None else self.page)


def plan(
    inputs: Sequence[str | Path],
    output: Path,
    passed_over: PassedOver | None = None,
    *,
    all_frames: bool = False,
    allow_private_urls: bool = False,
) -> list[Task]:
    """Find the pictures of `inputs` and give each a unique name below `output`.

    passed_over: receives files in folders that are not read but might be missed, such as raw photos, by kind.
    all_frames: a file of several frames or pages becomes a task for each. Raises ImageError if `output` is
    not a folder of this machine.
    """
    expect_no_url(output, "another --output", ImageError)
    if output.exists() and not output.is_dir():
        raise ImageError(
            f"{printable(output)}: expected a folder for the results, got a file", "choose another --output"
        )
    ledger = Ledger(output)
    taken = set(RESERVED)
    tasks = []
    for found in find_pictures(inputs, output, passed_over, allow_private_urls, videos=True):
        if found.problem is not None:
            tasks.append(Task(found.path, found.place, found.place, found.problem))
            continue
        pages = pages_of(found.path) if all_frames and isinstance(found.path, Path) else []
        each: list[Page | None] = [*pages] or [None]
        for page in each:
            place = found.place if page is None else _place_of(page, found.place)
            stem = ledger.stem_for(found.path, place, taken)
            tasks.append(Task(found.path, place, stem, read=found.read, page=page, fetch=found.fetch))
    return tasks


def _place_of(page: Page, place: PurePath) -> PurePath:
    return place.with_name(f"{place.stem}_page{page.index + 1:04}{place.suffix}")


def listed(tasks: Sequence[Task], file: Path) -> list[Task]:
    """The tasks of the pictures whose ids a text file lists: their paths, also below the input folder, or
    their names, with or without ending.

    Raises DataError if the list cannot be read, ImageError if there is no picture for one of its ids, or if
    there are several.
    """
    exact: dict[str, set[Path | str]] = {}
    by_name: dict[str, set[Path | str]] = {}
    for task in tasks:
        for path, names in ((task.place, exact), (PurePath(PurePath(task.path).name), by_name)):
            for name in (path.as_posix(), path.parent.joinpath(path.stem).as_posix()):
                names.setdefault(name, set()).add(task.path)
        whole = PurePath(task.path)
        for name in {whole.as_posix(), whole.parent.joinpath(whole.stem).as_posix(), str(task.path)}:
            by_name.setdefault(name, set()).add(task.path)
    found = by_name | exact
    ids = listed_ids(file, found)
    if missing := sorted(ids - found.keys()):
        raise ImageError(
            f"{printable(file)} lists {counted(len(missing), 'picture')} not among the inputs, such as "
            f"{printable(missing[0][:_LONGEST_ID])}",
            "an id is a file's name without its ending; name the folder that holds all of them",
        )
    for id_ in sorted(ids):
        if len(found[id_]) > 1:
            first, second = sorted(map(printable, found[id_]))[:2]
            raise ImageError(
                f'{printable(file)} lists "{printable(id_)}", which may be {first} or {second}',
                "write its path below the input folder, or with its ending",
            )
    chosen = {path for id_ in ids for path in found[id_]}
    return [task for task in tasks if task.problem is not None or task.path in chosen]
