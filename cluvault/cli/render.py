"""Tables, differences and progress for people."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

import click

from cluvault.cli.text import clean, clean_json

# rich is imported by the functions that need it: what prints JSON or bytes starts sooner.

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from rich.console import Console

    from cluvault.ops.report import Report
    from cluvault.plan.diff_report import Line

STYLES: Final[Mapping[str, str]] = {
    "stored": "green", "restored": "green", "created": "green", "deleted": "yellow",
    "unchanged": "dim", "skipped": "dim", "failed": "bold red",
    "removed": "yellow", "locked": "cyan", "vanished": "yellow", "proven": "green", "repaired": "green",
    "copied": "green", "replicated": "green", "equal": "dim", "differs": "yellow", "behind": "yellow",
    "only-in-source": "cyan", "only-in-target": "cyan", "leftover": "cyan",
    "create": "green", "update": "yellow", "refuse": "bold red",
    "missing": "bold red", "damaged": "bold red", "too-new": "yellow", "unreferenced": "dim", "foreign": "dim",
    "ok": "green", "refused": "bold red", "promoted": "green", "rolled-back": "yellow", "abandoned": "dim",
    "awaiting-approval": "cyan", "running": "cyan", "rolling-back": "yellow",
    "alarm": "bold red", "new": "cyan", "gone": "dim",
    "delete": "yellow", "remove": "yellow", "keep": "dim", "put back": "green",
}  # fmt: skip
"""How the first column of a report or plan looks."""
_SIGNS: Final = {"+": "green", "-": "red", "~": "yellow", " ": "bold"}
_WIDE: Final = 10_000
_ROWS_AT_ONCE: Final = 1000


def console(*, stderr: bool = False, width: int = _WIDE) -> Console:
    """A console that neither interprets markup nor cuts, at `width`, what a program reads from a pipe."""
    from rich.console import Console  # noqa: PLC0415

    is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, width=None if is_terminal else width)


def print_json(value: Any) -> None:
    """One JSON value on standard output."""
    from cluvault.model.json_text import write_json  # noqa: PLC0415

    sys.stdout.write(clean_json(write_json(value, indent=True).decode()) + "\n")


class JsonArray:
    """A JSON array on standard output, written as its values come: `print_json` of all of them, in little memory."""

    def __init__(self) -> None:
        self._is_empty = True

    def add(self, values: Iterable[Any]) -> None:
        """Some values more."""
        from cluvault.model.json_text import write_json  # noqa: PLC0415

        for value in values:
            text = clean_json(write_json(value, indent=True).decode()).replace("\n", "\n  ")
            sys.stdout.write(("[\n  " if self._is_empty else ",\n  ") + text)
            self._is_empty = False

    def end(self) -> None:
        """No more."""
        sys.stdout.write("[]\n" if self._is_empty else "\n]\n")


class LongTable:
    """A table that is printed as its rows come; columns keep the width of the widest text so far.

    Args:
        headings: The first row.
    """

    def __init__(self, headings: Sequence[str]) -> None:
        self.is_empty = True
        self._headings = headings
        self._widths = [0] * len(headings)
        self._waiting: list[Sequence[str]] = []

    def add(self, rows: Iterable[Sequence[str]]) -> None:
        """Some rows more; the first thousand, or all if there are fewer, decide how wide the columns begin."""
        self._waiting += rows
        if len(self._waiting) >= _ROWS_AT_ONCE:
            self.end()

    def end(self) -> None:
        """Print what waits."""
        rows = [[clean(cell) for cell in row] for row in self._waiting]
        self._waiting = []
        if not rows:
            return
        self._widths = [
            max(width, *map(_cells, column)) for width, *column in zip(self._widths, self._headings, *rows, strict=True)
        ]
        if sys.stdout.isatty() and sum(self._widths) + 2 * len(self._widths) > console().width:
            print_table(self._headings, rows, headed=self.is_empty)  # it folds what does not fit
        else:  # fifty times as fast
            sys.stdout.writelines(map(self._line, rows if not self.is_empty else [self._headings, *rows]))
        self.is_empty = False

    def _line(self, row: Sequence[str]) -> str:
        cells = (text + " " * (width - _cells(text)) for text, width in zip(row, self._widths, strict=True))
        return "  ".join(cells).rstrip() + "\n"


def _cells(text: str) -> int:
    """How wide a text is on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415

    return cell_len(text)


def print_table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    styled: bool = False,
    headed: bool = True,
) -> None:
    """A table; texts of strangers are shown as they are, not interpreted.

    Args:
        headings: The first row; empty texts for none.
        rows: The others.
        styled: Whether the first column says what became of something.
        headed: Whether the headings are shown.
    """
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, show_header=headed and any(headings))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for first, *others in rows:
        style = STYLES.get(first, "") if styled else ""
        table.add_row(Text(clean(first), style=style), *(Text(clean(cell)) for cell in others))
    console().print(table)


def print_lines(lines: Iterable[Line]) -> None:
    """A difference, line by line, with its signs in colour."""
    from rich.text import Text  # noqa: PLC0415

    out = console()
    for sign, text in lines:
        body = clean(text) if sign == " " else f"  {sign} {clean(text)}"
        out.print(Text(body, style=_SIGNS[sign]), soft_wrap=True)


def say(text: str, *, style: str = "") -> None:
    """One line for people on standard output."""
    bold, colour = "bold" in style, style.removeprefix("bold").removesuffix("dim").strip() or None
    click.secho(clean(text), fg=colour, bold=bold or None, dim="dim" in style or None)


def complain(text: str) -> None:
    """The one line on standard error that a command ends with when it did not do all that it should."""
    print(f"cluvault: {clean(text)}", file=sys.stderr)


def print_report(report: Report) -> None:
    """What became of each project."""
    rows = [
        (item.outcome, f"{item.resource}/{item.project}" if item.project else item.resource, item.snapshot_id or "-",
         item.detail or "")
        for item in report.items
    ]  # fmt: skip
    if rows:
        print_table(("outcome", "project", "snapshot", "detail"), rows, styled=True)
    say(f"{report.kind}: {report.summary}. Record: {report.record_key}")


def finish(report: Report) -> int:
    """The exit code of a run; when projects failed, standard error gets its line too, for logs and mails of cron."""
    if report.failed:
        from cluvault.ops.report import RunFailed  # noqa: PLC0415

        complain(str(RunFailed(report)))
    return report.exit_code


class OfProject(Protocol):
    """What is told of one project when it is done."""

    @property
    def project(self) -> str:
        """Its name."""
        ...


_bars: Final[list[Callable[[str], None]]] = []
"""How the progress bar that is shown now, if there is one, takes a remark."""


def remark(sentence: str) -> None:
    """What there is to know while a command works: above its progress bar, or alone, on standard error."""
    if _bars:
        _bars[-1](sentence)
    else:
        print(clean(sentence), file=sys.stderr)


@contextmanager
def progress(title: str) -> Generator[tuple[Callable[[int], None], Callable[[OfProject], None]]]:
    """A progress bar on a terminal: gives `start(total)` and `advance(what became of a project)`."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    with bar:
        task = bar.add_task(title, total=None)

        def start(total: int) -> None:
            bar.update(task, total=total)

        def advance(item: OfProject) -> None:
            bar.update(task, advance=1, description=f"{title} {clean(item.project)}")

        def note(sentence: str) -> None:
            bar.print(clean(sentence), style="dim")

        if bar.disable:
            yield start, advance
            return
        _bars.append(note)
        try:
            yield start, advance
        finally:
            _bars.remove(note)
