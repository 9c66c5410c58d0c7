"""How values and labels are spelled."""

import math
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from support.exposed import openmetrics_families
from support.samples import samples

from exporter.metrics.text import labelled, number

# A reader splits lines at newlines only, and every other character may come unescaped.
VALUES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])), st.lists(st.sampled_from('"\\n\n{},= #a')).map("".join)
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0, "0"), (1, "1"), (1.0, "1"), (-3.0, "-3"), (-0.0, "0"), (1.5, "1.5"), (0.1, "0.1"), (1e-7, "1e-07")),
        *((Decimal("0.3"), "0.3"), (Decimal("10.00"), "10"), (1699335116.25, "1699335116.25"), (1e21, "1e+21")),
        *((2.0**53 - 1, "9007199254740991"), (2.0**53, "9007199254740992"), (Decimal("1e400"), "+Inf")),
        *((math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN")),
    ],
    ids=repr,
)
def test_numbers(value: float | Decimal, text: str) -> None:
    assert number(value) == text


@given(value=st.floats(allow_nan=False))
@example(value=2.0**53 + 2)
@example(value=5e-324)
def test_numbers_are_read_back_as_they_were(value: float) -> None:
    assert float(number(value)) == value


@given(value=VALUES)
def test_labels_are_read_back_as_they_were(value: str) -> None:
    line = f"m{{{labelled([('a', value), ('b', value), ('c', 'end')])}}} 1\n"
    [family] = text_string_to_metric_families(line)
    assert [sample.labels for sample in family.samples] == [{"a": value, "b": value, "c": "end"}]
    [family] = openmetrics_families(f"{line}# EOF\n")
    assert [sample.labels for sample in family.samples] == [{"a": value, "b": value, "c": "end"}]
    assert samples(line) == {("m", frozenset({"a": value, "b": value, "c": "end"}.items())): 1}
