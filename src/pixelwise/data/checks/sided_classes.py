"""Classes of a left and a right side, whose labels contradict each other once pictures are mirrored."""

import re
from collections.abc import Sequence

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\dA-Za-z_]+")


def sided_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """The pairs of names that differ only by left and right, or by l and r as words: left_eye, right_eye;
    armL, armR; l-hand, r-hand.
    """
    by_words = {_words(name): name for name in names}
    pairs = []
    for words, name in by_words.items():
        other = tuple(map(_on_the_right, words))
        if other != words and other in by_words:
            pairs.append((name, by_words[other]))
    return pairs


def _words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(name))


def _on_the_right(word: str) -> str:
    if word.startswith("left"):
        return "right" + word.removeprefix("left")
    if word.endswith("left"):
        return word.removesuffix("left") + "right"
    return "r" if word == "l" else word
