"""Which format and which encoding a client gets by its Accept headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics.text import OPENMETRICS, PROMETHEUS
from exporter.web.negotiation import accepts_gzip, choose_format

PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_NATIVE_HISTOGRAMS = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7," + PROMETHEUS_3
)
PROMETHEUS_3_TEXT_FIRST = "text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.4"
VICTORIA_METRICS = "text/plain;version=0.0.4;q=1,*/*;q=0.1"
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

OM = "application/openmetrics-text"

OPENMETRICS_IS_CHOSEN = {
    "Prometheus 2.42": PROMETHEUS_2_42,
    "Prometheus 3": PROMETHEUS_3,
    "Prometheus 3, native histograms": PROMETHEUS_3_NATIVE_HISTOGRAMS,
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
    "Firefox": FIREFOX,
    "VictoriaMetrics": VICTORIA_METRICS,
    "Prometheus 3, text first": PROMETHEUS_3_TEXT_FIRST,
    "named alone": "text/plain",
    "OpenMetrics 0.0.1 alone": f"{OM};version=0.0.1",
    "OpenMetrics 0.0.1 beside text": f"{OM};version=0.0.1,text/plain;version=0.0.4;q=0.1",
    "OpenMetrics excluded": f"{OM};q=0,*/*;q=0.1",
    "OpenMetrics less preferred": f"{OM};q=0.4,text/plain;q=0.5",
    "everything excluded": "*/*;q=0",
    "tie, named first": f"text/plain,{OM}",
    "JSON alone": "application/json",
    "q is no number": f"{OM};q=high,text/plain;q=0.1",
    "q below 0": f"{OM};q=-1,text/plain;q=0.1",
    "garbage": ';;;===,,, q="\\\x00\xff */ /* ;q',
}


@pytest.mark.parametrize("accept", OPENMETRICS_IS_CHOSEN.values(), ids=OPENMETRICS_IS_CHOSEN)
def test_openmetrics_is_chosen(accept: str) -> None:
    assert choose_format(accept) is OPENMETRICS


@pytest.mark.parametrize("accept", PROMETHEUS_IS_CHOSEN.values(), ids=PROMETHEUS_IS_CHOSEN)
def test_the_prometheus_format_is_chosen(accept: str) -> None:
    assert choose_format(accept) is PROMETHEUS


GZIPPED = {
    "gzip": "gzip",
    "curl --compressed": "deflate, gzip, br, zstd",
    "in capitals": "GZIP",
    "old name": "x-gzip",
    "with quality": "gzip;q=0.1",
    "anything": "*",
    "identity excluded": "gzip, identity;q=0",
    "identity as good": "identity, gzip",
    "identity less preferred": "identity;q=0.5, gzip;q=0.6",
    "the rest excluded": "gzip, *;q=0",
}

PLAIN = {
    "nothing asked for": "",
    "identity": "identity",
    "other encodings": "br, zstd, deflate",
    "gzip excluded": "gzip;q=0",
    "gzip excluded, anything else": "gzip;q=0, *",
    "everything excluded": "*;q=0",
    "identity more preferred": "identity, gzip;q=0.5",
    "identity more preferred than anything": "identity;q=0.8, *;q=0.5",
    "garbage": ";,=;gzip?",
}


@pytest.mark.parametrize("accept_encoding", GZIPPED.values(), ids=GZIPPED)
def test_gzip_is_sent(accept_encoding: str) -> None:
    assert accepts_gzip(accept_encoding)


@pytest.mark.parametrize("accept_encoding", PLAIN.values(), ids=PLAIN)
def test_plain_text_is_sent(accept_encoding: str) -> None:
    assert not accepts_gzip(accept_encoding)


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
