"""How single values are written and understood: durations, addresses, and regular expressions as in Prometheus."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import addresses
from exporter.config.values import compile_pattern, format_duration, parse_duration

LONGEST = 292 * 365 * 86_400_000  # milliseconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("0s", 0), ("90s", 90), ("5m", 300), ("5ms", 0.005), ("1h30m", 5400), ("1d", 86_400), ("1y", 31_536_000)),
        ("1y2w3d4h5m6s7ms", 31_536_000 + 1_209_600 + 259_200 + 14_400 + 300 + 6 + 0.007),
        ("292y", LONGEST / 1000),
    ],
)
def test_a_duration_is_numbers_with_units(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.25, "250ms"), (60, "1m"), (250 / 3, "1m23s333ms"), (5400, "1h30m"), (365 * 86_400, "365d")],
)
def test_seconds_are_written_in_days_and_smaller_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(0, LONGEST))
def test_a_written_duration_parses_to_the_same_seconds(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == seconds


def test_a_subdomain_is_one_dns_label() -> None:
    labels = ("acme", "ACME", "a", "a-1", "0", "x" * 63)
    assert [addresses.subdomain(label) for label in labels] == [label.lower() for label in labels]
    for other in ("-a", "a-", "a.b", "a_b", "", "é", "x" * 64, "acme\n", "mihu.ai"):
        with pytest.raises(ValueError, match=r"should be the part before \.mihu\.ai"):
            addresses.subdomain(other)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("https://acme.example.com:8443/mihu/eu/", "https://acme.example.com:8443/mihu/eu"),
        ("https://acme.mihu.ai/api/v1/phone-numbers/trunks", "https://acme.mihu.ai"),
        ("https://eu.example.com/mihu//api/v1/phone-numbers/trunks/", "https://eu.example.com/mihu"),
        *((kept, kept) for kept in ("https://acme.example.com/api/v1/phone-numbers/trunks/old", "https://10.0.0.1")),
        *((kept, kept) for kept in ("https://bücher.example.com", "http://localhost:8080", "http://[::1]:8080")),
        ("http://mihu.localhost", "http://mihu.localhost"),
    ],
)
def test_a_base_url_is_https_or_to_this_host(written: str, address: str) -> None:
    assert addresses.base_url(written) == address
    assert not addresses.sends_unencrypted(address, None)


@pytest.mark.parametrize(
    ("pattern", "direct", "by_proxy"),
    [
        ("*", ["https://acme.mihu.ai", "http://10.0.0.1"], []),
        ("*:8443", ["https://acme.mihu.ai:8443"], ["https://acme.mihu.ai"]),
        ("mihu.ai", ["https://mihu.ai", "https://MIHU.ai:8443", "https://acme.mihu.ai"], ["https://xmihu.ai"]),
        ("Acme.mihu.ai:443", ["https://acme.mihu.ai"], ["http://acme.mihu.ai", "https://acme.mihu.ai:8443"]),
        ("*.mihu.ai", ["https://acme.mihu.ai", "https://a.b.mihu.ai"], ["https://mihu.ai", "https://xmihu.ai"]),
        (".mihu.ai", ["https://acme.mihu.ai"], ["https://mihu.ai"]),
        ("10.0.0.1", ["http://10.0.0.1:8080"], ["http://10.0.0.2", "http://10.0.0.1.example"]),
        ("10.0.0.0/8", ["http://10.1.2.3"], ["http://11.0.0.0", "http://[::1]", "http://ten.example"]),
        ("10.9.9.9/8", ["http://10.1.2.3"], ["http://11.0.0.0"]),
        ("::1", ["http://[::1]", "http://[0:0::1]:81"], ["http://[::2]", "http://127.0.0.1"]),
        ("[0::1]:80", ["http://[::1]"], ["http://[::1]:81"]),
        ("fd00::/8", ["http://[fd12::1]"], ["http://[fe80::1]", "http://10.0.0.1"]),
    ],
)
def test_patterns_match_hosts_that_are_reached_directly(pattern: str, direct: list[str], by_proxy: list[str]) -> None:
    written = [addresses.direct_host(pattern)]
    assert [address for address in (*direct, *by_proxy) if addresses.is_direct(address, written)] == direct


def test_invalid_hosts_are_refused() -> None:
    for written in ("https://a", "a b", "a..*", ".", "*.", ":80", "user@host", "host:port", "10.0.0.0/33", "[a]"):
        with pytest.raises(ValueError, match="is not a host"):
            addresses.direct_host(written)


@pytest.mark.parametrize(
    ("expression", "text", "matches"),
    [
        (r"\+39.*", "+3902", True),
        (r"\+39.*", "0039", False),
        (r"\+39", "+3902", False),
        ("a|ab", "ab", True),
        ("(?i)act.*", "ACTIVE", True),
        ("active", "ACTIVE", False),
        (r"\d+", "٣", False),  # digits are ASCII's
        (r"\pL+", "è", True),
        ("à.", "àè", True),
        (".", "\ud800", True),
        ("", "", True),
        (r"(\+?[0-9]+)+x", "1" * 128, False),  # for which Python's own engine would try 2 ** 128 ways
    ],
)
def test_the_whole_text_has_to_match(expression: str, text: str, *, matches: bool) -> None:
    assert compile_pattern(expression).matches(text) is matches
