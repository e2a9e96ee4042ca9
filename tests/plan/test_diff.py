"""The semantic difference: empty for equal digests, and enough to make the second file out of the first."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from cluvault.errors import InvalidProjectFile
from cluvault.model.project_file import read_project_file
from cluvault.plan.canonical import canonical_digest, canonical_form
from cluvault.plan.diff import ItemChange, ProjectDiff, apply_diff, diff_forms, diff_project_files
from cluvault.plan.diff_report import diff_lines
from cluvault.plan.item_parts import ValueChange
from cluvault.plan.utterance_changes import UtteranceChange, pair_utterances
from cluvault.plan.utterances import CanonicalLabel, CanonicalUtterance
from tests.strategies import QUICK, project_documents
from tests.travel import (
    BOOK,
    CITY,
    OFF,
    TRIP,
    both,
    drop,
    edited,
    minutes,
    put,
    read,
    repeat,
    reverse,
    switchboard,
    travel,
)
from tests.variations import different_utterances, edited_pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.model.json_text import JsonObject
    from tests.travel import Edit


def diff(before: JsonObject, after: JsonObject) -> ProjectDiff:
    """The difference of the files that two documents are read as."""
    return diff_project_files(read(before), read(after))


def digest(document: JsonObject) -> str:
    """The digest of the file that a document is read as."""
    return canonical_digest(read(document))


# --- one change, one line ------------------------------------------------------------------------------------------

DIFFERENT: list[tuple[str, Callable[[], JsonObject], Edit, list[str]]] = [
    (
        "a label's category",
        travel,
        put(f"{TRIP}/entities/0/category", "Date"),
        [
            "~ City: learned: 1 label fewer",
            "~ Date: learned: 1 label more",
            "~ from Rome to Paris: relabelled -City 'Rome'@5, +Date 'Rome'@5",
        ],
    ),
    (
        "an offset",
        travel,
        put(f"{TRIP}/entities/0/offset", 4),
        ["~ City: learned: 1 label more, 1 fewer", "~ from Rome to Paris: relabelled -City 'Rome'@5, +City ' Rom'@4"],
    ),
    (
        "a length",
        travel,
        put(f"{TRIP}/entities/0/length", 5),
        ["~ City: learned: 1 label more, 1 fewer", "~ from Rome to Paris: relabelled -City 'Rome'@5, +City 'Rome '@5"],
    ),
    (
        "a label less",
        travel,
        drop(f"{TRIP}/entities/1"),
        ["~ City: learned: 1 label fewer", "~ from Rome to Paris: relabelled -City 'Paris'@13"],
    ),
    (
        "a label twice",
        travel,
        repeat(f"{TRIP}/entities"),
        ["~ City: learned: 1 label more", "~ from Rome to Paris: relabelled +City 'Rome'@5"],
    ),
    (
        "a space inside an utterance",
        travel,
        put(f"{OFF}/text", "call it  off"),
        ["- [Cancel, Test] call it off", "+ [Cancel, Test] call it␣␣off"],
    ),
    (
        "a space after an utterance",
        travel,
        put(f"{OFF}/text", "call it off "),
        ["- [Cancel, Test] call it off", "+ [Cancel, Test] call it off␣"],
    ),
    (
        "a line break inside a text",
        travel,
        put(f"{OFF}/text", "call\nit off"),
        ["- [Cancel, Test] call it off", "+ [Cancel, Test] call⏎it off"],
    ),
    (
        "a letter's case",
        travel,
        put(f"{OFF}/text", "Call it off"),
        ["- [Cancel, Test] call it off", "+ [Cancel, Test] Call it off"],
    ),
    ("another dataset", travel, put(f"{OFF}/dataset", "Train"), ["~ call it off: dataset Test → Train"]),
    ("a dataset of another name", travel, put(f"{OFF}/dataset", "Holdout"), ["~ call it off: dataset Test → Holdout"]),
    (
        "the case of an unknown dataset",
        lambda: edited(travel(), put(f"{OFF}/dataset", "Holdout")),
        put(f"{OFF}/dataset", "holdout"),
        ["~ call it off: dataset Holdout → holdout"],
    ),
    ("an utterance's language", travel, put(f"{OFF}/language", "fr"), ["~ call it off: language de → fr"]),
    ("another intent", travel, put(f"{OFF}/intent", "None"), ["~ call it off: moved Cancel → None"]),
    (
        "an utterance twice",
        travel,
        repeat("/assets/utterances"),
        ["~ City: learned: 2 labels more", "+ [Book, Test] from Rome to Paris {City 'Rome'@5, City 'Paris'@13}"],
    ),
    ("an utterance less", travel, drop(OFF), ["- [Cancel, Test] call it off"]),
    ("a new intent", travel, put("/assets/intents/-", {"category": "Change"}), ["+ Change"]),
    ("an intent's name", travel, put("/assets/intents/2/category", "cancel"), ["- Cancel", "+ cancel"]),
    ("an intent twice", travel, repeat("/assets/intents"), ["+ None (again)"]),
    (
        "an intent's description",
        travel,
        put(f"{BOOK}/description", "Books trips"),
        ["~ Book: description: Books a trip → Books trips"],
    ),
    (
        "the description of None",
        travel,
        put("/assets/intents/0/description", "Anything else"),
        ["+ None: description: Anything else"],
    ),
    ("an associated entity", travel, drop(f"{BOOK}/associatedEntities/1"), ["- Book: associatedEntities: Date"]),
    (
        "a new entity",
        travel,
        put("/assets/entities/-", {"category": "Seat", "prebuilts": [{"category": "Quantity.Number"}]}),
        ["+ Seat (prebuilts)"],
    ),
    ("an entity less", travel, drop("/assets/entities/1"), ["- Date"]),
    ("an entity's description", travel, drop(f"{CITY}/description"), ["- City: description: Where to"]),
    (
        "a composition setting",
        travel,
        put(f"{CITY}/compositionSetting", "combineComponents"),
        ["~ City: compositionSetting: separateComponents → combineComponents"],
    ),
    (
        "a synonym",
        travel,
        put(f"{CITY}/list/sublists/0/synonyms/1/values/1", "Lutèce"),
        ["- City: list/PAR/fr: Paname", "+ City: list/PAR/fr: Lutèce"],
    ),
    ("a synonym twice", travel, repeat(f"{CITY}/list/sublists/1/synonyms/0/values"), ["+ City: list/ROM/de: Rom"]),
    (
        "a synonym's language",
        travel,
        put(f"{CITY}/list/sublists/1/synonyms/0/language", "fr"),
        ["- City: list/ROM/de: Rom", "+ City: list/ROM/fr: Rom"],
    ),
    (
        "a list key",
        travel,
        put(f"{CITY}/list/sublists/1/listKey", "FCO"),
        ["- City: list: ROM", "+ City: list: FCO", "+ City: list/FCO/de: Rom", "- City: list/ROM/de: Rom"],
    ),
    ("a list key without synonyms", travel, put(f"{CITY}/list/sublists/-", {"listKey": "BER"}), ["+ City: list: BER"]),
    (
        "a regex",
        travel,
        put(f"{CITY}/regex/expressions/0/regexPattern", "[A-Z]{3,}"),
        ["~ City: regex/iata/de: [A-Z]{3} → [A-Z]{3,}"],
    ),
    (
        "a regex key",
        travel,
        put(f"{CITY}/regex/expressions/0/regexKey", "code"),
        ["+ City: regex/code/de: [A-Z]{3}", "- City: regex/iata/de: [A-Z]{3}"],
    ),
    (
        "a regex's language",
        travel,
        put(f"{CITY}/regex/expressions/0/language", "fr"),
        ["- City: regex/iata/de: [A-Z]{3}", "+ City: regex/iata/fr: [A-Z]{3}"],
    ),
    (
        "regexes that change places",
        travel,
        both(put(f"{CITY}/regex/expressions/0/regexKey", "icao"), put(f"{CITY}/regex/expressions/1/regexKey", "iata")),
        ["~ City: regex/iata/de: [A-Z]{3} → [A-Z]{4}", "~ City: regex/icao/de: [A-Z]{4} → [A-Z]{3}"],
    ),
    (
        "a prebuilt",
        travel,
        put(f"{CITY}/prebuilts/1/category", "DateTime"),
        ["- City: prebuilts: General.Event", "+ City: prebuilts: DateTime"],
    ),
    ("a required component", travel, drop(f"{CITY}/requiredComponents/1"), ["- City: requiredComponents: list"]),
    (
        "the confidence threshold",
        travel,
        put("/metadata/settings/confidenceThreshold", 0.7),
        ["~ settings.confidenceThreshold: 0.5 → 0.7"],
    ),
    (
        "another setting",
        travel,
        put("/metadata/settings/normalizeCasing", value=False),
        ["~ settings.normalizeCasing: true → false"],
    ),
    ("a setting of tomorrow", travel, put("/metadata/settings/x.new", "on"), ["+ settings.x.new: on"]),
    (
        "the project's description",
        travel,
        put("/metadata/description", "Trips\nand more"),
        ["~ description: Trips → Trips⏎and more"],
    ),
    ("the project's language", travel, put("/metadata/language", "en-gb"), ["~ language: en-us → en-gb"]),
    (
        "the project's kind",
        travel,
        put("/metadata/projectKind", "Orchestration"),
        ["+ assets.projectKind: Conversation", "~ projectKind: Conversation → Orchestration"],
    ),
    ("multilingual", travel, put("/metadata/multilingual", value=False), ["~ multilingual: true → false"]),
    (
        "the storage container",
        minutes,
        put("/metadata/storageInputContainerName", "calls-2"),
        ["~ metadata.storageInputContainerName: calls → calls-2"],
    ),
    (
        "a conversation",
        minutes,
        put("/assets/conversations/0/summaryLocation", "b.txt"),
        [
            '- {"dataset":"Test","language":"de","location":"a.json","summaryLocation":"a.txt"}',
            '+ {"dataset":"Test","language":"de","location":"a.json","summaryLocation":"b.txt"}',
        ],
    ),
    (
        "the intent None where it does not always exist",
        minutes,
        put("/assets/intents", [{"category": "None"}]),
        ["+ None"],
    ),
    (
        "an orchestration target",
        switchboard,
        put(f"{BOOK}/orchestration/conversationOrchestration/deploymentName", "staging"),
        ["~ Travel: orchestration/conversationOrchestration/deploymentName: production → staging"],
    ),
    (
        "a target of another kind",
        switchboard,
        put(
            f"{BOOK}/orchestration",
            {"targetProjectKind": "QuestionAnswering", "questionAnsweringOrchestration": {"projectName": "Faq"}},
        ),
        [
            "- Travel: orchestration/conversationOrchestration/deploymentName: production",
            "- Travel: orchestration/conversationOrchestration/projectName: Travel",
            "+ Travel: orchestration/questionAnsweringOrchestration/projectName: Faq",
            "~ Travel: orchestration/targetProjectKind: Conversation → QuestionAnswering",
        ],
    ),
    (
        "what the offsets count, if it is unknown",
        travel,
        put("/stringIndexType", "GraphemeCluster"),
        ["+ file.stringIndexType: GraphemeCluster"],
    ),
    ("an unknown member of the file", travel, put("/x-new", {}), ["+ file.x-new: {}"]),
    ("an unknown member of the metadata", travel, put("/metadata/x-new", ""), ['+ metadata.x-new: ""']),
    (
        "an unknown member with the path of a known one",
        travel,
        put("/metadata/settings.confidenceThreshold", 1),
        ["+ metadata.settings.confidenceThreshold: 1"],
    ),
    ("an unknown member of the assets", travel, put("/assets/x-new", []), ["+ assets.x-new: []"]),
    ("an unknown member of an intent", travel, put(f"{BOOK}/x-new", ""), ['+ Book: x-new: ""']),
    (
        "an unknown member of an intent with an entity's name",
        travel,
        put(f"{BOOK}/regex", {"expressions": [{"regexPattern": 1}]}),
        ['+ Book: regex/expressions: [{"regexPattern":1}]'],
    ),
    ("an unknown member of an entity", travel, put(f"{CITY}/x-new", {}), ["+ City: x-new: {}"]),
    ("an unknown member of a list", travel, put(f"{CITY}/list/x-new", 1), ["+ City: list/x-new: 1"]),
    ("an unknown member of a list key", travel, put(f"{CITY}/list/sublists/0/x-new", 1), ["+ City: list/PAR/x-new: 1"]),
    (
        "an unknown member of synonyms",
        travel,
        put(f"{CITY}/list/sublists/0/synonyms/0/x-new", 1),
        ["+ City: list/PAR/de/x-new: 1"],
    ),
    (
        "an unknown member of the regexes",
        travel,
        put(f"{CITY}/regex/x-new", {"a": [1, {}]}),
        ["+ City: regex/x-new/a: [1,{}]"],
    ),
    (
        "an unknown member of a regex",
        travel,
        put(f"{CITY}/regex/expressions/0/x-new", 1),
        ["+ City: regex/iata/de/x-new: 1"],
    ),
    (
        "an unknown member of a prebuilt",
        travel,
        put(f"{CITY}/prebuilts/0/x-new", 1),
        ["- City: prebuilts: Geography.Location", '+ City: prebuilts: {"category":"Geography.Location","x-new":1}'],
    ),
    (
        "an unknown member of an utterance",
        travel,
        put(f"{OFF}/x-new", "a"),
        ['~ call it off: other members (absent) → {"x-new":"a"}'],
    ),
    (
        "an unknown member of a label",
        travel,
        put(f"{TRIP}/entities/0/x-new", 1),
        [
            "~ City: learned: 1 label more, 1 fewer",
            "~ from Rome to Paris: relabelled -City 'Rome'@5, +City 'Rome'@5 {\"x-new\":1}",
        ],
    ),
    (
        "an unknown member of a conversation",
        minutes,
        put("/assets/conversations/0/x-new", 1),
        [
            '- {"dataset":"Test","language":"de","location":"a.json","summaryLocation":"a.txt"}',
            '+ {"dataset":"Test","language":"de","location":"a.json","summaryLocation":"a.txt","x-new":1}',
        ],
    ),
    (
        "true instead of 1",
        lambda: edited(travel(), put("/x-new", 1), put(f"{CITY}/x-new", 1), put(f"{OFF}/x-new", 1)),
        both(put("/x-new", value=True), put(f"{CITY}/x-new", value=True), put(f"{OFF}/x-new", value=True)),
        [
            "~ file.x-new: 1 → true",
            "~ City: x-new: 1 → true",
            '~ call it off: other members {"x-new":1} → {"x-new":true}',
        ],
    ),
    (
        "the order in an unknown array",
        lambda: edited(travel(), put(f"{CITY}/x-new", [1, 2])),
        reverse(f"{CITY}/x-new"),
        ["~ City: x-new: [1,2] → [2,1]"],
    ),
    (
        "what assets say about the kind",
        travel,
        put("/assets/projectKind", "Orchestration"),
        ["+ assets.projectKind: Orchestration"],
    ),
]


@pytest.mark.parametrize("project, edit, report", [case[1:] for case in DIFFERENT], ids=[case[0] for case in DIFFERENT])
def test_every_other_change_has_another_digest_and_is_named(
    project: Callable[[], JsonObject], edit: Edit, report: list[str]
) -> None:
    """A change that can change a model changes the digest, and the difference names it."""
    before, after = project(), edited(project(), edit)
    assert digest(before) != digest(after)
    diff = diff_project_files(read(before), read(after))
    assert [f"{sign} {text}" for sign, text in diff_lines(diff) if sign != " "] == report


# --- laws ----------------------------------------------------------------------------------------------------------


def mirrored(difference: ProjectDiff) -> ProjectDiff:
    """The same difference, read backwards."""
    return ProjectDiff(
        settings=tuple(ValueChange(one.path, one.after, one.before) for one in difference.settings),
        intents=tuple(ItemChange(one.kind, one.name, one.after, one.before) for one in difference.intents),
        entities=tuple(ItemChange(one.kind, one.name, one.after, one.before) for one in difference.entities),
        utterances=tuple(
            sorted(
                (UtteranceChange(one.after, one.before, one.count) for one in difference.utterances),
                key=UtteranceChange.sort_key,
            )
        ),
        conversations_removed=difference.conversations_added,
        conversations_added=difference.conversations_removed,
    )


def check_laws(before: JsonObject, after: JsonObject) -> None:
    """The laws that hold for any two files."""
    difference = diff(before, after)
    assert bool(difference) == (digest(before) != digest(after))
    result = apply_diff(difference, read(before))
    assert canonical_digest(result) == digest(after)
    assert not diff_project_files(result, read(after))
    assert diff(after, before) == mirrored(difference)
    assert all(item.parts for item in (*difference.intents, *difference.entities) if item.before and item.after)


@QUICK
@given(project_documents(), project_documents())
def test_the_laws_hold_for_any_two_files(before: JsonObject, after: JsonObject) -> None:
    """A difference is empty for equal digests only, leads from one file to the other, and read backwards leads back."""
    check_laws(before, after)


@QUICK
@given(edited_pairs())
def test_the_laws_hold_for_an_edited_file(pair: tuple[JsonObject, JsonObject]) -> None:
    """The same for a file and what a few edits make of it."""
    check_laws(*pair)


@QUICK
@given(project_documents())
def test_nothing_applied_changes_nothing(document: JsonObject) -> None:
    """A file does not differ from itself, and the empty difference leaves it as it is."""
    assert not diff(document, document)
    assert canonical_digest(apply_diff(ProjectDiff(), read(document))) == digest(document)


def test_samples_differ_and_become_each_other(sample: Callable[[str], bytes], sample_name: str) -> None:
    """The difference between a sample and the pizza file makes the one out of the other."""
    before, after = read_project_file(sample("pizza-small")), read_project_file(sample(sample_name))
    result = apply_diff(diff_project_files(before, after), before)
    assert canonical_digest(result) == canonical_digest(after)
    assert result.name == before.name


# --- pairing -------------------------------------------------------------------------------------------------------


@QUICK
@given(different_utterances())
def test_pairing_loses_and_invents_nothing(
    sides: tuple[Counter[CanonicalUtterance], Counter[CanonicalUtterance]],
) -> None:
    """Each side of the changes has each utterance as often as it came in; a change never joins equal utterances."""
    changes = pair_utterances(*sides)
    before, after = Counter[CanonicalUtterance](), Counter[CanonicalUtterance]()
    for change in changes:
        if change.before:
            before[change.before] += change.count
        if change.after:
            after[change.after] += change.count
        assert change.count > 0
        assert change.kinds
    assert (before, after) == sides


@QUICK
@given(different_utterances())
def test_of_one_text_nothing_is_both_removed_and_added(
    sides: tuple[Counter[CanonicalUtterance], Counter[CanonicalUtterance]],
) -> None:
    """While a text is on both sides, its utterances are paired as changed."""
    changes = pair_utterances(*sides)
    gone = {change.before.text for change in changes if change.before and not change.after}
    come = {change.after.text for change in changes if change.after and not change.before}
    assert not gone & come


def utterance(
    intent: str = "Book", *, language: str = "en", dataset: str = "Train", city: int = 0
) -> CanonicalUtterance:
    """An utterance of one text; `city` is the length of its label."""
    labels = (CanonicalLabel(0, city, "City"),) if city else ()
    return CanonicalUtterance("Rome", intent, language, dataset, labels)


@pytest.mark.parametrize(
    "removed, added, kinds",
    [
        ([utterance("Book")], [utterance("Cancel")], ["moved"]),
        (
            [utterance(language="de"), utterance(language="en")],
            [utterance(language="en", dataset="Test")],
            ["dataset", "removed"],
        ),
        (
            [utterance("Book", city=4), utterance("Cancel", city=2)],
            [utterance("Book", city=2), utterance("Visit", city=4)],
            ["moved", "moved"],
        ),
        (
            [utterance("Book", city=4), utterance("Cancel")],
            [utterance("Book", language="de"), utterance("Visit", dataset="Test")],
            ["moved dataset", "relabelled language"],
        ),
        ([utterance("Book", language="de")], [utterance("Cancel", language="en")], ["moved language"]),
    ],
    ids=["moved", "same language first", "one aspect before two", "same intent before same language", "all but text"],
)
def test_equal_texts_are_paired_by_what_they_share(
    removed: list[CanonicalUtterance], added: list[CanonicalUtterance], kinds: list[str]
) -> None:
    """The same text elsewhere is one change, not one removed and one added; of several those pair that differ least."""
    changes = pair_utterances(Counter(removed), Counter(added))
    assert [" ".join(change.kinds) for change in changes] == kinds


def test_numbers_are_paired_as_far_as_they_go() -> None:
    """Of three equal utterances two move and one is removed."""
    removed, added = Counter({utterance("Book"): 3}), Counter({utterance("Cancel"): 2})
    assert pair_utterances(removed, added) == (
        UtteranceChange(utterance("Book"), utterance("Cancel"), 2),
        UtteranceChange(utterance("Book"), None, 1),
    )


# --- applying to a file that does not fit --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "project, edit, other, message",
    [
        (travel, put("/metadata/description", "Tours"), put("/metadata/description", "?"), "setting 'description'"),
        (travel, drop(f"{BOOK}/description"), put(f"{BOOK}/description", "?"), "intent 'Book'"),
        (travel, put(f"{CITY}/x-new", 1), put(f"{CITY}/x-new", value=True), "entity 'City'"),
        (travel, put(f"{OFF}/intent", "Book"), drop(OFF), 'no utterance ["call it off"'),
        (minutes, drop("/assets/conversations/0"), put("/assets/conversations/0/location", "c"), "no conversation {"),
    ],
    ids=["setting", "intent", "entity", "utterance", "conversation"],
)
def test_a_difference_is_not_applied_to_a_file_that_lacks_what_it_changes(
    project: Callable[[], JsonObject], edit: Edit, other: Edit, message: str
) -> None:
    """Whoever applies a difference to another file learns in one line what does not fit."""
    difference = diff(project(), edited(project(), edit))
    with pytest.raises(InvalidProjectFile) as caught:
        apply_diff(difference, read(edited(project(), other)))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_difference_needs_only_what_it_changes() -> None:
    """Applied to a file with more content, a difference changes its part and leaves the rest."""
    more = edited(travel(), put("/assets/intents/-", {"category": "Visit"}), repeat("/assets/utterances"))
    move = put(f"{OFF}/intent", "None")
    result = apply_diff(diff(travel(), edited(travel(), move)), read(more))
    assert canonical_digest(result) == digest(edited(more, move))


def test_forms_can_be_compared_without_their_files() -> None:
    """Two canonical forms give the difference of their files."""
    before, after = travel(), edited(travel(), drop(OFF))
    assert diff_forms(canonical_form(read(before)), canonical_form(read(after))) == diff(before, after)


def test_a_difference_is_a_value() -> None:
    """Two equal differences are equal, fractions among unknown members included."""
    project = edited(minutes(), put("/assets/conversations/0/x-new", 0.5), put("/x-new", 1.5))
    assert diff(minutes(), project) == diff(minutes(), project)
    assert diff(project, minutes()) == mirrored(diff(minutes(), project))


def test_labels_are_counted_for_each_utterance() -> None:
    """Two equal utterances that lose a label are two labels fewer; a label that occurs twice counts twice."""
    twice = edited(travel(), repeat("/assets/utterances"))
    unlabelled = edited(twice, put(f"{TRIP}/entities", []), put("/assets/utterances/2/entities", []))
    assert diff(twice, unlabelled).label_counts() == {"City": (4, 0)}
    again = edited(travel(), put(f"{TRIP}/entities/1", {"category": "City", "offset": 5, "length": 4}))
    assert diff(again, edited(again, put(f"{TRIP}/entities", []))).label_counts() == {"City": (2, 0)}


def test_utterances_are_counted_by_what_happened() -> None:
    """An utterance that is moved and put into another dataset counts under both; two equal ones count twice."""
    twice = edited(travel(), put("/assets/utterances/0", travel()["assets"]["utterances"][1]))
    after = edited(twice, *(put(f"/assets/utterances/{number}/intent", "None") for number in (0, 1)))
    assert diff(twice, edited(after, put(f"{OFF}/dataset", "Train"))).utterance_counts() == {"moved": 2, "dataset": 1}
