"""Files of every kind are read in bounded time and size; tokens are read again, and checked."""

import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from exporter.config.credentials import Authorization, CredentialsError, Secret
from exporter.config.files import begin_reading, read_file, start_thread
from exporter.config.loading import load
from exporter.config.problems import ConfigError

LIMIT = 1024


@pytest.mark.parametrize(
    ("path", "reason"),
    [("nowhere", "No such file or directory"), *((path, "it is larger than 1 KiB") for path in ("large", "/dev/zero"))],
)
def test_what_cannot_be_read_is_reported_with_the_reason(path: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * (LIMIT + 1))
    with pytest.raises(OSError) as refused:  # noqa: PT011 - the reason follows
        read_file(tmp_path / path, LIMIT)
    assert refused.value.strerror == reason


def test_a_file_that_hangs_times_out_and_late_content_is_returned_by_the_next_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    for _ in range(3):
        with pytest.raises(TimeoutError) as gone:
            read_file(pipe, LIMIT, timeout=0.01)
        assert gone.value.strerror == "nothing came within 0.01s"
    reading, _ = begin_reading(pipe)
    pipe.write_bytes(b"late")
    assert reading.result().data == b"late"
    assert read_file(pipe, LIMIT).data == b"late"


def test_threads_are_used_again() -> None:
    assert len({start_thread(threading.current_thread).result() for _ in range(100)}) < 50


def test_the_content_of_a_pipe_is_kept_until_there_is_more() -> None:
    end, other_end = os.pipe()  # as in <(pass show mihu)
    try:
        os.write(other_end, b"first")
        os.close(other_end)
        path = Path(f"/dev/fd/{end}")
        assert [read_file(path, LIMIT).data for _ in range(2)] == [b"first"] * 2
        Path(f"/proc/self/fd/{end}").write_bytes(b"second")
        assert [read_file(path, LIMIT).data for _ in range(2)] == [b"second"] * 2
    finally:
        os.close(end)


def test_files_that_hang_are_reported_with_their_keys(tmp_path: Path) -> None:
    pipes = [tmp_path / name for name in ("token", "ca.pem", "key.pem")]
    path = tmp_path / "config.yaml"
    acme = "subdomain: acme, authorization: {credentials_file: token}"
    for pipe in pipes:
        os.mkfifo(pipe, 0o600)
        begin_reading(pipe, timeout=0)  # the configuration joins this read, whose time is up
    try:
        path.write_text(f"workspaces: [{{{acme}}}]", encoding="utf-8")
        (warning,) = load(path).warnings
        assert warning == (
            f"{path}: workspaces[0].authorization: no token: cannot read {tmp_path}/token "
            "(nothing came within 5s); check whether its file system responds, or what writes to the pipe"
        )
        path.write_text(f"workspaces: [{{{acme}, tls_config: {{ca_file: ca.pem, key_file: key.pem}}}}]", "utf-8")
        with pytest.raises(ConfigError) as refused:
            load(path)
        assert str(refused.value).splitlines() == [
            f"{path}: workspaces[0].tls_config: has no cert_file; cert_file and key_file go together",
            f"{path}: workspaces[0].tls_config.ca_file: cannot read {tmp_path}/ca.pem (nothing came within 5s)",
            f"{path}: workspaces[0].tls_config.key_file: cannot be read (nothing came within 5s)",
        ]
    finally:
        for pipe in pipes:
            with suppress(OSError):  # there is no reader
                os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))


def test_a_certificate_in_a_pipe_is_refused(tmp_path: Path) -> None:
    """It is read again and again, by OpenSSL itself."""
    pipe, path = tmp_path / "ca.pem", tmp_path / "config.yaml"
    os.mkfifo(pipe)
    path.write_text("workspaces: [{subdomain: acme, tls_config: {ca_file: ca.pem}}]", encoding="utf-8")
    writer = threading.Thread(target=pipe.write_bytes, args=[b"certificate"])
    writer.start()
    with pytest.raises(
        ConfigError, match=r"cannot read .*/ca.pem \(it is not a regular file, and it has to be read more than once"
    ):
        load(path)
    writer.join()


def test_a_token_is_read_again_from_its_file_or_variable_without_white_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_file = Authorization(credentials_file=tmp_path / "token")
    in_variable = Authorization(credentials_env="MIHU_API_TOKEN")
    for written in (" first ", "second\n", "third\r\n", "\ufefffourth\n"):
        (tmp_path / "token").write_bytes(written.encode())
        monkeypatch.setenv("MIHU_API_TOKEN", written.removeprefix("\ufeff"))
        assert in_file.read() == in_variable.read() == Secret(written.strip("\ufeff \r\n"))
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    with pytest.raises(CredentialsError, match="it is not text"):
        in_file.read()


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
            Authorization(credentials=Secret(text)).read()
        assert str(refused.value) == message
