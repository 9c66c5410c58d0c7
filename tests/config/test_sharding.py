"""Each workspace is polled by exactly one shard, and few move when their number changes."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.exposed import workspace

from exporter.config.settings import Shard, ValidatedConfig
from exporter.config.sharding import ordinal_of_host, other_owner, owner, share

NAMES = [f"workspace-{number}" for number in range(1000)]


def config(names: list[str]) -> ValidatedConfig:
    return ValidatedConfig(workspaces=tuple(map(workspace, names)))


@given(st.lists(st.text(min_size=1), unique=True, max_size=20), st.integers(1, 8))
def test_each_workspace_has_exactly_one_owner(names: list[str], total: int) -> None:
    shares = [share(config(names), Shard(ordinal, total)).workspaces for ordinal in range(total)]
    polled = Counter(workspace.name for share in shares for workspace in share)
    assert polled == Counter(names)


def test_a_share_knows_who_polls_the_rest() -> None:
    part = share(config(NAMES), Shard(1, 3))
    owners = {name: owner(name, 3) for name in NAMES}
    assert part.shard == Shard(1, 3)
    assert part.elsewhere == tuple(name for name in NAMES if owners[name] != 1)
    for name in NAMES:
        assert other_owner(part, name) == (None if owners[name] == 1 else Shard(owners[name], 3))
    assert other_owner(part, "unknown") is None


def test_shards_have_like_shares() -> None:
    shares = Counter(owner(name, 4) for name in NAMES)
    assert all(200 <= shares[ordinal] <= 300 for ordinal in range(4))


def test_a_new_shard_takes_its_share_and_nothing_else_moves() -> None:
    moved = [name for name in NAMES if owner(name, 3) != owner(name, 4)]
    assert all(owner(name, 4) == 3 for name in moved)
    assert 200 <= len(moved) <= 300


def test_owners_do_not_depend_on_the_process() -> None:
    """Shards are processes of their own: they must agree without talking."""
    assert [owner(name, 3) for name in ("acme", "globex", "initech", "umbrella")] == [0, 2, 0, 0]


@pytest.mark.parametrize(("ordinal", "total"), [(3, 3), (-1, 3), (0, 0), (1, 1)])
def test_an_impossible_shard_is_refused(ordinal: int, total: int) -> None:
    with pytest.raises(ValueError, match=f"there is no shard {ordinal} of {total}; shards are counted from 0"):
        Shard(ordinal, total)


def test_the_ordinal_ends_the_host_name() -> None:
    hosts = ("mihu-trunk-exporter-0", "exporter-12", "exporter-2.monitoring.svc")
    assert [ordinal_of_host(host) for host in hosts] == [0, 12, 2]
    for host in ("laptop", "exporter-", "exporter7", "exporter-0a", ""):
        with pytest.raises(ValueError, match="does not end in an ordinal"):
            ordinal_of_host(host)
