"""The settings that result from the keys of a workspace and of ``global``, and which shard polls it."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.exposed import workspace

from exporter.cli import ordinal_of_host
from exporter.config.credentials import Authorization
from exporter.config.loading import load
from exporter.config.problems import ConfigError
from exporter.config.settings import Metrics, Shard, ValidatedConfig, Workspace, shown
from exporter.config.values import any_matches

LoadText = Callable[[str], ValidatedConfig]
AUTHORIZATION = "authorization: {credentials_env: MIHU_API_TOKEN}"
TOKEN = Authorization(credentials_env="MIHU_API_TOKEN")
EXAMPLE = Path(__file__).parents[2] / "config.yaml"
ACME = Workspace(name="acme", base_url="https://acme.mihu.ai", credentials=TOKEN)


def test_a_workspace_needs_a_subdomain_and_a_token_only(load_text: LoadText) -> None:
    assert load_text(f"{{global: {{{AUTHORIZATION}}}, workspaces: [{{subdomain: acme}}]}}").workspaces == (ACME,)
    assert load_text(f"workspaces: [{{subdomain: Acme, {AUTHORIZATION}}}]").workspaces == (ACME,)


IN_FORCE = yaml.safe_load(Path(__file__).with_name("in_force.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", IN_FORCE.values(), ids=IN_FORCE)
def test_keys_of_a_workspace_have_precedence_over_global(case: dict[str, dict[str, Any]], load_text: LoadText) -> None:
    inherited = {"authorization": {"credentials_env": "MIHU_API_TOKEN"}, **case.get("global", {})}
    config = {"global": inherited, "workspaces": [{"subdomain": "acme", **case.get("workspace", {})}]}
    (workspace,) = yaml.safe_load(shown(load_text(json.dumps(config))))["workspaces"]
    assert {key: workspace.get(key) for key in case["in_force"]} == case["in_force"]


@pytest.mark.parametrize(
    ("meaning", "statuses", "others"),
    [
        ("active", ("active", "ACTIVE", "in-use", "InUse", "enabled"), ("inactive", "activated", "", "used")),
        ("pending", ("pending", "Under Review", "porting_in", "IN_PROGRESS"), ("active", "suspended", "")),
        ("compliant", ("completed", "Complete", "not_required", "EXEMPT"), ("incomplete", "pending", "")),
        ("rejected", ("rejected", "Declined by carrier", "EXPIRED"), ("completed", "pending", "")),
    ],
)
def test_default_statuses(meaning: str, statuses: Sequence[str], others: Sequence[str]) -> None:
    patterns = getattr(ACME.statuses, meaning)
    assert [status for status in (*statuses, *others) if any_matches(patterns, status)] == list(statuses)


@pytest.mark.parametrize("name", ["US$", "$ervices", "a~b", "~", "{a}", "100 % $HOME"])
def test_other_dollars_and_tildes_are_kept(name: str, load_text: LoadText) -> None:
    (acme,) = load_text(f"workspaces: [{{subdomain: acme, name: '{name}', {AUTHORIZATION}}}]").workspaces
    assert acme.name == name


def test_merged_keys_are_no_duplicates_and_a_byte_order_mark_is_ignored(load_text: LoadText) -> None:
    first = f"\N{BYTE ORDER MARK}workspaces: [&first {{subdomain: acme, {AUTHORIZATION}}}"
    config = load_text(f"{first}, {{<<: *first, subdomain: globex}}]")
    assert [workspace.name for workspace in config.workspaces] == ["acme", "globex"]


def test_paths_are_relative_to_the_file_they_stand_in(load_text: LoadText, tmp_path: Path) -> None:
    (tmp_path / "workspaces.d").mkdir()
    (tmp_path / "workspaces.d/a").write_text(
        "- {subdomain: acme}\n"
        "- {subdomain: globex, authorization: {credentials_file: own}}\n"
        "- {subdomain: initech, authorization: {credentials_file: /run/secrets/token}}\n",
        encoding="utf-8",
    )
    config = load_text("global: {authorization: {credentials_file: inherited}}\nworkspace_files: ['workspaces.d/*']")
    assert [workspace.credentials for workspace in config.workspaces] == [
        Authorization(credentials_file=tmp_path / "inherited"),
        Authorization(credentials_file=tmp_path / "workspaces.d/own"),
        Authorization(credentials_file=Path("/run/secrets/token")),
    ]


def test_workspace_files_follow_in_order_each_once(load_text: LoadText, tmp_path: Path) -> None:
    (tmp_path / "more/deep").mkdir(parents=True)
    for name in ("b.yaml", "a.yaml", "c.yaml", "deep/d.yaml"):
        (tmp_path / "more" / name).write_text(f"[{{subdomain: {Path(name).stem}}}]", encoding="utf-8")
    (tmp_path / "more/empty.yaml").write_text("[]", encoding="utf-8")
    config = load_text(
        "global: {authorization: {credentials_env: MIHU_API_TOKEN}}\n"
        "workspaces: [{subdomain: first}]\n"
        f"workspace_files: [more/c.yaml, 'more/*.yaml', '{tmp_path}/more/**/d.yaml']\n"
    )
    assert [workspace.name for workspace in config.workspaces] == ["first", "c", "a", "b", "d"]
    assert config.warnings == ()


def test_the_hash_changes_with_what_the_files_hold(tmp_path: Path) -> None:
    def hash_of(folder: str, main: str = "workspace_files: ['*.list']", more: str = "[]") -> int:
        directory = tmp_path / folder
        directory.mkdir(exist_ok=True)
        (directory / "config.yaml").write_text(main, encoding="utf-8")
        (directory / "a.list").write_text(more, encoding="utf-8")
        return load(directory / "config.yaml").hash

    unchanged = hash_of("here")
    assert unchanged == hash_of("here") == hash_of("elsewhere")
    assert 0 < unchanged < 2**48
    changed = {hash_of("1", main="workspace_files: [a.list]"), hash_of("2", more="[ ]")}
    assert len({unchanged, *changed}) == 3


TYPOS = "workspaces:\n" + "".join(f"- {{subdomain: w{n}, pol_interval: 60s}}\n" for n in range(1000))
ALIASES = "a0: &a0 []\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 28))


@pytest.mark.parametrize(("text", "key", "count"), [(TYPOS, "did you mean poll_interval?", 1000), (ALIASES, "a27:", 1)])
def test_many_typos_or_values_are_reported_in_1_5_seconds(load_text: LoadText, text: str, key: str, count: int) -> None:
    begun = time.process_time()
    with pytest.raises(ConfigError) as refused:
        load_text(text)
    assert str(refused.value).count(key) == count
    assert time.process_time() - begun < 1.5


class TestTheExample:
    """``config.yaml``, which comes with the project, works as it is and shows other keys with their defaults."""

    def test_loads(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MIHU_API_TOKEN", "s3cr3t")
        config = load(EXAMPLE)
        assert (config.workspaces, config.metrics, config.warnings) == ((ACME,), Metrics(), ())

    def test_is_commented_out_where_it_shows_defaults(self, load_text: LoadText) -> None:
        text = re.sub(r"^( *)# (?= *(?:- )?[a-z_]+:)", r"\1", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
        document = yaml.safe_load(text)
        (workspace,) = document["workspaces"]
        for section, no_defaults in (
            (document, ("workspace_files",)),
            (document["global"], ("proxy_url", "no_proxy")),
            (document["global"]["authorization"], ("credentials_file", "credentials")),
            (workspace, ("base_url", "tls_config", "filter", "expect")),
        ):
            for name in no_defaults:
                del section[name]
        config = load_text(json.dumps(document))
        assert (config.workspaces, config.metrics) == ((ACME,), Metrics())


@given(st.lists(st.text(min_size=1), unique=True, max_size=20), st.integers(1, 8))
def test_each_workspace_has_exactly_one_owner_and_each_share_knows_the_others(names: list[str], total: int) -> None:
    shards = [Shard(ordinal, total) for ordinal in range(total)]
    shares = [ValidatedConfig(workspaces=tuple(map(workspace, names))).share(shard) for shard in shards]
    assert [share.shard for share in shares] == shards
    assert Counter(workspace.name for share in shares for workspace in share.workspaces) == Counter(names)
    owners = {name: Shard(0, total).owner(name) for name in names}
    for shard, share in zip(shards, shares, strict=True):
        assert share.elsewhere == {name: owner for name, owner in owners.items() if owner != shard}


def test_shards_have_like_shares_and_a_new_one_takes_its_own_and_moves_nothing_else() -> None:
    names = [f"workspace-{number}" for number in range(1000)]
    of_three, of_four = ([Shard(0, total).owner(name).ordinal for name in names] for total in (3, 4))
    assert all(200 <= of_four.count(ordinal) <= 300 for ordinal in range(4))
    assert {after for before, after in zip(of_three, of_four, strict=True) if before != after} == {3}
    # Shards are processes of their own: they must agree without talking.
    owners = [Shard(0, 3).owner(name) for name in ("acme", "globex", "initech", "umbrella")]
    assert [owner.ordinal for owner in owners] == [0, 2, 0, 0]


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
