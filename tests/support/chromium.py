"""A real browser without a screen: the machine's Chromium, else Debian's, unpacked into the checkout's cache."""

# ruff: noqa: S603  # it starts its own processes

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from tests.support.debian import PackagesMissing, libraries, unpacked

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_PAGE_SECONDS: Final = 60
_FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",  # tests may run as root, and open their own pages only
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # nothing has an address
    "--enable-logging=stderr",  # the page's console
)


class ChromiumMissing(Exception):
    """There is no Chromium and none can be had; the message says what is needed."""


def dump_dom(page: Path, *flags: str) -> tuple[str, str]:
    """The document after its scripts have run, and what the console said. Raises ChromiumMissing."""
    return _browse(page, "--dump-dom", *flags)


def take_screenshot(page: Path, picture: Path, *, size: tuple[int, int], dark: bool = False) -> None:
    """A picture of a page as PNG. Raises ChromiumMissing."""
    flags = ("--blink-settings=preferredColorScheme=0",) if dark else ()
    _browse(page, f"--screenshot={picture}", f"--window-size={size[0]},{size[1]}", *flags)


def _browse(page: Path, *flags: str) -> tuple[str, str]:
    program, environment = installed()
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        done = subprocess.run(
            [program, *_FLAGS, f"--user-data-dir={profile}", *flags, page.as_uri()],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=_PAGE_SECONDS,
        )
    return done.stdout.decode(), done.stderr.decode("utf-8", "replace")


def installed() -> tuple[Path, dict[str, str]]:
    """The program, and what its environment needs besides; one of several test processes fetches it.

    Raises:
        ChromiumMissing: apt cannot.
    """
    for name in _NAMES:
        if (found := shutil.which(name)) is not None:
            return Path(found), {}
    try:
        folder = unpacked("chromium", "chromium", "fonts-dejavu-core")
    except PackagesMissing as err:
        raise ChromiumMissing(
            "tests of pages need Chromium, and apt cannot fetch it; install it (apt-get install chromium), or let this "
            f"machine reach a Debian mirror\n{err}"
        ) from err
    return folder / "usr/lib/chromium/chromium", {"LD_LIBRARY_PATH": libraries(folder)}
