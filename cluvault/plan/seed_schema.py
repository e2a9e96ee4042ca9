"""The schema file of a new project: its intents and entities, in YAML or JSON; pure.

    intents:
      Book: Reserve a seat                    # a text is the description
      Cancel:                                 # nothing more to say
      Ask: {target: {question-answering: Faq}}                            # orchestration projects; or
      Fly: {target: {conversation: Flights, deployment: production}}
    entities:
      City:
        description: Where to
        list:
          Paris: [paris, paname]              # key and its synonyms, in the project's language
          Rome: {en-us: [rome], it: [roma]}   # or by language
        regex: {iata: "[A-Z]{3}"}             # .NET's dialect; or {iata: {en-us: ..., it: ...}}
        prebuilts: [Geography.Location]
        required: [list]                      # learned, list, prebuilts, regex
        composition: combineComponents
      Meal: {list: [breakfast, lunch]}        # each word is a key and its own synonym

`intents` and `entities` may also be plain lists of names. Every scalar is text: `no` and `1.0` need no quotes.
The learned component is not written: it exists when utterances label the entity.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from cluvault.errors import InvalidProjectFile, InvalidSeed, SeedFault
from cluvault.model.json_text import read_json
from cluvault.model.seed import Schema, fault_sentence
from cluvault.model.yaml_text import YamlText, read_yaml


def read_schema(data: bytes, *, source: str) -> Schema:
    """Read a schema file; what is JSON is read as JSON, everything else as YAML.

    Raises:
        InvalidSeed: names every faulty place, with its line where the file is YAML.
    """
    text = _read(data, source=source)
    document: object = text.value
    if not isinstance(document, dict):
        fault = SeedFault(source, None, "", "a schema should be a mapping with intents and entities")
        raise InvalidSeed([fault], mend="start with `intents:`")
    try:
        return Schema.model_validate(document)
    except ValidationError as err:
        faults = [_fault(fault, text, source) for fault in err.errors(include_url=False, include_context=False)]
        raise InvalidSeed(faults) from err


def _read(data: bytes, *, source: str) -> YamlText:
    """JSON is tried first where the text looks like it: YAML refuses its tabs and reads its escapes otherwise."""
    looks_like_json = data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"["))
    if looks_like_json or source.endswith(".json"):
        try:
            return YamlText(read_json(data, source=source), {})
        except InvalidProjectFile as err:
            if source.endswith(".json"):
                raise InvalidSeed([SeedFault(source, None, "", err.message.removeprefix(f"{source}: "))]) from err
    return read_yaml(data, source=source)


def _fault(fault: Any, text: YamlText, source: str) -> SeedFault:
    path = tuple(part for part in fault["loc"] if part not in ("", "[key]"))
    place = ".".join(f"item {part + 1}" if isinstance(part, int) else part for part in path)
    return SeedFault(source, text.line_of(path), f"at {place}" if place else "", fault_sentence(fault))
