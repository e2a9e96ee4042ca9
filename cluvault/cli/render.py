"""Tables, differences and progress for people."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cluvault.cli.text import clean
from cluvault.model.json_text import write_json
from cluvault.model.run import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from cluvault.model.run import RunItem
    from cluvault.ops.report import Report
    from cluvault.plan.diff_report import Line

STYLES: Final[Mapping[str, str]] = {
    Outcome.STORED: "green", Outcome.RESTORED: "green", Outcome.CREATED: "green", Outcome.DELETED: "yellow",
    Outcome.UNCHANGED: "dim", Outcome.SKIPPED: "dim", Outcome.FAILED: "bold red",
}  # fmt: skip
_SIGNS: Final = {"+": "green", "-": "red", "~": "yellow", " ": "bold"}
_WIDE: Final = 160


def console(*, stderr: bool = False) -> Console:
    """A console that neither interprets markup nor cuts what a program reads from a pipe."""
    found = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not found.is_terminal and found.width < _WIDE:
        found = Console(stderr=stderr, markup=False, highlight=False, emoji=False, width=_WIDE)
    return found


def print_json(value: Any) -> None:
    """One JSON value on standard output."""
    sys.stdout.write(write_json(value, indent=True).decode() + "\n")


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "") -> None:
    """A table; texts of strangers are shown as they are, not interpreted."""
    table = Table(title=Text(title) if title else None, title_justify="left", box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(clean(cell), style=_style(cell)) for cell in row))
    console().print(table)


def print_lines(lines: Iterable[Line]) -> None:
    """A difference, line by line, with its signs in colour."""
    out = console()
    for sign, text in lines:
        body = clean(text) if sign == " " else f"  {sign} {clean(text)}"
        out.print(Text(body, style=_SIGNS[sign]), soft_wrap=True)


def say(text: str, *, style: str = "") -> None:
    """One line for people on standard output."""
    console().print(Text(clean(text), style=style), soft_wrap=True)


def print_report(report: Report) -> None:
    """What became of each project."""
    rows = [
        (item.outcome, f"{item.resource}/{item.project}" if item.project else item.resource, item.snapshot_id or "-",
         item.detail or "")
        for item in report.items
    ]  # fmt: skip
    if rows:
        print_table(("outcome", "project", "snapshot", "detail"), rows)
    say(f"{report.kind}: {report.summary}. Record: {report.record_key}")


@contextmanager
def progress(title: str) -> Generator[tuple[Callable[[int], None], Callable[[RunItem], None]]]:
    """A progress bar on a terminal: gives `start(total)` and `advance(item)`."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    with bar:
        task = bar.add_task(title, total=None)

        def start(total: int) -> None:
            bar.update(task, total=total)

        def advance(item: RunItem) -> None:
            bar.update(task, advance=1, description=f"{title} {clean(item.project)}")

        yield start, advance


def _style(cell: str) -> str:
    return STYLES.get(cell, "")
