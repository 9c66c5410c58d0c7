"""Which format and which encoding a client gets by its Accept headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.text import OPENMETRICS, PROMETHEUS, Format
from exporter.web.negotiation import accepts_gzip, choose_format

OM = "application/openmetrics-text"
PROMETHEUS_2_42 = f"{OM};version=1.0.0,{OM};version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
PROMETHEUS_3 = (
    f"{OM};version=1.0.0;escaping=allow-utf-8;q=0.6,{OM};version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
NATIVE_HISTOGRAMS = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7"

OPENMETRICS_IS_CHOSEN = {
    "Prometheus 2.42": PROMETHEUS_2_42,
    "Prometheus 3": PROMETHEUS_3,
    "Prometheus 3, native histograms": f"{NATIVE_HISTOGRAMS},{PROMETHEUS_3}",
    "named alone": OM,
    "in capitals": f"{OM.upper()}; VERSION=1.0.0; Q=0.9",
    "the most exact range counts": f"*/*;q=1,text/*;q=0.9,text/plain;q=0.1,{OM};q=0.2",
    "text excluded": "text/plain;q=0,*/*",
    "application/*": "application/*",
    "tie, named more exactly": f"text/plain,{OM};version=1.0.0",
    "tie, named first": f"{OM},text/plain",
}
PROMETHEUS_IS_CHOSEN = {
    "nothing asked for": "",
    "anything": "*/*",
    "Firefox": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "VictoriaMetrics": "text/plain;version=0.0.4;q=1,*/*;q=0.1",
    "Prometheus 3, text first": f"text/plain;version=0.0.4;q=0.6,{OM};version=1.0.0;q=0.5,*/*;q=0.4",
    "OpenMetrics 0.0.1 alone": f"{OM};version=0.0.1",
    "OpenMetrics 0.0.1 beside text": f"{OM};version=0.0.1,text/plain;version=0.0.4;q=0.1",
    "OpenMetrics excluded": f"{OM};q=0,*/*;q=0.1",
    "OpenMetrics less preferred": f"{OM};q=0.4,text/plain;q=0.5",
    "everything excluded": "*/*;q=0",
    "tie, text named first": f"text/plain,{OM}",
    "JSON alone": "application/json",
    "q is no number": f"{OM};q=high,text/plain;q=0.1",
    "q below 0": f"{OM};q=-1,text/plain;q=0.1",
    "garbage": ';;;===,,, q="\\\x00\xff */ /* ;q',
}


@pytest.mark.parametrize(
    ("accept", "format_"),
    [
        *(pytest.param(accept, OPENMETRICS, id=name) for name, accept in OPENMETRICS_IS_CHOSEN.items()),
        *(pytest.param(accept, PROMETHEUS, id=name) for name, accept in PROMETHEUS_IS_CHOSEN.items()),
    ],
)
def test_a_format_is_chosen(accept: str, format_: Format) -> None:
    assert choose_format(accept) is format_


GZIPPED = [
    *("gzip", "deflate, gzip, br, zstd", "GZIP", "x-gzip", "gzip;q=0.1", "*", "gzip, identity;q=0", "identity, gzip"),
    *("identity;q=0.5, gzip;q=0.6", "gzip, *;q=0"),
]
PLAIN = [
    *("", "identity", "br, zstd, deflate", "gzip;q=0", "gzip;q=0, *", "*;q=0", "identity, gzip;q=0.5"),
    *("identity;q=0.8, *;q=0.5", ";,=;gzip?"),
]


@pytest.mark.parametrize(
    ("accept_encoding", "gzip"), [*((each, True) for each in GZIPPED), *((each, False) for each in PLAIN)]
)
def test_gzip_is_sent_where_it_is_accepted_and_nothing_else_preferred(accept_encoding: str, *, gzip: bool) -> None:
    assert accepts_gzip(accept_encoding) is gzip


@given(
    header=st.one_of(
        st.text(st.characters(max_codepoint=255)),
        st.lists(
            st.sampled_from(["gzip", OM, "text/plain", "*/*", "*", ";", ",", "q=", "0.5", "version=", " ", '"'])
        ).map("".join),
    )
)
def test_no_header_is_an_error(header: str) -> None:
    assert choose_format(header) in {PROMETHEUS, OPENMETRICS}
    assert accepts_gzip(header) in {True, False}
