"""Content negotiation (RFC 9110, section 12.5)."""

from exporter.metrics.text import OPENMETRICS, PROMETHEUS, Format

_Range = tuple[str, dict[str, str], float]  # of an ``Accept…`` header: its name, parameters and quality, 0 if invalid


def choose_format(accept: str) -> Format:
    """Choose a text format by ``Accept``; where none is acceptable, Prometheus's: browsers show it, and no error."""
    ranges = _parse(accept)
    best = max((PROMETHEUS, OPENMETRICS), key=lambda format_: _preference(format_, ranges))
    return best if _preference(best, ranges)[0] > 0 else PROMETHEUS


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether ``Accept-Encoding`` allows gzip and does not prefer plain text to it."""
    qualities = {name: quality for name, _, quality in _parse(accept_encoding)}
    gzip = qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0)))
    return gzip > 0 and gzip >= qualities.get("identity", 0.0)


def _preference(format_: Format, ranges: list[_Range]) -> tuple[float, int, int]:
    """Return quality, exactness and position of the most exact range that matches a format; larger is better."""
    levels = {"*/*": 1, f"{format_.media_type.partition('/')[0]}/*": 2, format_.media_type: 3}
    exactness, earliness, quality = max(
        (
            (levels[name] + ("version" in parameters), -position, quality)
            for position, (name, parameters, quality) in enumerate(ranges)
            if name in levels and parameters.get("version", format_.version) == format_.version
        ),
        default=(0, 0, 0.0),
    )
    return quality, exactness, earliness


def _parse(header: str) -> list[_Range]:
    ranges = []
    for element in filter(str.strip, header.lower().split(",")):
        name, *rest = (part.strip() for part in element.split(";"))
        pairs = (part.partition("=") for part in rest)
        parameters = {key.strip(): value.strip().strip('"') for key, _, value in pairs}
        try:
            quality = float(parameters.get("q", "1"))
        except ValueError:
            quality = 0.0
        ranges.append((name, parameters, quality if 0 <= quality <= 1 else 0.0))
    return ranges
