"""What has to be done to a Prefect server so that it holds what the files say; pure, and without any word of Prefect's.

Only what an earlier deploy made is ever removed. What somebody else made under the same name is left alone, and refused
to be taken over unless that is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from cluvault.model.json_text import JsonObject

Kind = Literal["work pool", "block type", "limit", "deployment", "automation"]
Action = Literal["create", "update", "remove", "keep", "refuse"]

KINDS: Final[tuple[Kind, ...]] = ("work pool", "block type", "limit", "deployment", "automation")
"""In the order in which they have to be made: an automation names deployments, a deployment its pool."""

ABSENT: Final = "(none)"


@dataclass(frozen=True, slots=True)
class ServerObject:
    """One object as the files want it, or as the server has it.

    Attributes:
        kind: What it is.
        name: Under which it is found.
        fields: All that is compared.
        is_ours: Of one that is there: whether an earlier deploy made it.
        is_shared: Of one that is wanted: whether another's object of this name does as well, as it is.
        fixed: Fields that cannot be changed once it exists.
    """

    kind: Kind
    name: str
    fields: JsonObject
    is_ours: bool = True
    is_shared: bool = False
    fixed: frozenset[str] = frozenset()

    @property
    def key(self) -> tuple[Kind, str]:
        """What tells it from all others."""
        return self.kind, self.name


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field: its place, and its value before and after; None is a field that is not there."""

    place: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.place}: {_told(self.before, self.after)}"


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one object, and why it is kept or refused."""

    action: Action
    kind: Kind
    name: str
    fields: tuple[FieldChange, ...] = ()
    reason: str = ""

    def to_dict(self) -> JsonObject:
        """The change as plain JSON values."""
        fields = [{"field": one.place, "before": one.before, "after": one.after} for one in self.fields]
        return {
            "action": self.action,
            "kind": self.kind,
            "name": self.name,
            "fields": cast("Any", fields),
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class DeployPlan:
    """Every object, in the order in which the changes are carried out."""

    changes: tuple[Change, ...]
    desired: Mapping[tuple[Kind, str], ServerObject] = field(default_factory=dict[tuple[Kind, str], ServerObject])

    @property
    def work(self) -> tuple[Change, ...]:
        """What there is to do."""
        return tuple(one for one in self.changes if one.action in ("create", "update", "remove"))

    @property
    def refused(self) -> tuple[Change, ...]:
        """What may not be done."""
        return tuple(one for one in self.changes if one.action == "refuse")

    def only(self, patterns: Sequence[str]) -> DeployPlan:
        """The part of it whose names, or kinds, fit one of the patterns; all of it when there are none."""
        if not patterns:
            return self
        return replace(self, changes=tuple(one for one in self.changes if _fits(one, patterns)))

    def to_dict(self) -> JsonObject:
        """The plan as plain JSON values."""
        return {"changes": [one.to_dict() for one in self.changes]}


def plan_deploy(desired: Sequence[ServerObject], actual: Sequence[ServerObject], *, adopt: bool = False) -> DeployPlan:
    """Compare what is wanted with what is there.

    Args:
        desired: What the files say.
        actual: What the server has, of the same kinds; other people's objects may be among it.
        adopt: Whether what somebody else made under one of the names is taken over.
    """
    wanted = {one.key: one for one in desired}
    found = {one.key: one for one in actual}
    changes = [_decide(one, found.get(one.key), adopt=adopt) for one in desired]
    changes.sort(key=lambda one: KINDS.index(one.kind))
    gone = [one for one in actual if one.is_ours and one.key not in wanted]
    gone.sort(key=lambda one: -KINDS.index(one.kind))  # what names others goes before them
    changes += [Change("remove", one.kind, one.name, reason="no file names it any more") for one in gone]
    return DeployPlan(tuple(changes), wanted)


def _decide(wanted: ServerObject, found: ServerObject | None, *, adopt: bool) -> Change:
    if found is None:
        return Change("create", wanted.kind, wanted.name, tuple(differences({}, wanted.fields)))
    changed = tuple(differences(found.fields, wanted.fields))
    stuck = [one for one in changed if one.place in wanted.fixed]
    if stuck:
        reason = f"{stuck[0]}; this cannot be changed, choose another name or remove it first"
        return Change("refuse", wanted.kind, wanted.name, changed, reason)
    if not found.is_ours and not adopt:
        if wanted.is_shared:
            return Change("keep", wanted.kind, wanted.name, reason="somebody else made it; it is used as it is")
        return Change("refuse", wanted.kind, wanted.name, changed, "somebody else made it; --adopt takes it over")
    if not changed:
        return Change("keep", wanted.kind, wanted.name)
    return Change("update", wanted.kind, wanted.name, changed)


def differences(before: JsonObject, after: JsonObject, place: str = "") -> Iterator[FieldChange]:
    """Every field that differs, tables field by field, in the order of their names."""
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        where = f"{place}.{name}" if place else name
        if isinstance(old, dict) and isinstance(new, dict):
            yield from differences(cast("JsonObject", old), cast("JsonObject", new), where)
        elif old != new:
            yield FieldChange(where, old, new)


def merged(base: JsonObject, over: JsonObject) -> JsonObject:
    """A table with another laid over it; tables in it are merged, all else is replaced."""
    result = dict(base)
    for name, value in over.items():
        below = result.get(name)
        is_table = isinstance(below, dict) and isinstance(value, dict)
        result[name] = merged(cast("JsonObject", below), cast("JsonObject", value)) if is_table else value
    return result


def _fits(change: Change, patterns: Collection[str]) -> bool:
    return any(fnmatchcase(change.name, one) or one.removesuffix("s") == change.kind for one in patterns)


def _told(before: Any, after: Any) -> str:
    if type(before) is type(after) is list:
        return " ".join(_moved(before, after)) or "another order"
    return f"{_short(before)} -> {_short(after)}"


def _moved(before: list[Any], after: list[Any]) -> Iterator[str]:
    """What a list gains and loses."""
    yield from (f"+{_short(one)}" for one in after if one not in before)
    yield from (f"-{_short(one)}" for one in before if one not in after)


def _short(value: object) -> str:
    text = ABSENT if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004  # a line's worth
