"""The report as one HTML page that needs nothing else: no network, no fonts, no other file; pure.

Everything that is shown comes from strangers: names, utterances, errors. The template engine escapes whatever
a template shows (a forgotten filter cannot let anything through, as it could with html.escape), `visible_text` makes
visible what could hide or reorder, and the page's policy lets no other script or style run than its own two, by digest.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from cluvault import __version__
from cluvault.cli.text import when
from cluvault.model.promotion import Evaluated
from cluvault.plan.diff_report import visible_text
from cluvault.plan.limits import DOCUMENTED
from cluvault.plan.sparkline import HEIGHT, WIDTH, Sparkline, sparkline
from cluvault.plan.status_checks import day, span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cluvault.model.measurement import Scores
    from cluvault.ops.fleet_report import FleetReport
    from cluvault.plan.promotion import Promotion
    from cluvault.plan.status import Row

_MOST_ROWS: Final = 1000
_MOST_ALARMS: Final = 200
_MOST_RUNS: Final = 50
_LOOKS: Final[Mapping[str, str]] = {
    "ok": "good", "alarm": "bad", "new": "warn", "gone": "quiet",
    "promoted": "good", "rolled-back": "warn", "abandoned": "quiet",
}  # fmt: skip
_WORDS: Final[Mapping[str, str]] = {"ok": "fine", "alarm": "with an alarm", "new": "new", "gone": "gone"}
_SIGNS: Final[Mapping[str, str]] = {"+": "good", "-": "bad", "~": "warn", " ": "title"}


def render_report(report: FleetReport) -> str:
    """The page. Very large fleets are cut, those without an alarm first, and the page says so."""
    status = report.status
    style, script = _file("report.css"), _file("report.js")
    rows = _chosen(status.rows)
    states = Counter(row.state for row in status.rows)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            status=status,
            rows=rows,
            left_out=len(status.rows) - len(rows),
            runs=status.recent[:_MOST_RUNS],
            states=[(state, states[state]) for state in _WORDS],
            words=_WORDS,
            looks=_LOOKS,
            signs=_SIGNS,
            most_alarms=_MOST_ALARMS,
            most_models=DOCUMENTED.models,
            sparkline=_chart,
            scores_of=_scores,
            width=WIDTH,
            height=HEIGHT,
            style=Markup(style),  # noqa: S704  # our own file
            script=Markup(script),  # noqa: S704  # likewise
            policy=_policy(style, script),
            version=__version__,
        )
    )


def _chosen(rows: Sequence[Row]) -> list[Row]:
    """The rows that are shown, those with an alarm first when there are too many."""
    if len(rows) <= _MOST_ROWS:
        return list(rows)
    return sorted(rows, key=lambda row: row.state != "alarm")[:_MOST_ROWS]


def _chart(row: Row, what: str) -> Sparkline | None:
    return sparkline([(point.captured_at, getattr(point.counts, what)) for point in row.points])


def _scores(promotion: Promotion) -> tuple[str, str]:
    found = promotion.find(Evaluated)
    return (_f1(found.intents), _f1(found.entities)) if found is not None else ("-", "-")


def _f1(scores: Scores | None) -> str:
    return f"{scores.overall.f1:.3f}" if scores is not None else "-"


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src 'sha256-{_digest(style)}'; script-src 'sha256-{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
        loader=FunctionLoader(_file),
    )
    environment.filters |= {"when": when, "day": day, "span": span, "with_code": _with_code}
    return environment


def _visible(value: Any) -> Any:
    """What is shown of a value: of a text every character."""
    return visible_text(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _with_code(text: str) -> Markup:
    """A sentence with what stands between backticks as code."""
    parts = [
        escape(visible_text(part) if number % 2 else _unpadded(part)) for number, part in enumerate(text.split("`"))
    ]
    pieces = (Markup("<code>{}</code>").format(part) if number % 2 else part for number, part in enumerate(parts))
    return Markup("").join(pieces)


def _unpadded(text: str) -> str:
    """A part of a sentence: the spaces at its ends are seen by what stands beside them."""
    inner = text.strip(" ")
    if not inner:
        return text
    begin, _, end = text.partition(inner)
    return f"{begin}{visible_text(inner)}{end}"


def _file(name: str) -> str:
    return files("cluvault.cli").joinpath("page", name).read_text("utf-8")
