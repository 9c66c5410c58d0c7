"""The fleet, the churn in it, and what both promise about the shape of a trunk."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from support.clock import ManualClock
from support.trunks import bound, row

from exporter.simulator.behaviour import RowPer
from exporter.simulator.churn import Churn
from exporter.simulator.fleet import Fleet
from exporter.simulator.generator import Trunk, bound_channels

NOW = 1_750_000_000.0

# Rows as they are documented; the tests shall not believe the code about it. Any value may be null, an empty object [].
REQUIREMENT = {"name": "", "type": "", "description": ""}
DOCUMENTED = row(
    compliance={"status": "", "requirements": [REQUIREMENT]},
    capabilities=dict.fromkeys(row()["capabilities"], True),
    bindings=dict.fromkeys(row()["bindings"], bound("Ada")),
)


def assert_like(value: Any, documented: Any) -> None:  # noqa: ANN401 - of JSON
    """Fail where a value has another type than the documented one, or has what is not documented."""
    if isinstance(documented, dict) and value not in (None, []):
        assert value.keys() <= documented.keys()
        for key, each in value.items():
            assert_like(each, documented[key])
    elif isinstance(documented, list) and value is not None:
        for each in value:
            assert_like(each, documented[0])
    elif value not in (None, []):
        assert isinstance(value, (int, float) if isinstance(documented, float) else type(documented)), value


def assert_documented(rows: Sequence[Trunk]) -> None:
    for each in msgspec.json.decode(msgspec.json.encode(rows)):
        assert_like(each, DOCUMENTED)
        assert each.keys() >= DOCUMENTED.keys() - {"channel_settings"}
        assert re.fullmatch(r"\+[1-9][0-9]{7,14} [A-Z]{2}", f"{each['number']} {each['country_code']}")
        assert re.fullmatch("[0-9a-f-]{36}|None", str(each["phone_number_uuid"]))
        assert each["status"] in {"active", "pending", "suspended"}
        for binding in each["bindings"].values():
            assert binding["bound"] == (binding["agent_uuid"] is not None) == (binding["agent_name"] is not None)


class TestGenerate:
    @given(size=st.integers(0, 120), seed=st.integers(0, 2**64))
    def test_any_size_and_seed_has_the_documented_shape_and_distinct_numbers(self, size: int, seed: int) -> None:
        rows = Fleet.generate(size, seed).rows(RowPer.NUMBER)
        assert len(rows) == len({each["number"] for each in rows}) == size
        assert_documented(rows)
        assert rows == Fleet.generate(size, seed).rows(RowPer.NUMBER)
        assert not size or rows != Fleet.generate(size, seed + 1).rows(RowPer.NUMBER)

    def test_a_large_fleet_has_the_variety_and_oddities_of_a_real_one(self) -> None:
        rows = Fleet.generate(500, 1).rows(RowPer.NUMBER)
        assert {each["country_code"] for each in rows} == {"IT", "US", "GB", "DE", "FR", "ES"}
        assert {each["type"] for each in rows} == {"local", "toll_free", "mobile", "national"}
        assert {each["compliance"]["status"] for each in rows} == {"completed", "pending", "rejected"}
        bound_on = {" ".join(bound_channels(each)) for each in rows}
        assert bound_on == {"", "call", "whatsapp", "call sms", "call whatsapp"}
        assert {each["billing"]["currency"] for each in rows if not each["is_external"]} == {"EUR", "USD"}
        unbilled = [each["billing"] for each in rows if each["is_external"]]
        fees: list[object] = [{"monthly_fee": None, "currency": None}, {"currency": "EUR"}, []]
        assert all(billing in unbilled for billing in [*fees, {"monthly_fee": 0, "currency": "EUR"}])
        capabilities = [each["capabilities"] for each in rows]
        settings = [each.get("channel_settings", "missing") for each in rows]
        assert None in capabilities
        assert [] in capabilities
        assert "missing" in settings
        assert [] in settings
        assert any(each["is_external"] and each["source"] == "purchased" for each in rows)
        stamps = [each["updated_at"] for each in rows]
        assert any("." in stamp for stamp in stamps)
        assert {stamp[19:] for stamp in stamps if "." not in stamp} == {"Z", "+00:00", ""}


@given(size=st.integers(0, 60), seed=st.integers(0, 1000))
def test_a_row_per_channel_shows_every_binding_once(size: int, seed: int) -> None:
    fleet = Fleet.generate(size, seed)
    rows = fleet.rows(RowPer.CHANNEL)
    assert_documented(rows)
    assert all(len(bound_channels(each)) <= 1 for each in rows)
    shown = Counter((each["number"], channel) for each in rows for channel in bound_channels(each))
    true = Counter(
        (trunk["number"], channel) for trunk in fleet.rows(RowPer.NUMBER) for channel in bound_channels(trunk)
    )
    assert shown == true
    assert list(dict.fromkeys(each["number"] for each in rows)) == list(fleet.numbers)


KINDS = {"unbound", "status_changed", "limited", "healed", "reassigned", "repriced", "added", "removed"}


def well(rows: Sequence[Trunk]) -> float:
    return len([each for each in rows if each["status"] == "active" and bound_channels(each)]) / len(rows)


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
