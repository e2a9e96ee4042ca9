"""The report of a difference: one line a change, in words, and safe whatever the texts of a project hold."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cluvault.model.json_text import read_json, write_json
from cluvault.plan.diff import ProjectDiff, diff_project_files
from cluvault.plan.diff_report import (
    diff_lines,
    diff_to_json,
    diff_to_markdown,
    escape_markdown,
    summary,
    visible_text,
)
from cluvault.plan.utterance_changes import UtteranceChange
from cluvault.plan.utterances import CanonicalLabel, CanonicalUtterance
from tests.strategies import QUICK
from tests.travel import BOOK, CITY, OFF, TRIP, drop, edited, minutes, put, read, repeat, travel
from tests.variations import edited_pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.model.json_text import JsonObject
    from tests.travel import Edit


def diff(before: JsonObject, *edits: Edit) -> ProjectDiff:
    """The difference that some edits make."""
    return diff_project_files(read(before), read(edited(before, *edits)))


# --- words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "project, edits, words",
    [
        (travel, [], "no difference in meaning"),
        (travel, [put("/metadata/description", "")], "settings: 1 changed"),
        (travel, [put("/x-new", 1), put("/metadata/x-new", 1)], "settings: 2 added"),
        (travel, [put("/assets/intents/2/category", "Change")], "intents: 1 removed, 1 added"),
        (travel, [put(f"{CITY}/prebuilts", []), drop("/assets/entities/1")], "entities: 1 changed, 1 removed"),
        (
            travel,
            [put(f"{TRIP}/intent", "None"), put(f"{TRIP}/entities", []), repeat("/assets/utterances"), drop(OFF)],
            "utterances: 1 moved, 1 relabelled, 1 removed, 1 added",
        ),
        (
            travel,
            [put(f"{TRIP}/dataset", "Train"), put(f"{TRIP}/language", "it"), put(f"{TRIP}/x-new", 1)],
            "utterances: 1 in another dataset, 1 in another language, 1 with other members",
        ),
        (minutes, [drop("/assets/conversations/0")], "conversations: 1 removed"),
        (
            travel,
            [put("/metadata/language", "fr"), put(f"{BOOK}/description", "?"), put(f"{OFF}/intent", "None")],
            "settings: 1 changed; intents: 1 changed; utterances: 1 moved",
        ),
    ],
)
def test_the_summary_counts_by_kind(project: Callable[[], JsonObject], edits: list[Edit], words: str) -> None:
    """One line says of each part of a project how many were added, removed and changed."""
    assert summary(diff(project(), *edits)) == words


def label(offset: int, length: int, category: str = "City", other: str = "") -> CanonicalLabel:
    """A label in short."""
    return CanonicalLabel(offset, length, category, other)


def utterance(text: str = "to Rome 😀!", intent: str = "Book", *labels: CanonicalLabel) -> CanonicalUtterance:
    """An utterance in short."""
    return CanonicalUtterance(text, intent, "en", labels=labels)


def lines(*changes: UtteranceChange) -> list[str]:
    """The report's lines of some changes of utterances."""
    return [f"{sign} {text}" for sign, text in diff_lines(ProjectDiff(utterances=changes))]


@pytest.mark.parametrize(
    "before, after, line",
    [
        (None, utterance("a"), "+ [Book] a"),
        (utterance("a"), None, "- [Book] a"),
        (None, utterance("a")._replace(dataset="Test"), "+ [Book, Test] a"),
        (None, utterance(""), '+ [Book] ""'),
        (None, utterance("", "Book", label(0, 0)), "+ [Book] \"\" {City ''@0}"),
        (
            utterance("to Rome 😀!", "Book", label(3, 4), label(8, 2, "Mood"), label(10, 1, "End")),
            None,
            "- [Book] to Rome 😀! {City 'Rome'@3, Mood '😀'@8, End '!'@10}",
        ),
        (None, utterance("a", "Book", label(-1, 2), label(5, 9)), "+ [Book] a {City 'a'@-1, City ''@5}"),
        (None, utterance("😀", "Book", label(0, 1)), "+ [Book] 😀 {City '�'@0}"),
        (utterance("a"), utterance("a", "Cancel"), "~ a: moved Book → Cancel"),
        (
            utterance("to Rome", "Book", label(3, 4)),
            utterance("to Rome", "Book", label(0, 7, "Trip")),
            "~ to Rome: relabelled -City 'Rome'@3, +Trip 'to Rome'@0",
        ),
        (
            utterance("to Rome", "Book", label(0, 2), label(3, 4)),
            utterance("to Rome", "Book", label(3, 4), label(3, 4)),
            "~ to Rome: relabelled -City 'to'@0, +City 'Rome'@3",
        ),
        (
            utterance("a", "Book", label(0, 1)),
            utterance("a", "Book", label(0, 1, other='{"x":1}')),
            "~ a: relabelled -City 'a'@0, +City 'a'@0 {\"x\":1}",
        ),
        (
            utterance("a"),
            utterance("a", "Cancel", label(0, 1))._replace(dataset="Test", language="de", other='{"x":1}'),
            (
                "~ a: moved Book → Cancel; relabelled +City 'a'@0; dataset Train → Test; language en → de; "
                'other members (absent) → {"x":1}'
            ),
        ),
    ],
)
def test_an_utterance_takes_one_line(
    before: CanonicalUtterance | None, after: CanonicalUtterance | None, line: str
) -> None:
    """The line says what happened; of labels only those that were lost and gained, with what they cover."""
    found = lines(UtteranceChange(before, after))
    assert line in found
    assert lines(UtteranceChange(before, after, 3))[found.index(line)].count(" (3 times)") == 1


@pytest.mark.parametrize(
    "gone, come, words",
    [(0, 1, "1 label more"), (0, 2, "2 labels more"), (1, 0, "1 label fewer"), (2, 0, "2 labels fewer"),
     (1, 2, "2 labels more, 1 fewer"), (2, 1, "1 label more, 2 fewer")],
)  # fmt: skip
def test_the_learned_component_is_counted_in_labels(gone: int, come: int, words: str) -> None:
    """An entity that utterances label more or less often has learned something else, though nothing else changed."""
    before = utterance("Rome", "Book", *[label(0, 4)] * gone)
    after = utterance("Rome", "Book", *[label(1, 3)] * come)
    assert lines(UtteranceChange(before, after))[:2] == ["  Entities", f"~ City: learned: {words}"]


def test_an_entity_s_lines_stand_together() -> None:
    """What changed in an entity and what it learned stand under its name, by name."""
    seat = {"category": "Seat", "list": {"sublists": [{"listKey": "A"}]}, "prebuilts": [{"category": "Number"}]}
    found = diff(
        travel(),
        put("/assets/entities/-", seat),
        put(f"{CITY}/compositionSetting", "combineComponents"),
        put(f"{TRIP}/entities/0/category", "Seat"),
        drop("/assets/entities/1"),
    )
    assert [f"{sign} {text}" for sign, text in diff_lines(found)][:6] == [
        "  Entities",
        "~ City: compositionSetting: separateComponents → combineComponents",
        "~ City: learned: 1 label fewer",
        "- Date",
        "+ Seat (list, prebuilts, learned: 1 label more)",
        "  Utterances",
    ]


def test_each_section_is_cut_at_the_limit_and_the_rest_counted() -> None:
    """A report stays short however much differs; it says how many lines it left out."""
    members = [put(f"/metadata/x{number}", number) for number in range(4)]
    found = list(diff_lines(diff(travel(), *members, drop(OFF)), limit=2))
    assert found == [
        (" ", "Settings"),
        ("+", "metadata.x0: 0"),
        ("+", "metadata.x1: 1"),
        ("~", "… and 2 more"),
        (" ", "Utterances"),
        ("-", "[Cancel, Test] call it off"),
    ]


def test_a_limit_of_none_leaves_the_counts() -> None:
    """With no line allowed, the sections and their numbers remain."""
    assert list(diff_lines(diff(travel(), drop(OFF)), limit=0)) == [(" ", "Utterances"), ("~", "… and 1 more")]


# --- JSON ----------------------------------------------------------------------------------------------------------


@QUICK
@given(edited_pairs())
def test_programs_get_the_whole_difference(pair: tuple[JsonObject, JsonObject]) -> None:
    """The JSON form can be written and read back, and counts as the difference does."""
    difference = diff_project_files(*map(read, pair))
    found = read_json(write_json(diff_to_json(difference)), source="difference")
    assert found["equal"] == (not difference)
    assert found["summary"] == summary(difference)
    assert len(found["utterances"]) == len(difference.utterances)
    assert [item["name"] for item in found["entities"]] == [item.name for item in difference.entities]


def test_the_json_form_names_each_change() -> None:
    """Settings, items with their parts, labels, utterances and conversations, each with before and after."""
    found = diff_to_json(
        diff(
            travel(),
            put("/metadata/description", "Tours"),
            put(f"{BOOK}/description", "Books"),
            put("/assets/entities/-", {"category": "Seat"}),
            put(f"{TRIP}/entities", [{"category": "Seat", "offset": 0, "length": 4}]),
            put(f"{TRIP}/intent", "None"),
        )
    )
    book = {"category": "Book", "associatedEntities": [{"category": "City"}, {"category": "Date"}]}
    trip = {"text": "from Rome to Paris", "language": "de", "dataset": "Test"}
    assert found == {
        "equal": False,
        "summary": "settings: 1 changed; intents: 1 changed; entities: 1 added; utterances: 1 moved, 1 relabelled",
        "settings": [{"path": "description", "before": "Trips", "after": "Tours"}],
        "intents": [
            {
                "name": "Book",
                "change": "changed",
                "before": book | {"description": "Books a trip"},
                "after": book | {"description": "Books"},
                "parts": [{"path": "description", "before": "Books a trip", "after": "Books"}],
            }
        ],
        "entities": [
            {
                "name": "Seat",
                "change": "added",
                "before": None,
                "after": {"category": "Seat", "compositionSetting": "combineComponents"},
                "parts": [],
            }
        ],
        "labels": {"City": {"removed": 2, "added": 0}, "Seat": {"removed": 0, "added": 1}},
        "utterances": [
            {
                "change": ["moved", "relabelled"],
                "count": 1,
                "before": trip | {"intent": "Book", "entities": travel()["assets"]["utterances"][0]["entities"]},
                "after": trip | {"intent": "None", "entities": [{"category": "Seat", "offset": 0, "length": 4}]},
            }
        ],
        "conversations": {"removed": [], "added": []},
    }


# --- texts of strangers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, seen",
    [
        ("plain text", "plain text"),
        ("two  spaces", "two␣␣spaces"),
        (" around ", "␣around␣"),
        ("line\r\nend\ttab", "line␍⏎end␉tab"),
        ("\x1b[31mred", "␛[31mred"),
        ("\x00\x7f\x85", "␀⟨U+007F⟩⟨U+0085⟩"),
        ("a\u200bb\u202ec\u00a0d\u2028e", "a⟨U+200B⟩b⟨U+202E⟩c⟨U+00A0⟩d⟨U+2028⟩e"),
        ("\ud83d", "⟨U+D83D⟩"),
        ("", ""),
    ],
)
def test_what_cannot_be_seen_is_shown(text: str, seen: str) -> None:
    """Space that a page would swallow, line ends, escape sequences and reordering characters become visible."""
    assert visible_text(text) == seen


HOSTILE = st.text(
    st.sampled_from("ab1 \n\t\\`*_{}[]()<>#+-.!|~=:/&;^'\"$@\u202e\x1b") | st.characters(exclude_categories=["Cs"]),
    max_size=30,
)


@QUICK
@given(HOSTILE)
def test_visible_text_is_one_line_and_stays_as_it_is(text: str) -> None:
    """What was made visible is printable, on one line, and is not changed again."""
    seen = visible_text(text)
    assert seen.isprintable()
    assert visible_text(seen) == seen


MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@QUICK
@given(HOSTILE.filter(bool))
@example("1. a")
@example("10) a")
@example("- a")
@example("+ a")
@example("# a")
@example("=")
@example("> a")
@example("    a")
@example("| a | b |")
@example("<b>a</b> &amp; &lt;")
@example("[a](http://b) ![a](b) <http://a> http://a.b www.a.b")
@example("**a** __a__ `a` ~~a~~")
def test_markdown_shows_a_text_as_it_is(text: str) -> None:
    """At the start of a line, after another line and inside one, escaped text is text and nothing else."""
    escaped = escape_markdown(text)
    for before, page in (("", escaped), ("line", f"line\n{escaped}"), ("+ ", f"- `+` {escaped}")):
        (inline,) = (token for token in MARKDOWN.parse(page) if token.type == "inline")
        children = inline.children or []
        assert {child.type for child in children} <= {"text", "softbreak", "code_inline"}
        assert "".join(child.content for child in children) == before + visible_text(text)


@pytest.mark.parametrize(
    "text, escaped",
    [
        ("see https://a.b", r"see https\://a.b"),
        ("see WWW.a.b", r"see WWW\.a.b"),
        ("a: b", "a: b"),
        ("a <b> | `c`", r"a &lt;b&gt; \| \`c\`"),
    ],
)
def test_addresses_become_no_links(text: str, escaped: str) -> None:
    """Pages that make links of bare addresses find none."""
    assert escape_markdown(text) == escaped


@QUICK
@given(HOSTILE, HOSTILE)
def test_a_page_has_a_line_a_change_whatever_the_texts_hold(name: str, text: str) -> None:
    """Names, texts and values of a project cannot break out of their line of the page."""
    change = diff(
        travel(),
        put("/metadata/description", text),
        put("/assets/intents/-", {"category": name, "description": text}),
        put(f"{CITY}/regex/expressions/0/regexPattern", text),
        put(f"{TRIP}/intent", name),
        put(f"{OFF}/text", text),
    )
    tokens = MARKDOWN.parse(diff_to_markdown(change, title=text))
    kinds = Counter(token.type for token in tokens)
    inside = Counter(child.type for token in tokens for child in token.children or ())
    lines = list(diff_lines(change))
    assert kinds["list_item_open"] == inside["code_inline"] == sum(1 for sign, _ in lines if sign != " ")
    assert inside["strong_open"] == sum(1 for sign, _ in lines if sign == " ")
    assert {kind.removesuffix("_open").removesuffix("_close") for kind in kinds} == {
        "heading", "paragraph", "bullet_list", "list_item", "inline",
    }  # fmt: skip
    assert inside.keys() == {"text", "code_inline", "strong_open", "strong_close"}


def test_a_page_reads_as_a_page() -> None:
    """A title, the summary, and a list for each section."""
    change = diff(travel(), put("/metadata/description", "a|b"), drop(OFF))
    assert diff_to_markdown(change, title="dev/Travel *now*") == (
        "## dev/Travel \\*now\\*\n"
        "\n"
        "settings: 1 changed; utterances: 1 removed\n"
        "\n"
        "**Settings**\n"
        "\n"
        "- `~` description: Trips → a\\|b\n"
        "\n"
        "**Utterances**\n"
        "\n"
        "- `-` \\[Cancel, Test\\] call it off\n"
    )
