"""Lists of ids and names of public data sets; README.md in this folder states their sources."""

from importlib import resources


def shipped(name: str) -> list[str]:
    """The lines of the list of that name."""
    text = (resources.files(__name__) / f"{name}.txt").read_text(encoding="utf-8")
    return text.splitlines()
