# SPDX-License-Identifier: Apache-2.0
"""The examples in proto/README.md work as they are written there."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys

import pytest

import recordings
import tlscope
from collecting import Schema
from deadlines import DEADLINE_S, Deadline, LineReader, eventually
from raw_client import delimited

_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
_README = (_REPOSITORY / "proto/README.md").read_text(encoding="utf-8")


def _python(folder):
    """Makes the Python examples as the README says. What runs that of the stream."""
    for name, program in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", _README, re.DOTALL):
        (folder / name).write_text(program, encoding="utf-8")
    (command,) = re.findall(r"`(protoc --python_out[^`]*)`", _README)
    shutil.copytree(_REPOSITORY / "proto", folder / "proto")
    subprocess.run(command, shell=True, check=True, cwd=folder, timeout=DEADLINE_S)
    return lambda kind, address: [sys.executable, "read_stream.py", address]


def _go(folder):
    """The Go example, with Debian's packages."""
    package = folder / "src/example.org/reader"
    shutil.copytree(_REPOSITORY / "proto", package / "proto")
    (program,) = re.findall(r"```go\n(.*?)```", _README, re.DOTALL)
    (package / "reader.go").write_text(program, encoding="utf-8")
    (command,) = re.findall(r"```sh\n(protoc .*?)```", _README, re.DOTALL)
    subprocess.run(command, shell=True, check=True, cwd=package, timeout=DEADLINE_S)
    environment = dict(
        os.environ,
        GO111MODULE="off",
        GOPATH=f"{folder}:/usr/share/gocode",
        GOCACHE=str(folder / "cache"),
        GOFLAGS="",
    )
    subprocess.run(
        ["go", "build", "-o", str(folder / "reader"), "."],
        check=True,
        cwd=package,
        env=environment,
        timeout=10 * DEADLINE_S,  # its cache is empty: the standard library is compiled, too
    )
    return lambda kind, address: [
        str(folder / "reader"),
        kind,
        address if kind == "unix" else f"127.0.0.1:{address}",
    ]


# How to make each, and how it writes a byte that is no UTF-8.
_EXAMPLES = {"python": (_python, r"\xff"), "go": (_go, "?")}

# 1795000000 seconds after 1970.
_BEGIN = "2026-11-18T11:06:40.000000Z agent "


class Reader:
    """An example, running."""

    def __init__(self, folder, command):
        environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
        self._process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, env=environment
        )
        self._lines = LineReader(self._process.stdout.fileno())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait(DEADLINE_S)
        self._process.stdout.close()

    def alive(self):
        """Whether it runs."""
        return self._process.poll() is None

    def line(self):
        """What it prints next."""
        return self._lines.read_line(Deadline()).decode()


def _connect(reader, family, address):
    def attempt():
        assert reader.alive()
        connection = socket.socket(family)
        try:
            connection.connect(address)
            return connection
        except OSError:
            connection.close()
            return None

    return eventually(attempt, "the example listens")


def _unused_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.mark.parametrize("language", _EXAMPLES)
def test_an_example_prints_a_line_for_each_message(language, scratch):
    make, no_utf8 = _EXAMPLES[language]
    command_of = make(scratch)
    schema = Schema(scratch)
    first = schema.message(1, "")
    first.event_payload.payload = b"GET /caf\xc3\xa9 HTTP/1.1\r\nhost: a\r\n\r\n"
    other = schema.LogEntry(log_type=4, sequence=2)
    other.bus_event.plaintext_seen.data = b"not shown"
    last = schema.message(3, "")
    last.event_payload.payload, last.event_payload.src_ip = b"\xff\n", ""
    port = _unused_port()
    path = scratch / "socket"
    for kind, place, family, address in (
        ("unix", str(path), socket.AF_UNIX, str(path)),
        ("tcp", str(port), socket.AF_INET, ("127.0.0.1", port)),
    ):
        with Reader(scratch, command_of(kind, place)) as reader:
            for _ in range(2):  # agents come and go
                with _connect(reader, family, address) as connection:
                    stream = b"".join(map(delimited, (schema.hello(1), first, other, last)))
                    for at in range(0, len(stream), 7):
                        connection.sendall(stream[at : at + 7])
                assert reader.line() == (
                    f"{_BEGIN}10.0.0.7:40000 [2001:db8::7]:443 GET /caf\xe9 HTTP/1.1"
                )
                assert reader.line() == f"{_BEGIN}-:40000 [2001:db8::7]:443 {no_utf8}"


def _keep_process(folder, pid, recording):
    return subprocess.run(
        [sys.executable, "keep_process.py", str(pid)],
        cwd=folder,
        env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"),
        input=recording,
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )


@pytest.mark.parametrize("checked", [False, True])
def test_the_python_example_keeps_what_one_process_did(scratch, checked):
    _python(scratch)
    entries = [recordings.header(checked=checked)]
    for pid in (7, 8):
        connection = recordings.Connection(pid, 1, checked=checked)
        entries.append(connection.data(recordings.WRITE, b"said by %d" % pid * 50, pid))
    recording = b"".join(entries) + recordings.end(2, checked=checked)
    kept = _keep_process(scratch, 8, recording)
    assert kept.returncode == 0, kept.stderr.decode()
    path = scratch / "kept"
    path.write_bytes(kept.stdout)
    replayed = recordings.replay(path)
    assert replayed.returncode == tlscope.DONE, replayed.stderr.decode()
    (message,) = recordings.messages_of(replayed.stdout)
    assert (message.pid, message.body) == (8, b"said by 8" * 50)
    # And it has checksums now.
    damaged = kept.stdout.replace(b"said by 8", b"Said by 8", 1)
    assert b"the recording is damaged" in _keep_process(scratch, 8, damaged).stderr
    path.write_bytes(damaged)
    assert b"checksum wrong" in recordings.replay(path).stderr
