import pytest

from exporter.config import addresses


@pytest.mark.parametrize("subdomain", ["acme", "ACME", "a", "a-1", "0", "x" * 63])
def test_a_subdomain_is_one_dns_label(subdomain: str) -> None:
    assert addresses.subdomain(subdomain) == subdomain.lower()


@pytest.mark.parametrize("subdomain", ["-a", "a-", "a.b", "a_b", "", "é", "x" * 64, "acme\n", "mihu.ai"])
def test_other_texts_are_not_subdomains(subdomain: str) -> None:
    with pytest.raises(ValueError, match=r"should be the part before \.mihu\.ai"):
        addresses.subdomain(subdomain)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("https://acme.example.com", "https://acme.example.com"),
        ("https://acme.example.com/", "https://acme.example.com"),
        ("https://acme.example.com:8443/mihu/eu/", "https://acme.example.com:8443/mihu/eu"),
        ("https://acme.mihu.ai/api/v1/phone-numbers/trunks", "https://acme.mihu.ai"),
        ("https://eu.example.com/mihu//api/v1/phone-numbers/trunks/", "https://eu.example.com/mihu"),
        (
            "https://acme.example.com/api/v1/phone-numbers/trunks/old",
            "https://acme.example.com/api/v1/phone-numbers/trunks/old",
        ),
        ("https://bücher.example.com", "https://bücher.example.com"),
        ("https://10.0.0.1", "https://10.0.0.1"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://mihu.localhost", "http://mihu.localhost"),
        ("http://127.1.2.3", "http://127.1.2.3"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_base_url_is_https_or_to_this_host(written: str, address: str) -> None:
    assert addresses.base_url(written) == address
    assert not addresses.sends_unencrypted(address)


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
        ("10.0.0.1:80", ["http://10.0.0.1"], ["http://10.0.0.1:81"]),
        ("10.0.0.0/8", ["http://10.1.2.3"], ["http://11.0.0.0", "http://[::1]", "http://ten.example"]),
        ("10.9.9.9/8", ["http://10.1.2.3"], ["http://11.0.0.0"]),
        ("::1", ["http://[::1]", "http://[0:0::1]:81"], ["http://[::2]", "http://127.0.0.1"]),
        ("[::1]", ["http://[::1]"], ["http://[::2]"]),
        ("[0::1]:80", ["http://[::1]"], ["http://[::1]:81"]),
        ("fd00::/8", ["http://[fd12::1]"], ["http://[fe80::1]", "http://10.0.0.1"]),
    ],
)
def test_patterns_match_hosts_that_are_reached_directly(pattern: str, direct: list[str], by_proxy: list[str]) -> None:
    written = [addresses.direct_host(pattern)]
    assert [address for address in (*direct, *by_proxy) if addresses.is_direct(address, written)] == direct


@pytest.mark.parametrize(
    "written",
    ["https://a", "a b", "a..*", ".", "*.", ":80", "user@host", "host:port", "10.0.0.0/33", "[a]"],
)
def test_invalid_hosts_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is not a host"):
        addresses.direct_host(written)
