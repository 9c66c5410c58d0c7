"""The fleet, the churn in it, and what both promise about the shape of a trunk."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from support.clock import ManualClock

from exporter.simulator.behaviour import RowPer
from exporter.simulator.churn import Churn
from exporter.simulator.fleet import Fleet
from exporter.simulator.generator import CHANNELS, Trunk, bound_channels

NOW = 1_750_000_000.0

# The documented shape, written down once more: the tests shall not believe the code about it.


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    pass


class Requirement(Strict):
    name: str
    type: str
    description: str


class Compliance(Strict):
    status: Literal["completed", "pending", "rejected"]
    requirements: list[Requirement]


class Service(Strict):
    enabled: bool
    channel_limit: Annotated[int, msgspec.Meta(ge=0)] | None
    whitelisted_destinations: list[str] | msgspec.UnsetType = msgspec.UNSET


class Binding(Strict):
    bound: bool
    agent_uuid: str | None
    agent_name: str | None


class Bindings(Strict):
    call: Binding
    sms: Binding
    whatsapp: Binding


class Row(Strict):
    phone_number_uuid: Annotated[str, msgspec.Meta(pattern="^[0-9a-f-]{36}$")] | None
    number: Annotated[str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{7,14}$")]
    country_code: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")]
    location: str | None
    type: Literal["local", "toll_free", "mobile", "national"]
    is_external: bool
    source: Literal["external", "purchased"]
    status: Literal["active", "pending", "suspended"]
    compliance: Compliance
    billing: dict[str, float | str | None] | list[None]
    bindings: Bindings
    purchased_at: str | None
    updated_at: str
    capabilities: dict[str, bool | None] | list[None] | None
    channel_settings: dict[str, Service | list[None] | None] | list[None] | msgspec.UnsetType | None = msgspec.UNSET


CAPABILITIES = {"voice", "sms", "mms", "fax", "emergency", "local_calling"}


def assert_documented(rows: Sequence[Trunk]) -> None:
    for row in msgspec.convert(msgspec.json.decode(msgspec.json.encode(rows)), list[Row]):
        if isinstance(row.capabilities, dict):
            assert set(row.capabilities) <= CAPABILITIES
        if isinstance(row.channel_settings, dict):
            assert set(row.channel_settings) <= {"voice", "sms", "inbound"}
        if isinstance(row.billing, dict):
            assert set(row.billing) <= {"monthly_fee", "currency"}
        else:
            assert row.billing == []
        for channel in CHANNELS:
            binding: Binding = getattr(row.bindings, channel)
            assert binding.bound == (binding.agent_uuid is not None) == (binding.agent_name is not None)


class TestGenerate:
    @given(size=st.integers(0, 120), seed=st.integers(0, 2**64))
    def test_any_size_and_seed_has_the_documented_shape_and_distinct_numbers(self, size: int, seed: int) -> None:
        rows = Fleet.generate(size, seed).rows(RowPer.NUMBER)
        assert len(rows) == len({row["number"] for row in rows}) == size
        assert_documented(rows)
        assert rows == Fleet.generate(size, seed).rows(RowPer.NUMBER)
        assert not size or rows != Fleet.generate(size, seed + 1).rows(RowPer.NUMBER)

    def test_a_large_fleet_has_the_variety_and_oddities_of_a_real_one(self) -> None:
        rows = Fleet.generate(500, 1).rows(RowPer.NUMBER)
        assert {row["country_code"] for row in rows} == {"IT", "US", "GB", "DE", "FR", "ES"}
        assert {row["type"] for row in rows} == {"local", "toll_free", "mobile", "national"}
        assert {row["compliance"]["status"] for row in rows} == {"completed", "pending", "rejected"}
        assert {" ".join(bound_channels(row)) for row in rows} == {"", "call", "whatsapp", "call sms", "call whatsapp"}
        assert {row["billing"]["currency"] for row in rows if not row["is_external"]} == {"EUR", "USD"}
        unbilled = [row["billing"] for row in rows if row["is_external"]]
        fees: list[object] = [{"monthly_fee": None, "currency": None}, {"currency": "EUR"}, []]
        assert all(billing in unbilled for billing in [*fees, {"monthly_fee": 0, "currency": "EUR"}])
        capabilities = [row["capabilities"] for row in rows]
        settings = [row.get("channel_settings", "missing") for row in rows]
        assert None in capabilities
        assert [] in capabilities
        assert "missing" in settings
        assert [] in settings
        assert any(row["is_external"] and row["source"] == "purchased" for row in rows)
        stamps = [row["updated_at"] for row in rows]
        assert any("." in stamp for stamp in stamps)
        assert {stamp[19:] for stamp in stamps if "." not in stamp} == {"Z", "+00:00", ""}


@given(size=st.integers(0, 60), seed=st.integers(0, 1000))
def test_a_row_per_channel_shows_every_binding_once(size: int, seed: int) -> None:
    fleet = Fleet.generate(size, seed)
    rows = fleet.rows(RowPer.CHANNEL)
    assert_documented(rows)
    assert all(len(bound_channels(row)) <= 1 for row in rows)
    shown = Counter((row["number"], channel) for row in rows for channel in bound_channels(row))
    true = Counter(
        (trunk["number"], channel) for trunk in fleet.rows(RowPer.NUMBER) for channel in bound_channels(trunk)
    )
    assert shown == true
    assert list(dict.fromkeys(row["number"] for row in rows)) == list(fleet.numbers)


KINDS = {"unbound", "status_changed", "limited", "healed", "reassigned", "repriced", "added", "removed"}


def well(rows: Sequence[Trunk]) -> float:
    return len([row for row in rows if row["status"] == "active" and bound_channels(row)]) / len(rows)


class TestChurn:
    def test_a_thousand_steps_keep_size_shape_and_health(self) -> None:
        fleet = Fleet.generate(60, 1)
        original = well(fleet.rows(RowPer.NUMBER))
        churn = Churn(fleet, seed=5)
        kinds: Counter[str] = Counter()
        for step in range(1000):
            kind = churn.step(now=NOW + step)
            assert kind is not None
            kinds[kind] += 1
            assert 54 <= len(fleet) <= 66
            if step % 50 == 0:
                assert_documented(fleet.rows(RowPer.NUMBER))
                assert_documented(fleet.rows(RowPer.CHANNEL))
                assert abs(well(fleet.rows(RowPer.NUMBER)) - original) < 0.2
        assert set(kinds) == KINDS
        assert min(kinds.values()) >= 10

    async def test_run_makes_its_events_per_minute_on_average(self) -> None:
        clock = ManualClock()
        churning = asyncio.create_task(Churn(Fleet.generate(20, 1), seed=1).run(clock, per_minute=30))
        await clock.advance(600)
        churning.cancel()
        assert 240 <= len(clock.slept) <= 360
