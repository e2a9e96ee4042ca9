"""On which utterances two models are compared."""

from __future__ import annotations

from cluvault.model.json_text import write_json
from cluvault.model.project_file import ProjectFile, read_project_file
from cluvault.plan.comparison import LabelledText, agreed_tests, probe_texts, sample_tests


def project(*labelled: tuple[str, str]) -> ProjectFile:
    """A project with these texts and intents."""
    return read_project_file(
        write_json(
            {
                "projectFileVersion": "2025-11-01",
                "stringIndexType": "Utf16CodeUnit",
                "metadata": {"projectKind": "Conversation", "projectName": "Desk", "language": "en-us"},
                "assets": {
                    "projectKind": "Conversation",
                    "utterances": [{"text": text, "intent": intent, "dataset": "Train"} for text, intent in labelled],
                },
            }
        )
    )


def test_only_what_both_projects_label_alike_is_a_test() -> None:
    """Not what is new, gone, relabelled or labelled twice, nor what no model was tested on."""
    before = project(("a", "Book"), ("b", "Book"), ("c", "Cancel"), ("gone", "Book"), ("x", "Book"), ("x", "Cancel"))
    after = project(("a", "Book"), ("b", "Cancel"), ("c", "Cancel"), ("new", "Book"), ("x", "Book"), ("x", "Cancel"))
    assert agreed_tests(before, after, {"a", "b", "gone", "new", "x"}) == (LabelledText("a", "en-us", "Book"),)


def test_a_sample_takes_of_each_intent_in_turn() -> None:
    """So that a rare intent is not left out."""
    tests = [LabelledText(text, "en", "Book") for text in "dcba"] + [LabelledText("z", "en", "Cancel")]
    assert [one.text for one in sample_tests(tests, most=3)] == ["a", "z", "b"]
    assert len(sample_tests(tests, most=9)) == 5


def test_probes_are_the_projects_own_utterances() -> None:
    """One of each intent first."""
    file = project(("a", "Book"), ("b", "Book"), ("c", "Cancel"))
    assert probe_texts(file, most=2) == [("a", "en-us"), ("c", "en-us")]
