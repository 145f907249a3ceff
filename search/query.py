"""What a typed query asks of an index: no viewer, no filters, no database."""

from collections.abc import Sequence

from search.analysis import is_han, tokens, words_and_phrases
from search.contract import Clause

TITLE_WEIGHT = 6.0


def query_terms(text: str) -> list[str]:
    """What a typed query demands: bigrams of Han runs, single characters where a run has only one, whole words."""
    terms: dict[str, None] = {}
    for token in tokens(text):
        if len(token) != 1 or not is_han(token):
            terms[token] = None
    for run in words_and_phrases(text):
        if len(run) == 1:
            terms[run] = None
    return list(terms)


def text_clauses(terms: Sequence[str], *, strict: bool) -> tuple[Clause, ...]:
    """The text holds the title too, so every match is in it; the title decides the order.

    `strict`: a document must hold every term.
    """
    if not terms:
        return ()
    weighted = tuple((term, 1.0) for term in terms)
    return (
        Clause("text", "text", weighted, required=True, all_terms=strict),
        Clause("title", "title", weighted, weight=TITLE_WEIGHT),
    )
