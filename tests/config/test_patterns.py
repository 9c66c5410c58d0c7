"""Regular expressions mean what they mean in Prometheus, and cannot keep the exporter busy."""

import pytest

from exporter.config.patterns import compile_pattern


@pytest.mark.parametrize(
    ("expression", "text", "matches"),
    [
        (r"\+39.*", "+3902", True),
        (r"\+39.*", "0039", False),
        (r"\+39", "+3902", False),
        ("a|ab", "ab", True),
        ("a|b", "ab", False),
        ("(?i)act.*", "ACTIVE", True),
        ("active", "ACTIVE", False),
        (r"\d+", "٣", False),  # digits are ASCII's
        (r"\pL+", "è", True),
        ("à.", "àè", True),
        (".", "\ud800", True),
        ("", "", True),
    ],
)
def test_the_whole_text_has_to_match(expression: str, text: str, *, matches: bool) -> None:
    assert compile_pattern(expression).matches(text) is matches


def test_case_may_be_ignored() -> None:
    pattern = compile_pattern("in[_-]?use|è", ignore_case=True)
    assert [pattern.matches(text) for text in ("IN_USE", "inUse", "È", "used")] == [True, True, True, False]
    assert not compile_pattern("in[_-]?use|è").matches("IN_USE")


def test_nested_repetition_ends() -> None:
    """Python's own engine would try 2 ** 128 ways."""
    assert not compile_pattern(r"(\+?[0-9]+)+x").matches("1" * 128)
