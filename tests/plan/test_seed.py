"""Create-and-seed: one project file out of a definition, a project file, a schema and rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import InvalidSeed, UsageError
from cluvault.model.json_text import JsonObject, write_json
from cluvault.model.project_file import ProjectFile, inspect_project_file, read_project_file
from cluvault.model.seed import ProjectDefinition, Schema, SeedUtterance, SpanLabel
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.seed import build_project_file
from cluvault.plan.spans import utf16_length
from cluvault.plan.upgrade import upgrade_project_file

if TYPE_CHECKING:
    from collections.abc import Callable

TRAVEL = ProjectDefinition(name="Travel", language="en-us")
SCHEMA = Schema.model_validate(
    {
        "intents": {"Book": "Reserve a seat", "Cancel": None},
        "entities": {
            "City": {
                "description": "Where to",
                "list": {"Paris": ["paname"], "Rome": {"it": ["roma"]}},
                "regex": {"iata": "[A-Z]{3}"},
                "prebuilts": ["Geography.Location"],
                "required": ["list"],
                "composition": "separateComponents",
            },
            "Date": None,
        },
    }
)
TO_ROME = SeedUtterance("to Rome", "Book", labels=(SpanLabel(3, 4, "City"),), source="rows.csv", line=2)


def base_file(**changes: Any) -> ProjectFile:
    """A project file that says something different about everything; `changes` replace members of the top level."""
    document: JsonObject = {
        "projectFileVersion": "2023-04-01",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {
            "projectKind": "Conversation",
            "settings": {"confidenceThreshold": 0.4, "normalizeCasing": True},
            "projectName": "Old",
            "multilingual": True,
            "description": "before",
            "language": "de",
        },
        "assets": {
            "projectKind": "Conversation",
            "intents": [{"category": "Book", "description": "old"}, {"category": "None"}],
            "entities": [{"category": "City", "description": "old", "prebuilts": [{"category": "Email"}]}],
            "utterances": [{"text": "hin", "intent": "Book"}, {"text": "hin", "intent": "Book"}],
        },
    }
    return read_project_file(write_json(document | changes))


TEXTS = st.text(st.sampled_from("ab 😀"), min_size=1, max_size=4)


@st.composite
def rows(draw: st.DrawFn) -> SeedUtterance:
    """Rows that are often equal to each other."""
    text = draw(TEXTS)
    labels = (SpanLabel(0, utf16_length(text), draw(st.sampled_from(["City", "Date"]))),) if draw(st.booleans()) else ()
    return SeedUtterance(
        text,
        draw(st.sampled_from(["Book", "Cancel", "None"])),
        draw(st.sampled_from([None, "en-us", "it"])),
        draw(st.sampled_from([None, "Train", "Test"])),
        labels,
    )


# --- laws ----------------------------------------------------------------------------------------------------------


@given(st.lists(rows(), max_size=6), st.sampled_from([None, SCHEMA]), st.sampled_from([None, base_file()]))
def test_the_same_seeds_again_change_nothing(
    seeds: list[SeedUtterance], schema: Schema | None, base: ProjectFile | None
) -> None:
    """Equal input gives equal bytes, and seeding the result once more gives the result."""
    first = build_project_file(TRAVEL, base=base, schema=schema, utterances=seeds)
    assert (
        build_project_file(TRAVEL, base=base, schema=schema, utterances=seeds).file.to_bytes() == first.file.to_bytes()
    )
    again = build_project_file(TRAVEL, base=first.file, schema=schema, utterances=seeds)
    assert again.file.to_bytes() == first.file.to_bytes()


@given(st.lists(rows(), max_size=6), st.lists(rows(), max_size=6))
def test_rows_that_are_given_twice_count_once(some: list[SeedUtterance], more: list[SeedUtterance]) -> None:
    """Rows of several seeds are put together; those that say the same are merged."""
    once = build_project_file(TRAVEL, utterances=[*some, *more])
    twice = build_project_file(TRAVEL, utterances=[*some, *more, *some])
    assert canonical_digest(twice.file) == canonical_digest(once.file)
    assert len(twice.file.utterances) == len(set(map(write_json, map(dict, twice.file.utterances))))


@given(st.lists(rows(), max_size=6))
def test_the_result_has_the_current_shape(seeds: list[SeedUtterance]) -> None:
    """What comes out can be read, and needs no upgrade."""
    file = build_project_file(TRAVEL, schema=SCHEMA, utterances=seeds).file
    read, faults = inspect_project_file(file.to_bytes(), source="result")
    assert faults == []
    assert upgrade_project_file(read).changes == ()


def test_a_project_file_alone_stays_what_it_is(sample: Callable[[str], bytes], sample_name: str) -> None:
    """Every sample, old shapes included, means the same after it has seeded a project."""
    base = read_project_file(sample(sample_name))
    plan = build_project_file(ProjectDefinition(name="New"), base=base)
    assert canonical_digest(plan.file) == canonical_digest(base)
    assert plan.file.name == "New"
    assert plan.file.shape == "current"


# --- without a project file ----------------------------------------------------------------------------------------


def test_a_new_project_is_written_as_the_service_exports_it() -> None:
    """Settings, the intent None, languages and datasets are spelt out."""
    definition = ProjectDefinition(
        name="Travel", language="en-US", multilingual=True, description="Seats", confidence_threshold=0.7
    )
    plan = build_project_file(definition, utterances=[TO_ROME, SeedUtterance("addio", "Leave", "it", "Test")])
    assert plan.file.document == {
        "projectFileVersion": "2023-04-01",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {
            "projectKind": "Conversation",
            "projectName": "Travel",
            "multilingual": True,
            "description": "Seats",
            "language": "en-us",
            "settings": {"confidenceThreshold": 0.7},
        },
        "assets": {
            "projectKind": "Conversation",
            "intents": [{"category": "None"}, {"category": "Book"}, {"category": "Leave"}],
            "entities": [{"category": "City", "compositionSetting": "combineComponents"}],
            "utterances": [
                {
                    "text": "to Rome",
                    "language": "en-us",
                    "intent": "Book",
                    "entities": [{"category": "City", "offset": 3, "length": 4}],
                    "dataset": "Train",
                },
                {"text": "addio", "language": "it", "intent": "Leave", "entities": [], "dataset": "Test"},
            ],
        },
    }
    assert plan.notes == (
        "intents created because rows use them: Book, Leave",
        "entities created because rows use them: City",
    )


def test_a_project_without_a_language_is_refused() -> None:
    """Neither the user nor a seed says it, and guessing would train another model."""
    with pytest.raises(UsageError, match=r"^project Travel: no seed says its language; name it, for example en-us$"):
        build_project_file(ProjectDefinition(name="Travel"))


def test_a_schema_becomes_intents_and_entities() -> None:
    """Components are written in the service's words; values without a language get the project's."""
    file = build_project_file(TRAVEL, schema=SCHEMA).file
    assert file.intents == [
        {"category": "None"},
        {"category": "Book", "description": "Reserve a seat"},
        {"category": "Cancel"},
    ]
    assert file.entities == [
        {
            "category": "City",
            "compositionSetting": "separateComponents",
            "description": "Where to",
            "list": {
                "sublists": [
                    {"listKey": "Paris", "synonyms": [{"language": "en-us", "values": ["paname"]}]},
                    {"listKey": "Rome", "synonyms": [{"language": "it", "values": ["roma"]}]},
                ]
            },
            "regex": {"expressions": [{"regexKey": "iata", "language": "en-us", "regexPattern": "[A-Z]{3}"}]},
            "prebuilts": [{"category": "Geography.Location"}],
            "requiredComponents": ["list"],
        },
        {"category": "Date", "compositionSetting": "combineComponents"},
    ]


def test_descriptions_need_a_version_that_has_them() -> None:
    """A file with descriptions of intents or entities says so; others state the version that every target takes."""
    plain = Schema.model_validate({"intents": ["Book"]})
    assert build_project_file(TRAVEL, schema=SCHEMA).file.version == "2025-05-15-preview"
    assert build_project_file(TRAVEL, schema=plain).file.version == "2023-04-01"
    newer = base_file(projectFileVersion="2025-11-15-preview")
    assert build_project_file(TRAVEL, base=newer, schema=SCHEMA).file.version == "2025-11-15-preview"


def test_rows_may_use_names_of_the_schema_only() -> None:
    """With a schema a name that it does not know is a slip of the pen: each is named with its first row."""
    slips = [
        TO_ROME,
        SeedUtterance("x", "Bok", source="rows.csv", line=3),
        SeedUtterance("y", "Bok", labels=(SpanLabel(0, 1, "Citty"),), source="rows.csv", line=4),
        SeedUtterance("z", "None"),
    ]
    with pytest.raises(InvalidSeed) as caught:
        build_project_file(TRAVEL, schema=SCHEMA, utterances=slips)
    assert [str(fault) for fault in caught.value.faults] == [
        "rows.csv: line 3: intent 'Bok' is not in the schema; 2 rows use it",
        "rows.csv: line 4: entity 'Citty' is not in the schema",
    ]


def test_merged_rows_are_noted() -> None:
    """The user hears how many rows said nothing new, and which was the first."""
    plan = build_project_file(TRAVEL, schema=SCHEMA, utterances=[TO_ROME, TO_ROME, TO_ROME])
    assert plan.notes == ("2 rows say what is there already; merged (first: rows.csv, line 2)",)
    nowhere = SeedUtterance("hi", "Book")
    plan = build_project_file(TRAVEL, schema=SCHEMA, utterances=[nowhere, nowhere])
    assert plan.notes == ("1 row says what is there already; merged (first: 'hi')",)


@pytest.mark.parametrize(
    "other",
    [
        SeedUtterance("to Rome ", "Book", labels=TO_ROME.labels),
        SeedUtterance("to Rome", "Cancel", labels=TO_ROME.labels),
        SeedUtterance("to Rome", "Book"),
        SeedUtterance("to Rome", "Book", "it", labels=TO_ROME.labels),
        SeedUtterance("to Rome", "Book", dataset="Test", labels=TO_ROME.labels),
    ],
)
def test_rows_that_differ_in_anything_stay(other: SeedUtterance) -> None:
    """Text, intent, labels, language and dataset all count."""
    assert len(build_project_file(TRAVEL, schema=SCHEMA, utterances=[TO_ROME, other]).file.utterances) == 2


# --- with a project file -------------------------------------------------------------------------------------------


def test_what_the_user_says_wins_over_the_project_file() -> None:
    """Values that were given replace the file's; all others, unknown ones too, stay."""
    definition = ProjectDefinition(name="New", description="", multilingual=False, confidence_threshold=0.0)
    metadata = build_project_file(definition, base=base_file()).file.metadata
    assert cast("JsonObject", metadata) == {
        "projectKind": "Conversation",
        "settings": {"confidenceThreshold": 0.0, "normalizeCasing": True},
        "projectName": "New",
        "multilingual": False,
        "description": "",
        "language": "de",
    }


def test_the_schema_wins_over_the_project_file_member_by_member() -> None:
    """What the schema says of an intent or entity replaces that member; what it does not say stays."""
    schema = Schema.model_validate({"intents": {"Book": "new"}, "entities": {"City": {"list": ["Rome"]}}})
    file = build_project_file(ProjectDefinition(name="New"), base=base_file(), schema=schema).file
    assert file.intents == [{"category": "Book", "description": "new"}, {"category": "None"}]
    (city,) = file.entities
    assert city.get("description") == "old"
    assert city.get("prebuilts") == [{"category": "Email"}]
    assert city.get("list") == {"sublists": [{"listKey": "Rome", "synonyms": [{"language": "de", "values": ["Rome"]}]}]}


def test_rows_come_after_the_utterances_of_the_project_file() -> None:
    """The file's own utterances stay, doubles included; a row that it has already is merged."""
    plan = build_project_file(
        ProjectDefinition(name="New"), base=base_file(), utterances=[SeedUtterance("hin", "Book", "de"), TO_ROME]
    )
    assert [utterance["text"] for utterance in plan.file.utterances] == ["hin", "hin", "to Rome"]
    assert plan.notes == ("1 row says what is there already; merged (first: 'hin')",)


@pytest.mark.parametrize("index_type, span", [("Utf8CodeUnit", (5, 2)), ("Utf32CodeUnit", (2, 1))])
def test_labels_are_counted_as_the_project_file_counts(index_type: str, span: tuple[int, int]) -> None:
    """Rows count in UTF-16; a file with another stringIndexType gets its own numbers, and doubles are still found."""
    base = base_file(stringIndexType=index_type)
    row = SeedUtterance("😀 é", "Book", labels=(SpanLabel(3, 1, "City"),))
    file = build_project_file(ProjectDefinition(name="New"), base=base, utterances=[row, row]).file
    offset, length = span
    assert file.utterances[-1].get("entities") == [{"category": "City", "offset": offset, "length": length}]
    assert len(file.utterances) == 3


def test_an_older_project_file_is_upgraded_in_the_open(sample: Callable[[str], bytes]) -> None:
    """Each change of the upgrade is a note."""
    base = read_project_file(sample("clock-2021-preview"))
    plan = build_project_file(ProjectDefinition(name="Clock"), base=base)
    assert plan.notes == tuple(f"seed upgraded: {change}" for change in upgrade_project_file(base).changes)
    assert plan.notes


def test_a_project_file_without_assets_is_filled() -> None:
    """Metadata alone is a seed too."""
    file = build_project_file(ProjectDefinition(name="New"), base=base_file(assets=None)).file
    assert file.document.get("assets") == {
        "projectKind": "Conversation",
        "intents": [{"category": "None"}],
        "entities": [],
        "utterances": [],
    }


def test_the_kind_of_a_project_file_cannot_be_changed() -> None:
    """Conversation and orchestration do not hold the same things."""
    with pytest.raises(UsageError, match="the seed is a project file of kind Conversation, not Orchestration; leave"):
        build_project_file(ProjectDefinition(name="New", kind="Orchestration"), base=base_file())


# --- other kinds ---------------------------------------------------------------------------------------------------

ROUTER = ProjectDefinition(name="Router", language="en-us", kind="Orchestration")


def test_an_orchestration_project_routes_to_other_projects() -> None:
    """Targets are written in the service's words; there are no entities and no labels."""
    schema = Schema.model_validate(
        {
            "intents": {
                "Fly": {"target": {"conversation": "Flights", "deployment": "production"}},
                "Ask": {"target": {"question-answering": "Faq"}},
            }
        }
    )
    plan = build_project_file(ROUTER, schema=schema, utterances=[SeedUtterance("to Rome", "Fly")])
    assert plan.file.document.get("assets") == {
        "projectKind": "Orchestration",
        "intents": [
            {"category": "None"},
            {
                "category": "Fly",
                "orchestration": {
                    "targetProjectKind": "Conversation",
                    "conversationOrchestration": {"projectName": "Flights", "deploymentName": "production"},
                },
            },
            {
                "category": "Ask",
                "orchestration": {
                    "targetProjectKind": "QuestionAnswering",
                    "questionAnsweringOrchestration": {"projectName": "Faq"},
                },
            },
        ],
        "utterances": [{"text": "to Rome", "language": "en-us", "intent": "Fly", "dataset": "Train"}],
    }


@pytest.mark.parametrize(
    "definition, base, schema, row, faults",
    [
        (ROUTER, None, {"entities": ["City"]}, None, ["schema: at entities: a project of kind Orchestration has none"]),
        (ROUTER, None, None, TO_ROME, ["rows.csv: line 2: a project of kind Orchestration has no entities to label"]),
        (
            TRAVEL,
            None,
            {"intents": {"Ask": {"target": {"question-answering": "Faq"}}, "Book": None}},
            None,
            ["schema: at intents.Ask.target: intents of kind Conversation have none"],
        ),
        (
            ProjectDefinition(name="Sums"),
            {"projectKind": "CustomConversationSummarization", "language": "en"},
            {},
            SeedUtterance("x", "Book"),
            [
                "schema: a project of kind CustomConversationSummarization takes none",
                "a project of kind CustomConversationSummarization takes no utterances",
            ],
        ),
    ],
)
def test_seeds_that_the_kind_cannot_hold_are_refused(
    definition: ProjectDefinition,
    base: JsonObject | None,
    schema: JsonObject | None,
    row: SeedUtterance | None,
    faults: list[str],
) -> None:
    """Entities in orchestration projects, targets in conversation projects, rows for summaries: nothing is dropped."""
    with pytest.raises(InvalidSeed, match="leave it out, or choose another kind than") as caught:
        build_project_file(
            definition,
            base=base_file(metadata=base, assets=None) if base is not None else None,
            schema=Schema.model_validate(schema) if schema is not None else None,
            utterances=[row] if row is not None else [],
        )
    assert [str(fault) for fault in caught.value.faults] == faults


def test_a_summarization_project_passes_as_it_is() -> None:
    """It has neither intents nor utterances, so none are added."""
    metadata = {"projectKind": "CustomConversationSummarization", "language": "en", "storageInputContainerName": "in"}
    assets = {"projectKind": "CustomConversationSummarization", "conversations": [{"location": "a.json"}]}
    base = base_file(metadata=metadata, assets=assets)
    file = build_project_file(ProjectDefinition(name="Sums"), base=base).file
    assert file.document.get("assets") == assets
    assert canonical_digest(file) == canonical_digest(base)
