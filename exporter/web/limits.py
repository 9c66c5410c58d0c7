"""How much of the exporter clients may take up."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is allowed before a connection is closed or a request is turned away.

    Attributes:
        connections: open at once; beyond it, the one that keeps us waiting longest makes room.
        scrapes: being answered at once.
        others: likewise, of pages and whatever else is not a scrape.
        pipelined: requests that a connection may send ahead of their answers.
        request_bytes: that a connection may send until it is answered; no request of ours needs a body.
        handshake_seconds: for TLS to begin.
        head_seconds: from a connection's begin, or a request's first byte, to the end of its headers.
        answer_seconds: to answer, and for the client to read that.
        stall_seconds: for the client to read on while an answer waits for it.
        idle_seconds: between requests; longer than usual scrape intervals, so that Prometheus keeps its connection.
        closing_seconds: for a client to agree to the end, once it has read what was sent.
    """

    connections: int = 512
    scrapes: int = 128
    others: int = 32
    pipelined: int = 8
    request_bytes: int = 16 * 1024
    handshake_seconds: float = 10.0
    head_seconds: float = 10.0
    answer_seconds: float = 120.0
    stall_seconds: float = 10.0
    idle_seconds: int = 90
    closing_seconds: float = 1.0
