"""What every test may use: the real sample files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable

settings.register_profile("cluvault", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("cluvault")

SAMPLES_FOLDER = Path(__file__).parent / "samples"

SAMPLES = (
    "chitchat-large",
    "clinical-trials",
    "clock-2021-preview",
    "emailapp-demo",
    "flightbooking-2022-03",
    "orchestration-placeholders",
    "pizza-small",
    "wildlife-tours",
)
"""The eight CLU files; tests/samples/README.md says where they come from."""


@pytest.fixture(scope="session")
def sample() -> Callable[[str], bytes]:
    """The bytes of a sample file by its name without `.json`."""

    def read(name: str) -> bytes:
        return (SAMPLES_FOLDER / f"{name}.json").read_bytes()

    return read


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `sample_name` runs once for each of the eight CLU files."""
    if "sample_name" in metafunc.fixturenames:
        metafunc.parametrize("sample_name", SAMPLES)
