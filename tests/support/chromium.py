"""A real browser without a screen: the machine's Chromium, else Debian's, unpacked into the checkout's cache.

Debian keeps only the newest version of it, so none can be named here; the cache keeps the first that came. Whatever
else it needs and this machine lacks, apt names; all of it is unpacked there, and nothing on the machine is changed.
"""

# ruff: noqa: S603  # it starts its own processes

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

_CACHE: Final = Path(__file__).parents[2] / ".cache"
_FOLDER: Final = _CACHE / "chromium"
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_FETCH_SECONDS: Final = 600
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
    _CACHE.mkdir(exist_ok=True)
    with (_CACHE / "chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _FOLDER.is_dir():
            unfinished = _CACHE / "chromium.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)  # of a run that was killed
            unfinished.mkdir()
            fetch(unfinished)
            unfinished.rename(_FOLDER)
    libraries = [str(folder) for folder in _FOLDER.glob("usr/lib/*-linux-gnu*")]
    return _FOLDER / "usr/lib/chromium/chromium", {"LD_LIBRARY_PATH": os.pathsep.join(libraries)}


def fetch(folder: Path, *options: str) -> None:
    """Unpack Chromium and what this machine lacks for it into a folder, as whoever runs this, not as root.

    Args:
        folder: Where to.
        options: More options for apt.

    Raises:
        ChromiumMissing: apt cannot.
    """
    with tempfile.TemporaryDirectory(prefix="apt-") as own:
        (Path(own) / "lists" / "partial").mkdir(parents=True)
        (Path(own) / "cache" / "archives" / "partial").mkdir(parents=True)
        apt = ["apt-get", "-qq", "-o", f"Dir::State::Lists={own}/lists", "-o", f"Dir::Cache={own}/cache"]
        apt += ["-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=", *options]
        _run(*apt, "update")
        wanted = ("--reinstall", "--no-install-recommends", "install", "chromium", "fonts-dejavu-core")
        _run(*apt, "--download-only", "--yes", *wanted)
        for package in sorted((Path(own) / "cache" / "archives").glob("*.deb")):
            _run("dpkg-deb", "--extract", str(package), str(folder))


def _run(*command: str) -> None:
    try:
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=_FETCH_SECONDS)
    except (OSError, subprocess.SubprocessError) as err:
        reason = getattr(err, "stderr", None) or str(err)
        raise ChromiumMissing(
            "tests of pages need Chromium, and apt cannot fetch it; install it (apt-get install chromium), or let this "
            f"machine reach a Debian mirror\n{str(reason)[-1000:]}"
        ) from err
