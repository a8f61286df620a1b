"""Words as PostgreSQL's full-text index takes them: taken apart by us, so that both stores find the same."""

from __future__ import annotations

import unicodedata

from fairlead.archive.text import words_of

# A lexeme has 2,046 bytes at most, a character up to four.
_MOST_CHARACTERS = 500


def vector(text: str) -> str:
    """The words of an event's text, as a `tsvector` is written."""
    return " ".join(f"'{word}'" for word in dict.fromkeys(_folded(word) for word, _ in words_of(text)) if word)


def expression(text: str) -> str:
    """What a person looks for, as a `tsquery` is written; empty when there is no word in it."""
    terms = []
    for word, begins in words_of(text):
        folded = _folded(word)
        if folded:
            terms.append(f"'{folded}'{':*' if begins else ''}")
    return " & ".join(dict.fromkeys(terms))


def _folded(word: str) -> str:
    """A word without accents; of one that is too long the beginning."""
    if not word.isascii():
        plain = "".join(each for each in unicodedata.normalize("NFD", word) if unicodedata.category(each) != "Mn")
        word = unicodedata.normalize("NFC", plain)
    return word[:_MOST_CHARACTERS]
