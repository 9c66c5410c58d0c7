from pathlib import Path

import pytest

from exporter.config.credentials import (
    CredentialsError,
    EnvironmentCredentials,
    FileCredentials,
    InlineCredentials,
    Secret,
)


def test_a_token_is_read_again_from_its_file_or_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_file, in_variable = FileCredentials(tmp_path / "token"), EnvironmentCredentials("MIHU_API_TOKEN")
    for token in ("first", "second"):
        (tmp_path / "token").write_text(f"{token}\n", encoding="utf-8")
        monkeypatch.setenv("MIHU_API_TOKEN", f" {token} ")
        assert in_file.read() == in_variable.read() == Secret(token)


def test_a_file_that_is_not_text_holds_no_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    with pytest.raises(CredentialsError, match="it is not text"):
        FileCredentials(tmp_path / "token").read()


_EMPTY = "no token: authorization.credentials is empty; put the workspace's API token there"
_BEARER = 'authorization.credentials begins with "Bearer ", which is added when the token is sent; write only the token'
_QUOTES = "authorization.credentials has quotes around the token; write only the token"
_MORE = (
    "authorization.credentials has white space, a control or a non-ASCII character in the token; write only the token"
)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["", " \n"], _EMPTY),
        (["Bearer s3cr3t", "bearer s3cr3t"], _BEARER),
        (["'s3cr3t'", '"s3cr3t"\n'], _QUOTES),
        (["s3cr3t s3cr3t", "s3cr3t\ns3cr3t", "Authorization: Bearer s3cr3t", "s3cr3té"], _MORE),
    ],
)
def test_a_malformed_token_is_refused_and_not_shown(texts: list[str], message: str) -> None:
    for text in texts:
        with pytest.raises(CredentialsError) as refused:
            InlineCredentials(Secret(text)).read()
        assert str(refused.value) == message


@pytest.mark.parametrize("around", [" {}", "{}\n", "{}\r\n", "\ufeff{}\n"])
def test_white_space_around_a_token_is_stripped(around: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(around.format("s3cr3t").encode())
    assert FileCredentials(file).read() == Secret("s3cr3t")
