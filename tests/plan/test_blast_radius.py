"""What a difference does to single intents and entities."""

from __future__ import annotations

from copy import deepcopy

from cluvault.model.json_text import write_json
from cluvault.model.project_file import read_project_file
from cluvault.plan.blast_radius import blast_radius, changed_share
from cluvault.plan.diff import ProjectDiff, diff_project_files
from tests.travel import travel


def test_what_goes_comes_first() -> None:
    """Whole intents and entities, then shares of utterances, then what is new; numbers with their whole."""
    document = travel()
    before = read_project_file(write_json(document))
    changed = deepcopy(document)
    assets = changed["assets"]
    gone = assets["intents"][1]["category"]
    assets["intents"] = [one for one in assets["intents"] if one["category"] != gone] + [{"category": "New"}]
    assets["utterances"] = [one for one in assets["utterances"] if one["intent"] != gone]
    assets["utterances"] += [{"text": text, "intent": "New"} for text in "ab"]
    assets["entities"] = [*assets["entities"][1:], {"category": "Fresh"}]
    for one in assets["utterances"]:
        one.pop("entities", None)
    after = read_project_file(write_json(changed))
    number = sum(one["intent"] == gone for one in before.utterances)
    lost = before.entities[0]["category"]
    found = blast_radius(diff_project_files(before, after), before)
    assert found[0].startswith(f"removes intent {gone} with its {number} utterance")
    assert f"removes entity {lost}" in found
    assert found[-3:] == ("adds 2 utterances to New, which has 0", "adds intent New", "adds entity Fresh")
    assert not any("of the utterances" in sentence and sentence.startswith("removes") for sentence in found)


def test_every_kind_of_change_has_its_sentence() -> None:
    """Relabelled, in another dataset, in another language."""
    document = travel()
    before = read_project_file(write_json(document))
    changed = deepcopy(document)
    first, *others = changed["assets"]["utterances"]
    first["entities"] = []
    for one in others:
        one["dataset"] = "Test" if one.get("dataset", "Train") == "Train" else "Train"
        one["language"] = "fr"
    found = " ".join(blast_radius(diff_project_files(before, read_project_file(write_json(changed))), before))
    assert "in another way" in found
    assert "into another dataset" in found
    assert "another language" in found


def test_the_share_of_changes_is_between_none_and_all() -> None:
    """Of all utterances that were or come."""
    before = read_project_file(write_json(travel()))
    assert changed_share(ProjectDiff(), before) == 0
    empty = travel()
    empty["assets"]["utterances"] = []
    nothing = read_project_file(write_json(empty))
    assert changed_share(diff_project_files(before, nothing), before) == 1
    assert changed_share(diff_project_files(nothing, before), nothing) == 1
    assert changed_share(ProjectDiff(), nothing) == 0
