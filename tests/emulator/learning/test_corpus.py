"""What is read of a snapshot before anything is learned."""

from __future__ import annotations

import pytest

from cluvault.emulator.learning.corpus import Expression, Span, Synonym, read_corpus, speaks
from cluvault.emulator.records import Metadata, Snapshot
from cluvault.emulator.rendering import empty_content
from cluvault.errors import UsageError
from tests.emulator.learning.making import project, say


def test_labels_count_code_points() -> None:
    """Stored labels count UTF-16 code units; a span selects the labelled words, whatever stands before them."""
    corpus = read_corpus(project(say("\N{GRINNING FACE} to [City:Paris \N{GRINNING FACE}] now"), entities=["City"]))
    (example,) = corpus.examples
    assert [example.text[span.start : span.end] for span in example.spans] == ["Paris \N{GRINNING FACE}"]


@pytest.mark.parametrize(
    "offset, length, spans",
    [
        (3, 99, (Span(3, 8, "City"),)),
        (8, 1, ()),
        (99, 1, ()),
        (-1, 2, ()),
    ],
)
def test_labels_beyond_the_text_are_cut_off(offset: int, length: int, spans: tuple[Span, ...]) -> None:
    """Imports accept labels that run past the end; what covers no text teaches nothing."""
    utterance = say("to Paris") | {"entities": [{"category": "City", "offset": offset, "length": length}]}
    assert read_corpus(project(utterance, entities=["City"])).examples[0].spans == spans


def test_an_entity_has_its_components() -> None:
    """Synonyms and expressions carry their language; required components match in any letter case."""
    entity = {
        "category": "City",
        "compositionSetting": "separateComponents",
        "list": {"sublists": [{"listKey": "PAR", "synonyms": [{"language": "fr", "values": ["Paris", "Paname"]}]}]},
        "regex": {
            "expressions": [{"regexKey": "iata", "language": "en", "regexPattern": "[A-Z]{3}"}, {"regexKey": "-"}]
        },
        "prebuilts": [{"category": "Geography.Location"}],
        "requiredComponents": ["Learned"],
    }
    (city,) = read_corpus(project(entities=[entity])).entities
    assert city.setting == "separateComponents"
    assert city.synonyms == (Synonym("PAR", "fr", "Paris"), Synonym("PAR", "fr", "Paname"))
    assert city.expressions == (Expression("iata", "en", "[A-Z]{3}"),)
    assert city.prebuilts == ("Geography.Location",)
    assert city.required == {"learned"}


def test_an_orchestration_has_intents_and_utterances() -> None:
    """Contract 3.3: no entities, no labels."""
    utterance = {"text": "book", "intent": "Travel"}
    corpus = read_corpus(project(utterance, kind="Orchestration"))
    assert (corpus.intents, corpus.entities, corpus.examples[0].spans) == (("None", "Travel"), (), ())


def test_summarization_is_not_trained() -> None:
    """Its assets are conversations in a storage container."""
    metadata = Metadata(kind="CustomConversationSummarization", name="P", language="en-us")
    with pytest.raises(UsageError, match="CustomConversationSummarization"):
        read_corpus(Snapshot(metadata, empty_content(metadata.kind)))


@pytest.mark.parametrize(
    "language, wanted, serves",
    [
        ("", "de", True),
        ("en-us", "EN-US", True),
        ("en", "en-gb", True),
        ("en-us", "en", True),
        ("pt-br", "pt-pt", False),
        ("zh-hans", "zh-hant", False),
        ("en", "de", False),
    ],
)
def test_components_serve_their_language(language: str, wanted: str, *, serves: bool) -> None:
    """A bare language stands for all of its variants; two variants are two languages."""
    assert speaks(language, wanted) is serves
