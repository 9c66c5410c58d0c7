"""Every kind of bad configuration, and the problems that are reported of it; they stand in bad.yaml."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config.loading import load
from exporter.config.problems import ConfigError
from exporter.web.config import load_web_config

CASES: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "bad.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_bad_configuration_is_refused_with_every_problem(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = case["problems"]
    for name, text in ((name, text) for name, text in case.items() if name != "problems"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)  # messages name files as the user does, here without a folder
    with pytest.raises(ConfigError) as refused:
        load(Path("config.yaml"))
    problems = refused.value.problems
    assert [(problem.file, problem.path) for problem in problems] == [(file, path) for file, path, _ in expected]
    for problem, (*_, part) in zip(problems, expected, strict=True):
        assert part in problem.message
    assert "s3cr3t" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'global:\n  proxy_url: "a\x07b"\n', "line 2: the character U+0007 is not allowed in YAML"),
        (b"global:\n  proxy_url: http://f\xfcr.example.com\n", "line 2: is not UTF-8; save the file in that encoding"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert str(refused.value) == f"{path}: {message}"


def test_a_missing_file_is_reported_with_what_to_write(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert str(refused.value) == (
        f"{path}: there is no such file; name another with --config.file, set MIHU_SUBDOMAIN and MIHU_API_TOKEN, "
        "try --demo, or write\n"
        "    workspaces:\n"
        "      - subdomain: acme # the first part of https://acme.mihu.ai\n"
        "        authorization: {credentials_env: MIHU_API_TOKEN}"
    )


def test_the_example_in_the_message_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIHU_API_TOKEN", "t")
    path = tmp_path / "config.yaml"
    with pytest.raises(ConfigError) as refused:
        load(path)
    path.write_text(str(refused.value).partition("\n")[2], encoding="utf-8")
    config = load(path)
    assert [workspace.base_url for workspace in config.workspaces] == ["https://acme.mihu.ai"]
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param(".", "Is a directory", id="a folder"),
        pytest.param("x" * 300, "File name too long", id="too long"),
        pytest.param("loop", "Too many levels of symbolic links", id="a symlink loop"),
        pytest.param("file/x", "Not a directory", id="below a file"),
        pytest.param("a\0b", "this is not a valid file name", id="a NUL byte"),
        pytest.param("\ud800", "this is not a valid file name", id="half of a character"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    for load_it in (load, load_web_config):
        with pytest.raises(ConfigError) as refused:
            load_it(tmp_path / name)
        assert str(refused.value) == (
            f"{tmp_path / name}: cannot be read ({reason}); check that it is a file, and its permissions"
        )


def test_a_file_that_the_configuration_names_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    reason = re.escape("(Too many levels of symbolic links)")
    path = tmp_path / "config.yaml"
    path.write_text("workspace_files: [loop, loop/*]", encoding="utf-8")
    with pytest.raises(ConfigError, match=f"loop: cannot be read {reason}"):
        load(path)
    path.write_text("workspaces: [{subdomain: acme, authorization: {credentials_file: loop}}]", encoding="utf-8")
    (warning,) = load(path).warnings
    assert re.search(f"cannot read {tmp_path}/loop {reason}", warning)


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("a: " + "[" * 10_000, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert str(refused.value) == f"{path}: lists or mappings are nested too deeply"


def test_each_problem_has_its_file_path_and_message(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("workspaces: []\nmetrics: {number: ful}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load(path)
    (problem,) = refused.value.problems
    assert (problem.file, problem.path) == (str(path), "metrics.number")
    assert problem.message == 'should be full, masked or hidden, but is "ful"; did you mean full?'
