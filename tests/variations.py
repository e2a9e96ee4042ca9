"""Variations of drawn project files: other ways to say the same, and edits that may say something else."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final, cast

from hypothesis import strategies as st

from cluvault.plan.utterances import CanonicalLabel, CanonicalUtterance
from tests.strategies import ASSETS, CONVERSATIONS, ENTITIES, INTENTS, METADATA, UTTERANCES, project_documents

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from cluvault.model.json_text import JsonObject

_ITEMS: Final = {
    "intents": INTENTS,
    "entities": ENTITIES,
    "utterances": UTTERANCES,
    "conversations": CONVERSATIONS,
}


# --- other ways to say the same ------------------------------------------------------------------------------------


def said_otherwise(document: JsonObject, random: Random) -> JsonObject:
    """A document with the same meaning: shuffled, renamed, nulls dropped, defaults filled in."""
    changed = deepcopy(document)
    changed["projectFileVersion"] = random.choice(["2022-05-01", "2025-11-01", None])
    metadata: JsonObject = changed["metadata"]
    metadata["projectName"] = random.choice(["Other", "", None])
    _fill(metadata, {"multilingual": False, "description": "", "settings": {}}, random)
    _fill(
        metadata["settings"] or {},
        {"confidenceThreshold": 0, "normalizeCasing": False, "augmentDiacritics": False},
        random,
    )
    _fill(changed, {"assets": {"projectKind": metadata["projectKind"]}, "stringIndexType": "Utf16CodeUnit"}, random)
    assets: JsonObject = changed["assets"] or {}
    for key in _ITEMS:
        _each(assets, key, random, lambda item, key=key: _say_item_otherwise(key, item, metadata["language"], random))
    metadata["language"] = _other_case(metadata["language"], random)
    return _shuffled_keys(changed, random)


def _say_item_otherwise(key: str, item: JsonObject, language: str, random: Random) -> None:
    if key == "intents":
        _fill(item, {"description": "", "associatedEntities": [], "orchestration": {}}, random)
        _each(item, "associatedEntities", random)
    elif key == "entities":
        _fill(item, {"compositionSetting": "combineComponents", "list": {"sublists": []}, "regex": {}}, random)
        _fill(item, {"description": "", "prebuilts": [], "requiredComponents": []}, random)
        _each(item, "prebuilts", random)
        random.shuffle(item["requiredComponents"] or [])
        _each(item["regex"] or {}, "expressions", random, lambda one: _say_language(one, language, random))
        _each(item["list"] or {}, "sublists", random, lambda one: _say_sublist_otherwise(one, language, random))
    else:
        _fill(item, {"dataset": "Train"}, random)
        _say_language(item, language, random)
        _each(item, "entities", random)


def _say_sublist_otherwise(sublist: JsonObject, language: str, random: Random) -> None:
    _fill(sublist, {"listKey": "", "synonyms": []}, random)
    _each(sublist, "synonyms", random, lambda one: _say_language(one, language, random))
    for group in sublist["synonyms"] or ():
        random.shuffle(group.get("values") or [])


def _say_language(item: JsonObject, language: str, random: Random) -> None:
    _fill(item, {"language": language}, random)
    item["language"] = _other_case(item["language"] or "", random)


def _fill(value: JsonObject, defaults: JsonObject, random: Random) -> None:
    """Give members that say nothing, or all that are missing, their default; either way each is there."""
    for key, default in defaults.items():
        if value.get(key) is None:
            value[key] = random.choice([None, deepcopy(default)])


def _each(
    value: JsonObject, key: str, random: Random, change: Callable[[JsonObject], object] = lambda _item: None
) -> None:
    """Change each object of an array, and shuffle it."""
    items: list[JsonObject] = value.get(key) or []
    for item in items:
        change(item)
    random.shuffle(items)


def _other_case(tag: str, random: Random) -> str:
    """The tag in another case; letters whose case does not come back stay as they are."""
    return random.choice([tag, tag.upper(), tag.lower()]) if tag.isascii() else tag


def _shuffled_keys(value: Any, random: Random) -> Any:
    """The same members in another order; of those that are null only some."""
    if isinstance(value, list):
        return [_shuffled_keys(item, random) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    members = [*cast("JsonObject", value).items()]
    random.shuffle(members)
    return {key: _shuffled_keys(item, random) for key, item in members if item is not None or random.random() > 0.5}


# --- edits ---------------------------------------------------------------------------------------------------------


@st.composite
def edited_pairs(draw: st.DrawFn) -> tuple[JsonObject, JsonObject]:
    """A document and the same after one to three edits."""
    before = draw(project_documents())
    after = deepcopy(before)
    for _ in range(draw(st.integers(1, 3))):
        if after.get("assets") is None or draw(st.integers(0, 4)) == 0:
            _replace_member(draw, after["metadata"], draw(METADATA))
            after["assets"] = after.get("assets") or draw(ASSETS)
        else:
            _edit_items(draw, after["assets"], draw(st.sampled_from(sorted(_ITEMS))))
    return before, after


def _edit_items(draw: st.DrawFn, assets: JsonObject, key: str) -> None:
    """Add, repeat, remove or replace an item, or replace one of its members."""
    items: list[JsonObject] = list(assets.get(key) or [])
    assets[key] = items
    edit = draw(st.sampled_from(["add", "repeat", "remove", "member", "member", "member"])) if items else "add"
    index = draw(st.integers(0, max(len(items) - 1, 0)))
    if edit == "add":
        items.append(draw(_ITEMS[key]))
    elif edit == "repeat":
        items.append(deepcopy(items[index]))
    elif edit == "remove":
        del items[index]
    else:
        items[index] = deepcopy(items[index])
        _replace_member(draw, items[index], draw(_ITEMS[key]))


def _replace_member(draw: st.DrawFn, value: JsonObject, other: JsonObject) -> None:
    """Put one member of another value in the place of this one's."""
    if other:
        key = draw(st.sampled_from(sorted(other)))
        value[key] = other[key]


# --- utterances ----------------------------------------------------------------------------------------------------

_CLOSE_UTTERANCES: Final = st.builds(
    CanonicalUtterance,
    text=st.sampled_from(["Rome", "to Rome"]),
    intent=st.sampled_from(["Book", "Cancel"]),
    language=st.sampled_from(["de", "en"]),
    dataset=st.sampled_from(["Train", "Test"]),
    labels=st.sampled_from([(), (CanonicalLabel(0, 4, "City"),)]),
    other=st.sampled_from(["", '{"x-new":1}']),
)


@st.composite
def different_utterances(draw: st.DrawFn) -> tuple[Counter[CanonicalUtterance], Counter[CanonicalUtterance]]:
    """Two collections without a common utterance, in which many have much in common."""
    counts = st.dictionaries(_CLOSE_UTTERANCES, st.integers(1, 3), max_size=5)
    one, other = draw(st.tuples(counts, counts))
    return Counter(one) - Counter(other), Counter(other) - Counter(one)
