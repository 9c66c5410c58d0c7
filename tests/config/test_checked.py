"""Every kind of mistake in a configuration, and the message about it; they are listed in checked.yaml."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config.loading import load
from exporter.config.problems import ConfigError
from exporter.web.config import load_web_config

CASES: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "checked.yaml").read_text(encoding="utf-8"))
FAMILIES = ("mihu_trunk_capability", "mihu_trunk_status")


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIHU_API_TOKEN", "s3cr3t")
    monkeypatch.setenv("MIHU_EMPTY_TOKEN", "")


def refusal(path: Path) -> ConfigError:
    with pytest.raises(ConfigError) as refused:
        load(path, FAMILIES)
    return refused.value


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_mistake_is_reported_at_its_place(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {name: text for name, text in case.items() if name not in {"problems", "warnings"}}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)  # messages name files as the user does, here without a folder
    path = Path("config.yaml")
    if "problems" in case:
        expected, reported = case["problems"], [str(problem) for problem in refusal(path).problems]
    else:
        expected, reported = case["warnings"], list(load(path, FAMILIES).warnings)
    assert len(reported) == len(expected), reported
    for line, (file, key, part) in zip(reported, expected, strict=True):
        if key:
            assert line.startswith(f"{file}: {key}: ")
            assert part in line
        else:  # of the file as a whole
            assert line.startswith(f"{file}: {part}")
    assert "s3cr3t" not in "\n".join(reported)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'global:\n  proxy_url: "a\x07b"\n', "line 2: the character U+0007 is not allowed in YAML"),
        (b"global:\n  proxy_url: http://f\xfcr.example.com\n", "line 2: is not UTF-8; save the file in that encoding"),
        (b"a: " + b"[" * 10_000, "lists or mappings are nested too deeply"),
    ],
    ids=["a control character", "Latin-1", "nested"],
)
def test_what_is_not_yaml_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    assert str(refusal(path)) == f"{path}: {message}"


def test_the_message_about_a_missing_file_has_an_example_that_works(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    message, _, example = str(refusal(path)).partition("\n")
    assert message == (
        f"{path}: there is no such file; name another with --config.file, set MIHU_SUBDOMAIN and MIHU_API_TOKEN, "
        "try --demo, or write"
    )
    path.write_text(example, encoding="utf-8")
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
    reason = "(Too many levels of symbolic links)"
    path = tmp_path / "config.yaml"
    path.write_text("workspace_files: [loop, loop/*]", encoding="utf-8")
    assert f"loop: cannot be read {reason}" in str(refusal(path))
    path.write_text("workspaces: [{subdomain: acme, authorization: {credentials_file: loop}}]", encoding="utf-8")
    (warning,) = load(path).warnings
    assert f"cannot read {tmp_path}/loop {reason}" in warning


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_token_that_other_users_can_read_is_warned_about(mode: int, tmp_path: Path) -> None:
    path, token = tmp_path / "config.yaml", tmp_path / "token"
    path.write_text("workspaces: [{subdomain: acme, authorization: {credentials_file: token}}]", encoding="utf-8")
    token.write_text("s3cr3t", encoding="utf-8")
    token.chmod(mode)
    assert load(path).warnings == (
        (
            f"{path}: workspaces[0].authorization.credentials_file: can be read by other users "
            f"(its mode is {mode:04o}); chmod 600 keeps it private"
        ),
    )
    token.chmod(0o600)
    assert load(path).warnings == ()


def test_each_problem_has_its_file_path_and_message(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("workspaces: []\nmetrics: {number: ful}\n", encoding="utf-8")
    (problem,) = refusal(path).problems
    assert (problem.file, problem.path) == (str(path), "metrics.number")
    assert problem.message == 'should be full, masked or hidden, but is "ful"; did you mean full?'
