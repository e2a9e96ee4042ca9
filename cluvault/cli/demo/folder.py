"""The demo's folder: configuration, seeds, sample projects; a folder of somebody else's is never touched."""

from __future__ import annotations

import shutil
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from cluvault.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KEY_VARIABLE: Final = "CLUVAULT_DEMO_KEY"
KEY: Final = "emulator-key-1"
_MARKER: Final = ".cluvault-demo"
_SEEDED: Final = {
    "dev/EmailAppDemo": "emailapp-demo.json",
    "dev/MicrosoftPizzaSmall": "pizza-small.json",
    "dev/FlightBooking": "flightbooking-2022-03.json",
    "dev/FlightBooking-experiment": "flightbooking-2022-03.json",
    "prod/EmailAppDemo": "emailapp-demo.json",
    "prod/MicrosoftPizzaSmall": "pizza-small.json",
}
_CONFIGURATION: Final = """\
# The demo's configuration. For a real resource see README.md, "Configuration".
[vault]
url = "vault"

[resources.dev]
endpoint = "http://127.0.0.1:{port}/dev"
key = {{ env = "{variable}" }}
limits = "off"

[resources.prod]
endpoint = "http://127.0.0.1:{port}/prod"
key = {{ env = "{variable}" }}
limits = "off"
"""
_CLEANUP: Final = """
[cleanup]
protect = ["EmailAppDemo"]
max-deletions = 2
max-share = 0.5

[cleanup.rules.experiments]
names = ["*-experiment"]
no-deployment = true
"""


def prepare(folder: Path, *, port: int) -> None:
    """The folder of the main story.

    Raises:
        UsageError: something else is there.
    """
    samples = files("cluvault.samples")
    make_folder(
        folder, port=port, more=_CLEANUP, seeds={at: (samples / name).read_bytes() for at, name in _SEEDED.items()}
    )
    for name in ("support-desk.csv", "support-desk.yaml"):
        (folder / name).write_bytes((samples / name).read_bytes())


def make_folder(folder: Path, *, port: int, more: str, seeds: Mapping[str, bytes]) -> None:
    """Make a demo's folder, or empty it when an earlier demo made it.

    Args:
        folder: Where.
        port: Of the emulator.
        more: What its configuration has besides vault and resources.
        seeds: RESOURCE/PROJECT → what the emulator has at the start.

    Raises:
        UsageError: something else is there.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is no folder", mend="name another with --directory")
    if folder.exists() and any(folder.iterdir()):
        if not (folder / _MARKER).is_file():
            raise UsageError(f"{folder} is not empty and no earlier demo made it", mend="name another with --directory")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARKER).write_text("made by `cluvault demo`; the next demo empties this folder\n", "utf-8")
    (folder / "cluvault.toml").write_text(_CONFIGURATION.format(port=port, variable=KEY_VARIABLE) + more, "utf-8")
    for place, data in seeds.items():
        target = folder / "seed" / f"{place}.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
