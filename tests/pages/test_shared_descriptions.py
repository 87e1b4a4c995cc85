"""Arguments that share a description have one each in the Python reference."""

from __future__ import annotations

from pages.shared_descriptions import apart


def test_names_that_share_a_description_get_one_each() -> None:
    docstring = "Say.\n\nArgs:\n    a, b: two folders,\n        of photos.\n    c: one.\n"
    text = "    {}: two folders,\n        of photos.\n"
    assert apart(docstring) == f"Say.\n\nArgs:\n{text.format('a')}{text.format('b')}    c: one.\n"


def test_a_sentence_with_a_comma_and_a_colon_is_left_alone() -> None:
    sentence = "Order of rows:\nfirst, second: this is prose at the margin.\n"
    assert apart(sentence) == sentence
