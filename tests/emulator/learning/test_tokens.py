"""Words of every script."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.emulator.learning.tokens import fold, tokenize, words_of

FAMILY = "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}"


@pytest.mark.parametrize(
    "text, words",
    [
        ("Fly to Paris, now!", ["Fly", "to", "Paris", ",", "now", "!"]),
        ("it's A320 at 7pm_", ["it", "'", "s", "A320", "at", "7pm", "_"]),
        ("東京へ行く", ["東", "京", "へ", "行", "く"]),
        ("หมู", ["ห", "มู"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("cafe\u0301 \N{GRINNING FACE}\N{GRINNING FACE}", ["cafe\u0301", "\N{GRINNING FACE}", "\N{GRINNING FACE}"]),
        (FAMILY + " \N{THUMBS UP SIGN}\U0001f3fd", [FAMILY, "\N{THUMBS UP SIGN}\U0001f3fd"]),
        ("  \t\n", []),
    ],
)
def test_tokens(text: str, words: list[str]) -> None:
    """Words with their marks; scripts without spaces and signs give one token a character, joined emoji stay whole."""
    assert words_of(text) == words


@given(st.text())
def test_tokens_cover_all_but_white_space(text: str) -> None:
    """In order, without overlap; each is what the text has at its place."""
    tokens = tokenize(text)
    assert all(text[token.start : token.end] == token.text for token in tokens)
    assert "".join(token.text for token in tokens) == "".join(char for char in text if not char.isspace())
    assert [token.text for token in tokens] == words_of(text)


@pytest.mark.parametrize(
    "word, folded, bare",
    [
        ("Straße", "strasse", "strasse"),
        ("CAFÉ", "café", "cafe"),
        ("\u0301", "\u0301", "\u0301"),
        ("\uff21\uff11", "a1", "a1"),
    ],
)
def test_folding(word: str, folded: str, bare: str) -> None:
    """Case never counts, accents only when asked; a mark alone stays."""
    assert (fold(word), fold(word, strip_marks=True)) == (folded, bare)
