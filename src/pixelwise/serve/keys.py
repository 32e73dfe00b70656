"""The API key of a service."""


def check_key(key: str) -> str:
    """The key itself. Raises ValueError for one that no header can hold: HTTP drops spaces at the ends, and
    programs encode other letters than ASCII's in different ways.
    """
    if not key.strip():
        raise ValueError("expected an API key, got an empty text")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ValueError(
            "expected an API key of ASCII letters, digits and signs, got one with a space, a line break or "
            "another character"
        )
    return key
