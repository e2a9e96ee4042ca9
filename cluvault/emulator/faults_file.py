"""Fault rules as people write them: a file in TOML or JSON, or a body of the control API."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from cluvault.emulator.faults import FaultPlan, fits
from cluvault.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_REASONS: Final = {
    "extra_forbidden": "unknown key",
    "missing": "is missing",
    "model_type": "should be a table",
    "tuple_type": "should be a list",
    "union_tag_not_found": 'needs a kind, as in { kind = "slow", seconds = 2 }',
}
_CLOSEST: Final = 3


def read_faults(path: Path, *, operations: Sequence[str]) -> FaultPlan:
    """The rules of a file whose name ends in `.toml` or `.json`.

    Raises:
        ConfigurationError: it cannot be read or understood; one line names the file and every fault.
    """
    try:
        text = path.read_text("utf-8")
        document = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as err:
        raise ConfigurationError(f"{path}: cannot be read: {err.strerror}", mend="name a file of fault rules") from err
    except UnicodeDecodeError as err:
        raise ConfigurationError(f"{path}: is no text in UTF-8", mend="name a file of fault rules") from err
    except ValueError as err:
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise ConfigurationError(f"{path}: malformed {kind}: {err}", mend="rules are written in TOML or JSON") from err
    return parse_faults(document, source=str(path), operations=operations)


def parse_faults(document: object, *, source: str, operations: Sequence[str]) -> FaultPlan:
    """The rules of a document.

    Args:
        document: What TOML or JSON gave.
        source: What the message of an error begins with.
        operations: The titles that rules may name.

    Raises:
        ConfigurationError: one line with every fault.
    """
    try:
        plan = FaultPlan.model_validate(document)
    except ValidationError as err:
        faults = [_sentence(fault) for fault in err.errors(include_url=False, include_input=False)]
    else:
        faults = list(_unknown_operations(plan, operations))
        if not faults:
            return plan
    raise ConfigurationError(f"{source}: {'; '.join(faults)}", mend="see the chapter Faults of docs/emulator.md")


def _sentence(fault: Any) -> str:
    """Place and reason of a fault in the file's own words: `rules[1].effect.seconds: ...`; rules count from 1."""
    steps: list[Any] = list(fault["loc"])
    if steps[2:3] == ["effect"]:
        del steps[3:4]  # the kind, by which pydantic tells effects apart
    where = "".join(f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")
    reason = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{where or 'top level'}: {_REASONS.get(fault['type'], reason)}"


def _unknown_operations(plan: FaultPlan, operations: Sequence[str]) -> Iterator[str]:
    from difflib import get_close_matches  # noqa: PLC0415  # only a typing error needs it

    for place, rule in enumerate(plan.rules, start=1):
        for glob in rule.operations:
            if not any(fits(glob, title) for title in operations):
                close = get_close_matches(glob.title(), operations, n=_CLOSEST, cutoff=0.4)
                hint = f" (close are {', '.join(close)})" if close else ""
                yield f"rules[{place}].operations: no operation is called {glob!r}{hint}"
