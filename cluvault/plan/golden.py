"""Golden utterances out of files, and whether an answer is as golden as expected; pure.

The rows are those of seeds (`plan.seed_rows`) without `dataset`, and with `min-confidence`: how sure the model has to
be of the intent, 0 to 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from cluvault.model.golden import GoldenUtterance
from cluvault.model.names import shorten
from cluvault.model.seed import SeedRow
from cluvault.plan.seed_rows import COLUMNS, RowFormat, read_csv_rows, read_jsonl_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluvault.model.golden import Answer
    from cluvault.model.seed import SpanLabel
    from cluvault.plan.marked_text import MarkedText


class _GoldenRow(SeedRow):
    min_confidence: Annotated[float, Field(ge=0, le=1)] | None = None


def _golden(row: _GoldenRow, marked: MarkedText, _source: str, _line: int) -> GoldenUtterance:
    return GoldenUtterance(
        text=marked.text,
        intent=row.intent,
        language=row.language,
        entities=marked.labels,
        min_confidence=row.min_confidence,
    )


_FORMAT: Final = RowFormat((*(name for name in COLUMNS if name != "dataset"), "min-confidence"), _GoldenRow, _golden)


def read_golden(data: bytes, *, source: str) -> tuple[GoldenUtterance, ...]:
    """Read a file of golden utterances: CSV when its name ends so, else JSONL.

    Raises:
        InvalidSeed: rows are faulty; each fault names its line.
    """
    read = read_csv_rows if source.lower().endswith(".csv") else read_jsonl_rows
    return read(data, _FORMAT, source=source)


def golden_problems(golden: GoldenUtterance, answer: Answer) -> tuple[str, ...]:
    """Every way in which an answer is not what was expected; none when it is."""
    return tuple(_problems(golden, answer))


def _problems(golden: GoldenUtterance, answer: Answer) -> Iterator[str]:
    if answer.intent != golden.intent:
        yield f"intent {shorten(answer.intent)} instead of {shorten(golden.intent)}"
    elif golden.min_confidence is not None and answer.confidence < golden.min_confidence:
        yield f"confidence {answer.confidence:.3f} < {golden.min_confidence:.3f}"
    for label in golden.entities:
        if label not in answer.entities:
            yield _missing(label, golden.text, answer)


def _missing(label: SpanLabel, text: str, answer: Answer) -> str:
    words = text.encode("utf-16-le")[2 * label.offset : 2 * (label.offset + label.length)].decode(
        "utf-16-le", "replace"
    )
    place = (label.offset, label.length)
    instead = next((one.category for one in answer.entities if (one.offset, one.length) == place), None)
    found = f", {shorten(instead)} is" if instead is not None else ""
    return f"{shorten(label.category)} {shorten(words)!r} is not found{found}"
