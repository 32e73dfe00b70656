"""Classes whose names differ so little that they may be one class, as people write it who label by hand."""

import re
from collections.abc import Sequence


def alike_names(names: Sequence[str]) -> list[tuple[str, ...]]:
    """The groups of names that differ only in upper and lower case, blanks, hyphens and underscores."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(re.sub(r"[\s_-]+", "", name.casefold()), []).append(name)
    return [tuple(group) for key, group in groups.items() if key and len(group) > 1]
