# SPDX-License-Identifier: Apache-2.0
"""The example in proto/README.md works as it is written there."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys

import pytest

from collecting import Schema
from deadlines import DEADLINE_S, Deadline, LineReader, eventually
from raw_client import delimited

_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
_README = (_REPOSITORY / "proto/README.md").read_text(encoding="utf-8")


@pytest.fixture(name="example")
def _example(scratch):
    """A folder with the example's files, made as the README says."""
    (program,) = re.findall(r"```python\n(.*?)```", _README, re.DOTALL)
    (scratch / "read_stream.py").write_text(program, encoding="utf-8")
    (command,) = re.findall(r"`(protoc --python_out[^`]*)`", _README)
    shutil.copytree(_REPOSITORY / "proto", scratch / "proto")
    subprocess.run(command, shell=True, check=True, cwd=scratch, timeout=DEADLINE_S)
    return scratch


class Reader:
    """The example, running."""

    def __init__(self, folder, place):
        command = [sys.executable, "read_stream.py", str(place)]
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


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_the_python_example_prints_a_line_for_each_message(example, kind):
    schema = Schema(example)
    first = schema.message(1, "")
    first.event_payload.payload = b"GET /caf\xc3\xa9 HTTP/1.1\r\nhost: a\r\n\r\n"
    other = schema.LogEntry(log_type=4, sequence=2)
    other.bus_event.plaintext_seen.data = b"not shown"
    last = schema.message(3, "")
    last.event_payload.payload, last.event_payload.src_ip = b"\xff\n", ""
    port = _unused_port()
    place = example / "socket" if kind == "unix" else port
    address = str(place) if kind == "unix" else ("127.0.0.1", port)
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    with Reader(example, place) as reader:
        for _ in range(2):  # agents come and go
            with _connect(reader, family, address) as connection:
                stream = b"".join(map(delimited, (schema.hello(1), first, other, last)))
                for at in range(0, len(stream), 7):
                    connection.sendall(stream[at : at + 7])
            # 1795000000 seconds after 1970.
            assert reader.line() == (
                "2026-11-18T11:06:40.000000Z agent 10.0.0.7:40000 2001:db8::7:443 "
                "GET /café HTTP/1.1"
            )
            assert reader.line() == (
                r"2026-11-18T11:06:40.000000Z agent -:40000 2001:db8::7:443 \xff"
            )
