"""Strict YAML: mappings, lists and text only, so that nothing is guessed and nothing can explode.

Each scalar is the text that was written: `no`, `1.0` and `2026-01-01` are not turned into a boolean, a number or a
date, which matters where words of natural language are listed. Only an empty value, `~` and `null` mean "nothing".
Duplicate keys, anchors, aliases (`*name`, the stuff of alias bombs), tags and deep nesting are refused.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # dataclass fields are evaluated
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

import yaml

from cluvault.errors import InvalidSeed, SeedFault
from cluvault.model.names import shorten
from cluvault.model.plain_text import decode_text

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_BYTES: Final = 16 << 20
MAX_DEPTH: Final = 20
_NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL"})
_LOADER: Final = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # only its scanner is used; libyaml's is ten times faster

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class YamlText:
    """A YAML document: its value, and the line of every mapping key by its path."""

    value: Any
    lines: Mapping[Path, int]

    def line_of(self, path: Sequence[str | int]) -> int | None:
        """The line of the innermost key on a path; None outside of every mapping."""
        ends = range(len(path), 0, -1)
        return next((self.lines[place] for end in ends if (place := tuple(path[:end])) in self.lines), None)


def read_yaml(data: bytes, *, source: str) -> YamlText:
    """Read one YAML document.

    Raises:
        InvalidSeed: one line with what is wrong, its line and `source`.
    """
    if len(data) > MAX_BYTES:
        _refuse(source, None, f"has {len(data)} bytes, more than the {MAX_BYTES} that are read", mend="split it")
    text = decode_text(data, source=source)
    builder = _Builder(source)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as err:
        line = err.problem_mark.line + 1 if err.problem_mark else None
        raise InvalidSeed([SeedFault(source, line, "", f"not valid YAML: {err.problem}")]) from err
    except yaml.YAMLError as err:
        reason = str(err).splitlines()[0]
        raise InvalidSeed([SeedFault(source, None, "", f"not valid YAML: {reason}")]) from err
    return YamlText(next(iter(builder.documents.items), None), builder.lines)


@dataclass(frozen=True, slots=True)
class _Frame:
    """A mapping (keys and values in turn) or a list that is being filled."""

    is_mapping: bool
    path: Path
    items: list[Any] = field(default_factory=list[Any])

    @property
    def expects_key(self) -> bool:
        return self.is_mapping and len(self.items) % 2 == 0

    @property
    def next_path(self) -> Path:
        return (*self.path, self.items[-1] if self.is_mapping else len(self.items))

    def value(self) -> dict[str, Any] | list[Any]:
        return dict(zip(self.items[::2], self.items[1::2], strict=True)) if self.is_mapping else self.items


class _Builder:
    """Builds the value from parser events with a stack of its own, so that depth costs no recursion."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: dict[Path, int] = {}
        self.documents = _Frame(is_mapping=False, path=())
        self._stack = [self.documents]

    def take(self, event: yaml.Event) -> None:
        """Take the next event of the parser."""
        line = cast("yaml.Mark", event.start_mark).line + 1  # the parser marks every event
        if isinstance(event, yaml.NodeEvent):
            self._take_node(event, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            value = self._stack.pop().value()
            self._stack[-1].items.append(value)
        elif isinstance(event, yaml.DocumentStartEvent) and self.documents.items:
            _refuse(self.source, line, "a second document starts", mend="keep one")

    def _take_node(self, event: yaml.NodeEvent, line: int) -> None:
        if event.anchor is not None:
            is_alias = isinstance(event, yaml.AliasEvent)
            sentence = (
                f"{'*' if is_alias else '&'}{shorten(event.anchor)} is an {'alias' if is_alias else 'anchor'} in YAML"
            )
            _refuse(self.source, line, sentence, mend="quote it, or write the value out")
        if (tag := getattr(event, "tag", None)) is not None:
            sentence = f"{shorten(tag)} is a tag; only text, lists and mappings are read"
            _refuse(self.source, line, sentence, mend="quote it")
        if isinstance(event, yaml.ScalarEvent):
            self._take_scalar(event, line)
        else:
            self._open(line, is_mapping=isinstance(event, yaml.MappingStartEvent))

    def _take_scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        frame = self._stack[-1]
        if frame.expects_key:
            self._take_key(frame, event.value, line)
        else:
            is_plain = event.implicit[0]
            frame.items.append(None if is_plain and event.value in _NOTHING else event.value)

    def _take_key(self, frame: _Frame, key: str, line: int) -> None:
        path = (*frame.path[1:], key)  # without the number of the document
        if path in self.lines:
            _refuse(self.source, line, f"key {shorten(key)!r} is given twice", mend="keep one")
        self.lines[path] = line
        frame.items.append(key)

    def _open(self, line: int, *, is_mapping: bool) -> None:
        frame = self._stack[-1]
        if len(self._stack) > MAX_DEPTH:
            _refuse(self.source, line, f"nested deeper than {MAX_DEPTH} levels", mend="nest less")
        if frame.expects_key:
            _refuse(self.source, line, "a key should be plain text", mend="quote it")
        self._stack.append(_Frame(is_mapping, frame.next_path))


def _refuse(source: str, line: int | None, sentence: str, *, mend: str) -> NoReturn:
    raise InvalidSeed([SeedFault(source, line, "", sentence)], mend=mend)
