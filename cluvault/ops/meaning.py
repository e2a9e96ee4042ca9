"""What the bytes of a project file mean: its canonical digest, and how much is in it."""

from __future__ import annotations

from cluvault.model.manifest import Counts
from cluvault.model.project_file import read_project_file
from cluvault.plan.canonical import canonical_digest


def meaning_of(data: bytes, *, source: str) -> tuple[str, Counts]:
    """The canonical digest and how much there is; takes seconds for a large file, so callers use a thread.

    Raises:
        InvalidProjectFile: it is none; the message begins with `source`.
    """
    file = read_project_file(data, source=source)
    counts = Counts(intents=len(file.intents), entities=len(file.entities), utterances=len(file.utterances))
    return canonical_digest(file), counts
