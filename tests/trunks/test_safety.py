"""What becomes of text from outside before it is a label's value."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.trunks.trunk import MAX_LENGTH, safe

REPLACED = "\N{REPLACEMENT CHARACTER}"


def characters(*ranges: tuple[int, int]) -> list[str]:
    return [chr(code) for first, last in ranges for code in range(first, last + 1)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Boise, Idaho", id="ASCII"),
        pytest.param("Zürich", id="Latin"),
        pytest.param("東京", id="ideographs"),
        pytest.param("عمّان", id="right to left"),
        pytest.param("👩\u200d💻", id="joined emoji"),
        pytest.param('"quoted" \\ and {braced}', id="what the exposition escapes"),
        pytest.param("no\u00a0break", id="no-break space"),
        pytest.param("", id="empty"),
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert safe(text) == text


def test_none_is_the_empty_text() -> None:
    assert safe(None) == ""


@pytest.mark.parametrize(
    "unsafe",
    [
        pytest.param(characters((0x00, 0x1F), (0x7F, 0x9F)), id="controls"),
        pytest.param(characters((0x2028, 0x2029)), id="line and paragraph separators"),
        pytest.param(characters((0x202A, 0x202E)), id="directional embeddings and overrides"),
        pytest.param(characters((0x2066, 0x2069)), id="directional isolates"),
        pytest.param(characters((0xD800, 0xDFFF)), id="lone surrogates"),
    ],
)
def test_unsafe_characters_are_replaced_one_by_one(unsafe: list[str]) -> None:
    for character in unsafe:
        assert safe(f"a{character}{character}b") == f"a{REPLACED}{REPLACED}b"


@pytest.mark.parametrize("character", ["x", "ü", "👩", "\n"], ids=["ASCII", "Latin", "emoji", "control"])
def test_text_is_cut_at_128_characters(character: str) -> None:
    assert MAX_LENGTH == 128
    assert len(safe(character * 128)) == 128
    assert safe(character * 129) == safe(character * 128)


@given(st.text(st.characters()))
def test_any_text_is_made_safe(text: str) -> None:
    made = safe(text)
    assert len(made) == min(len(text), MAX_LENGTH)
    assert not {unicodedata.category(character) for character in made} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(character) for character in made} & {
        "LRE",
        "RLE",
        "LRO",
        "RLO",
        "PDF",
        "LRI",
        "RLI",
        "FSI",
        "PDI",
    }
    made.encode()
    assert safe(made) == made
