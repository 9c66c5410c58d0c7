"""Every kind of mistake in a configuration, and the message about it: checked.yaml and syntax.yaml have them."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.certificates import Authority

from exporter.config.loading import load
from exporter.config.problems import ConfigError, printable
from exporter.web.config import load_web_config

HERE = Path(__file__).parent
CASES: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "checked.yaml").read_text(encoding="utf-8"))
SYNTAX: dict[str, tuple[str, str]] = yaml.safe_load((HERE / "syntax.yaml").read_text(encoding="utf-8"))
NOT_YAML = {name: (text.encode(), message) for name, (text, message) in SYNTAX.items()} | {
    "not UTF-8": (b"global:\n  proxy_url: http://f\xfcr\n", "line 2: is not UTF-8; save the file in that encoding"),
    "many digits": (
        b"global:\n  per_page: 0x" + b"f" * 5000,
        "line 2, column 13: this looks like a date or number, but YAML cannot read it; put it in quotes",
    ),
    "nested": (b"a: " + b"[" * 5000, "line 1, column 1003: lists or mappings are nested too deeply"),
}
FAMILIES = ("mihu_trunk_capability", "mihu_trunk_status")


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIHU_API_TOKEN", "s3cr3t")
    monkeypatch.setenv("MIHU_EMPTY_TOKEN", "")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority(folder, "ca")
    authority.sign("client")
    authority.sign("other")
    Path(shutil.copy(folder / "client.key", folder / "loose.key")).chmod(0o640)
    return folder


def refusal(path: Path) -> ConfigError:
    with pytest.raises(ConfigError) as refused:
        load(path, FAMILIES)
    return refused.value


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_mistake_is_reported_at_its_place(
    case: dict[str, Any], tmp_path: Path, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: case.get("user", os.getuid()))
    monkeypatch.chdir(tmp_path)  # messages name files as the user does, here without a folder
    for link, target in {"loop": "loop", "dangling": "nowhere", "tls": str(certificates)}.items():
        Path(link).symlink_to(target)
    for file in map(Path, case.keys() - {"problems", "user", "warnings"}):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(case[str(file)], encoding="utf-8")
        file.chmod(int(file.name, 8) if re.fullmatch("0[0-7]{3}", file.name) else 0o600)
    path = Path("config.yaml")
    reported = list(load(path, FAMILIES).warnings) if "warnings" in case else str(refusal(path)).splitlines()
    expected = case["warnings"] if "warnings" in case else case["problems"]
    assert len(reported) == len(expected), reported
    assert [line[: len(start)] for line, start in zip(reported, expected, strict=True)] == expected
    assert "s3cr3t" not in "\n".join(reported)


@pytest.mark.parametrize(("content", "message"), NOT_YAML.values(), ids=NOT_YAML)
def test_a_text_that_is_no_configuration_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
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
        shown = printable(str(tmp_path / name))  # a name that is no text could not be encoded
        assert str(refused.value) == f"{shown}: cannot be read ({reason}); check that it is a file, and its permissions"
