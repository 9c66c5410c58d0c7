"""What a fleet's series must be: the specification of trunks a second time, slow and obvious, from the API's JSON."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Final

from exporter.config.settings import Filter, Metrics, Workspace
from exporter.config.values import Pattern
from support.samples import Labels

Json = dict[str, Any]
Series = tuple[str, dict[str, str], float | None]  # name, labels, and value; None where there is no such series

CHANNELS = ("call", "sms", "whatsapp")
SERVICES = ("voice", "inbound", "sms")
CAPABILITIES = ("voice", "sms", "mms", "fax", "emergency", "local_calling")
UNREADABLE: Final = "unreadable"
POLLED_AT = 1_700_000_000.0  # by the first poll


def oracle(rows: Sequence[object], workspace: Workspace, metrics: Metrics) -> dict[tuple[str, Labels], float]:
    """Return the samples of a fleet's rows, as its first snapshot shows them."""
    trunks, answered = merged(rows), answered_elsewhere(rows)
    for trunk in trunks:
        trunk["reasons"] = out_of_service(trunk, answered[key_of(trunk)], workspace)
    samples: dict[tuple[str, Labels], float] = {}
    for name, labels, value in (*of_trunks(trunks, workspace, metrics), *of_workspace(trunks, workspace)):
        series = name, frozenset({"workspace": workspace.name, **labels}.items())
        assert series not in samples
        if value is not None:
            samples[series] = float(value)
    return samples


def of_trunks(trunks: Sequence[Json], workspace: Workspace, metrics: Metrics) -> Iterator[Series]:
    for trunk in trunks:
        uuid, number = text_at(trunk, "phone_number_uuid"), styled(text_at(trunk, "number"), metrics.number)
        identity = {"phone_number_uuid": uuid, "number": number}
        if metrics.trunk_details and (uuid or metrics.number == "full"):
            for name, labels, value in of_trunk(trunk, workspace, metrics):
                if not any(re.fullmatch(pattern.text, name) for pattern in metrics.deny):
                    yield name, identity | labels, value


def of_trunk(trunk: Json, workspace: Workspace, metrics: Metrics) -> Iterator[Series]:
    about = {
        "country_code": text_at(trunk, "country_code"),
        "locality": text_at(trunk, "location"),
        "type": text_at(trunk, "type"),
        "source": text_at(trunk, "source"),
        "is_external": {True: "true", False: "false", None: ""}[flag_at(trunk, "is_external")],
    }
    yield "mihu_trunk_info", about, 1
    status, compliance = text_at(trunk, "status"), text_at(trunk, "compliance", "status")
    yield "mihu_trunk_status", {"status": status}, 1 if status else None
    yield "mihu_trunk_compliance_status", {"status": compliance}, 1 if compliance else None
    yield "mihu_trunk_compliance_requirements", {}, length_at(trunk, "compliance", "requirements")
    for capability in CAPABILITIES:
        yield "mihu_trunk_capability", {"capability": capability}, flag_at(trunk, "capabilities", capability)
    yield "mihu_trunk_monthly_fee", {"currency": currency_of(trunk)}, number_at(trunk, "billing", "monthly_fee")
    yield "mihu_trunk_purchased_timestamp_seconds", {}, time_at(trunk, "purchased_at")
    yield "mihu_trunk_updated_timestamp_seconds", {}, time_at(trunk, "updated_at")

    for service in SERVICES:
        settings, labels = ("channel_settings", service), {"carrier_service": service}
        yield "mihu_trunk_service_enabled", labels, flag_at(trunk, *settings, "enabled")
        yield "mihu_trunk_service_channel_limit", labels, number_at(trunk, *settings, "channel_limit")
        if service != "inbound":
            destinations = length_at(trunk, *settings, "whitelisted_destinations")
            yield "mihu_trunk_service_whitelisted_destinations", labels, destinations

    for channel in CHANNELS:
        bound, labels = bound_on(trunk, channel), {"channel": channel}
        yield "mihu_trunk_channel_bound", labels, bound if isinstance(bound, bool) else None
        if channel in expected_on(trunk, workspace) and bound != UNREADABLE:
            yield "mihu_trunk_channel_unbound", labels, bound is not True
        agent_uuid, agent_name = agent_on(trunk, channel)
        if agent_uuid or agent_name:
            name = {"agent_name": agent_name} if metrics.agent_names else {}
            yield "mihu_trunk_channel_agent_info", {**labels, "agent_uuid": agent_uuid, **name}, 1

    for reason, applies in trunk["reasons"].items():
        yield "mihu_trunk_out_of_service", {"reason": reason}, applies
    worst_first = [reason for reason in ("not_active", "blocked", "unbound") if trunk["reasons"].get(reason)]
    if worst_first:
        yield "mihu_trunk_out_of_service_timestamp_seconds", {}, POLLED_AT
        labels = {"reason": worst_first[0], "was_in_service": "unknown"}
        yield "mihu_trunk_outage_timestamp_seconds", labels, POLLED_AT
    for reason, status in waiting(trunk, workspace):
        yield "mihu_trunk_waiting", {"reason": reason, "status": status}, 1


def of_workspace(trunks: Sequence[Json], workspace: Workspace) -> Iterator[Series]:
    statuses = Counter(text_at(trunk, "status") or "unknown" for trunk in trunks)
    for status, count in at_most_32(statuses, "active").items():
        yield "mihu_trunks", {"status": status}, count
    compliance = Counter(text_at(trunk, "compliance", "status") or "unknown" for trunk in trunks)
    for status, count in at_most_32(compliance, "completed").items():
        yield "mihu_trunks_by_compliance", {"status": status}, count
    nowhere = [trunk for trunk in trunks if all(bound_on(trunk, channel) in {None, False} for channel in CHANNELS)]
    yield "mihu_trunks_without_binding", {}, len(nowhere)

    for channel in CHANNELS:
        bound = [trunk for trunk in trunks if bound_on(trunk, channel) is True]
        yield "mihu_bound_channels", {"channel": channel}, len(bound)
    for channel in expectable(workspace):
        expected = [trunk for trunk in trunks if channel in expected_on(trunk, workspace)]
        unbound = [trunk for trunk in expected if bound_on(trunk, channel) in {None, False}]
        yield "mihu_expected_channels", {"channel": channel}, len(expected)
        yield "mihu_unbound_channels", {"channel": channel}, len(unbound)

    yield from amounts(trunks)

    yield "mihu_trunks_out_of_service", {}, sum(any(trunk["reasons"].values()) for trunk in trunks)
    for reason in ("unbound", "not_active", "blocked"):
        count = sum(trunk["reasons"].get(reason, False) for trunk in trunks)
        yield "mihu_trunks_out_of_service_by_reason", {"reason": reason}, count
    waits = Counter(reason for trunk in trunks for reason, _ in waiting(trunk, workspace))
    for reason in ("pending", "incomplete", "rejected"):
        yield "mihu_trunks_waiting", {"reason": reason}, waits[reason]


def amounts(trunks: Sequence[Json]) -> Iterator[Series]:
    for service in SERVICES:
        settings = ("channel_settings", service)
        enabled = [trunk for trunk in trunks if flag_at(trunk, *settings, "enabled")]
        limits = (Fraction(repr(number_at(trunk, *settings, "channel_limit") or 0)) for trunk in enabled)
        yield "mihu_channel_limits", {"carrier_service": service}, as_float(sum(limits, Fraction(0)))
    fees: dict[str, Fraction] = {}
    for trunk in trunks:
        if (fee := number_at(trunk, "billing", "monthly_fee")) is not None:
            fees[currency_of(trunk)] = fees.get(currency_of(trunk), Fraction(0)) + Fraction(repr(fee))
    for currency, total in at_most_32(fees).items():
        yield "mihu_monthly_fees", {"currency": currency}, as_float(total)


# One row: a field of the wrong type is as good as none, and [] is how PHP sends an empty object.


def at(value: object, *keys: str) -> Any:  # noqa: ANN401 - JSON
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def text_at(row: Json, *keys: str) -> str:
    part = at(row, *keys)
    return UNSAFE.sub("\ufffd", part[:128]) if isinstance(part, str) else ""


def flag_at(row: Json, *keys: str) -> bool | None:
    part = at(row, *keys)
    return part if isinstance(part, bool) else None


def number_at(row: Json, *keys: str) -> float | None:
    part = at(row, *keys)
    return float(part) if isinstance(part, int | float) and not isinstance(part, bool) else None


def length_at(row: Json, *keys: str) -> int | None:
    part = at(row, *keys)
    return len(part) if isinstance(part, list) else None


def time_at(row: Json, key: str) -> float | None:
    part = at(row, key)
    if not isinstance(part, str) or len(part) <= len("2023-11-07"):
        return None
    try:
        time = datetime.fromisoformat(part)
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


# Controls, ends of lines, directions and halves of characters.
UNSAFE = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def key_of(trunk: Json) -> str:
    return text_at(trunk, "phone_number_uuid") or text_at(trunk, "number")


def currency_of(trunk: Json) -> str:
    return text_at(trunk, "billing", "currency") or "unknown"


def binding_on(trunk: Json, channel: str) -> Json:
    """Return a channel's binding; one that is no object is unreadable, and so are all where they are none."""
    part: Any = trunk
    for key in ("bindings", channel):
        part = part.get(key)
        if part is None or part == []:
            return {}
        if not isinstance(part, dict):
            return {"bound": UNREADABLE}
    binding: Json = part
    return binding


def bound_on(trunk: Json, channel: str) -> bool | str | None:
    bound = binding_on(trunk, channel).get("bound")
    return bound if bound is None or isinstance(bound, bool) else UNREADABLE


def agent_on(trunk: Json, channel: str) -> tuple[str, str]:
    binding = binding_on(trunk, channel)
    return text_at(binding, "agent_uuid"), text_at(binding, "agent_name")


def styled(number: str, style: str) -> str:
    if style == "hidden":
        return ""
    if style == "full":
        return number
    stays = set(range(5)) | {len(number) - 2, len(number) - 1} if len(number) > 7 else set()
    return "".join(character if index in stays else "*" for index, character in enumerate(number))


# Several rows of one trunk


def merged(rows: Sequence[object]) -> list[Json]:
    """Return one row for each trunk; where no row has any binding, nothing is known about bindings."""
    trunks = [merge(same) for same in rows_by_trunk(rows).values()]
    if all(bound_on(trunk, channel) is None for trunk in trunks for channel in CHANNELS):
        for trunk in trunks:
            trunk["bindings"] = {channel: {**binding_on(trunk, channel), "bound": UNREADABLE} for channel in CHANNELS}
    return trunks


def rows_by_trunk(rows: Sequence[object]) -> dict[str, list[Json]]:
    trunks: dict[str, list[Json]] = {}
    for row in rows:
        if isinstance(row, dict) and is_valid(row):
            trunks.setdefault(key_of(row), []).append(row)
    return trunks


def is_valid(row: Json) -> bool:
    texts = [text for key in ("phone_number_uuid", "number") if isinstance(text := row.get(key), str)]
    return any(texts) and all(len(text) <= 128 for text in texts)


def merge(rows: list[Json]) -> Json:
    newest_first = sorted(rows, key=age, reverse=True)
    whole = dict(newest_first[0])
    whole["status"] = worst([text_at(row, "status") for row in newest_first], "active")
    compliance = worst([text_at(row, "compliance", "status") for row in newest_first], "completed")
    whole["compliance"] = {"status": compliance, "requirements": at(whole, "compliance", "requirements")}
    whole["bindings"] = {channel: merge_bindings(newest_first, channel) for channel in CHANNELS}
    return whole


def age(row: Json) -> tuple[bool, float, bytes]:
    updated = time_at(row, "updated_at")
    return updated is not None, updated or 0.0, json.dumps(row).encode()


def worst(statuses: list[str], good: str) -> str | None:
    bad = [status for status in statuses if status and status != good]
    if bad:
        return bad[0]
    return good if good in statuses else None


def merge_bindings(newest_first: list[Json], channel: str) -> Json:
    for wanted in (True, UNREADABLE, False, None):
        for row in newest_first:
            if bound_on(row, channel) == wanted:
                return binding_on(row, channel)
    raise AssertionError("a binding is bound, not bound, unreadable or not there")


# What is expected


def expectable(workspace: Workspace) -> list[str]:
    """Return the channels that any rule in force can expect, but those that the list is filtered by."""
    if workspace.filter.agent_uuid:
        return []
    channels: set[str] = set()
    for rule in workspace.expect:
        channels |= {"call"} if rule.channels is None else set(rule.channels)
        if not (rule.match.number or rule.match.type or rule.match.country_code or rule.match.status):
            break
    else:
        channels |= {"call"}
    return [channel for channel in CHANNELS if channel in channels and channel != workspace.filter.channel]


def expected_on(trunk: Json, workspace: Workspace) -> set[str]:
    about = {name: text_at(trunk, name) for name in ("number", "type", "country_code", "status")}
    channels: Sequence[str] | None = None
    for rule in workspace.expect:
        if all(matches(getattr(rule.match, name), value) for name, value in about.items()):
            channels = rule.channels
            break
    return set(automatic(trunk) if channels is None else channels) & set(expectable(workspace))


def matches(patterns: Sequence[Pattern], value: str) -> bool:
    return not patterns or any(re.fullmatch(pattern.text, value) for pattern in patterns)


def automatic(trunk: Json) -> list[str]:
    calls_are_off = all(flag_at(trunk, "channel_settings", name, "enabled") is False for name in ("voice", "inbound"))
    serves_whatsapp_alone = bound_on(trunk, "whatsapp") is True and bound_on(trunk, "call") in {None, False}
    return [] if calls_are_off or serves_whatsapp_alone else ["call"]


# Out of service


def answered_elsewhere(rows: Sequence[object]) -> dict[str, set[str]]:
    """Return, for each trunk, the channels on which another one with the same number is bound."""
    by_trunk = rows_by_trunk(rows)
    numbers = {key: {digits_of(row) for row in same} - {""} for key, same in by_trunk.items()}
    return {
        key: {
            channel
            for other, same in by_trunk.items()
            if other != key and numbers[other] & numbers[key]
            for row in same
            for channel in CHANNELS
            if bound_on(row, channel) is True
        }
        for key in by_trunk
    }


def digits_of(row: Json) -> str:
    return "".join(character for character in text_at(row, "number") if character.isdecimal())


def out_of_service(trunk: Json, answered: set[str], workspace: Workspace) -> dict[str, bool]:
    """Return, for each reason that can be told, whether the trunk is out of service for it."""
    expected, statuses, status = expected_on(trunk, workspace), workspace.statuses, text_at(trunk, "status")
    if not expected and all(bound_on(trunk, channel) is not True for channel in CHANNELS):
        return {}  # it is not in use
    unanswered = [bound_on(trunk, channel) for channel in expected - answered]
    reasons = {
        "unbound": either(*(None if bound == UNREADABLE else bound is not True for bound in unanswered)),
        "not_active": not is_one_of(status, statuses.active) if status else None,
        "blocked": either(is_blocked(trunk, "call", ["voice", "inbound"]), is_blocked(trunk, "sms", ["sms"])),
    }
    told = {reason: applies for reason, applies in reasons.items() if applies is not None}
    return dict.fromkeys(told, False) if is_one_of(status, statuses.pending) else told


def either(*answers: bool | None) -> bool | None:
    """Tell whether one of them is yes; None where that cannot be told."""
    if True in answers:
        return True
    return None if None in answers else False


def is_blocked(trunk: Json, channel: str, services: list[str]) -> bool | None:
    if bound_on(trunk, channel) in {None, False}:
        return False
    enabled = [flag_at(trunk, "channel_settings", service, "enabled") for service in services]
    limits = [number_at(trunk, "channel_settings", service, "channel_limit") for service in services]
    all_disabled = all(flag is False for flag in enabled)
    one_at_zero = any(flag is True and limit == 0 for flag, limit in zip(enabled, limits, strict=True))
    if all_disabled or one_at_zero:
        return True if bound_on(trunk, channel) is True else None
    return False if True in enabled else None


def waiting(trunk: Json, workspace: Workspace) -> Iterator[tuple[str, str]]:
    """Yield why a trunk in use is not in service yet, each reason with the status that says so."""
    if not trunk["reasons"]:
        return
    statuses, status, compliance = workspace.statuses, text_at(trunk, "status"), text_at(trunk, "compliance", "status")
    if is_one_of(status, statuses.pending):
        yield "pending", status
    if compliance and not is_one_of(compliance, statuses.compliant):
        yield "rejected" if is_one_of(compliance, statuses.rejected) else "incomplete", compliance


def is_one_of(status: str, patterns: Sequence[Pattern]) -> bool:
    return any(re.fullmatch(pattern.text, status, re.IGNORECASE | re.DOTALL) for pattern in patterns)


# Filters


def obeys(row: object, wanted: Filter) -> bool:
    """Tell whether a row says nothing against the filter; one that does fails the poll."""
    if not isinstance(row, dict) or not is_valid(row):
        return True
    bound = {channel: bound_on(row, channel) for channel in CHANNELS}
    agents = {agent_on(row, channel)[0].lower() for channel in CHANNELS} - {""}
    states_bindings = bool({True, False} & set(bound.values()))
    bound_elsewhere = wanted.channel is not None and states_bindings and bound[wanted.channel] in {None, False}
    served_by_others = wanted.agent_uuid is not None and bool(agents) and wanted.agent_uuid not in agents
    return not bound_elsewhere and not served_by_others


# Sums


def at_most_32(sums: dict[str, Any], *always: str) -> dict[str, Any]:
    """Keep 32 values: those that always exist, then the greatest; the rest is ``other``."""
    sums = dict.fromkeys(always, 0) | dict(sums)
    ranked = sorted(sums, key=lambda value: (value not in always, -sums[value], value))
    kept = [value for value in ranked if value != "other"][:32]
    shown = {value: sums[value] for value in kept}
    rest = [sums[value] for value in sums if value not in kept]
    return shown | ({"other": sum(rest)} if rest else {})


def as_float(exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        return float("inf") if exact > 0 else float("-inf")
