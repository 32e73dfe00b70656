"""What the batches of a module add up to."""

import pytest


@pytest.fixture(scope="module")
def exit_codes() -> set[int]:
    """The exit codes of a module's batches together: a batch may be refused as a whole."""
    return set()
