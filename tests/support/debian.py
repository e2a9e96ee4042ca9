"""Programs from Debian packages, unpacked into a folder of the checkout's cache; nothing on the machine is changed.

Debian keeps only the newest version of a package in a release, so packages are named by their major version at most;
the cache keeps the first that came. Whatever else they need and this machine lacks, apt names.
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

CACHE: Final = Path(__file__).parents[2] / ".cache"
_FETCH_SECONDS: Final = 600


class PackagesMissing(Exception):
    """Debian packages cannot be had; the message ends with what apt said."""


def unpacked(name: str, *packages: str) -> Path:
    """The folder with these packages; the first of several test processes fetches them. Raises PackagesMissing."""
    folder = CACHE / name
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            unfinished = CACHE / f"{name}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)  # of a run that was killed
            unfinished.mkdir()
            fetch(unfinished, *packages)
            unfinished.rename(folder)
    return folder


def libraries(folder: Path) -> str:
    """The value of LD_LIBRARY_PATH with which programs of the folder find what came with them."""
    return os.pathsep.join(str(one) for one in folder.glob("usr/lib/*-linux-gnu*"))


def fetch(folder: Path, *packages: str) -> None:
    """Unpack packages and what this machine lacks for them into a folder, as whoever runs this, not as root.

    Raises:
        PackagesMissing: apt cannot.
    """
    with tempfile.TemporaryDirectory(prefix="apt-") as own:
        (Path(own) / "lists" / "partial").mkdir(parents=True)
        (Path(own) / "cache" / "archives" / "partial").mkdir(parents=True)
        apt = ["apt-get", "-qq", "-o", f"Dir::State::Lists={own}/lists", "-o", f"Dir::Cache={own}/cache"]
        apt += ["-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User="]
        _run(*apt, "update")
        wanted = ("--reinstall", "--no-install-recommends", "install", *packages)
        _run(*apt, "--download-only", "--yes", *wanted)
        for package in sorted((Path(own) / "cache" / "archives").glob("*.deb")):
            _run("dpkg-deb", "--extract", str(package), str(folder))


def _run(*command: str) -> None:
    try:
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=_FETCH_SECONDS)
    except (OSError, subprocess.SubprocessError) as err:
        reason = getattr(err, "stderr", None) or str(err)
        raise PackagesMissing(str(reason)[-1000:]) from err
