"""The page's tables of sites and encodings are those of the code: a site keeps its number and its levels."""

from site_tables import PAGE, filled


def test_the_tables_of_the_page_are_current() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.count("| `site_") == 48
    assert filled(text) == text, "python tests/site_tables.py --write, if the sites were meant to change"
