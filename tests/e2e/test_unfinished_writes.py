# SPDX-License-Identifier: Apache-2.0
"""What a program sent by a write that never ended well is counted, once. A write that is tried
again until it ends is shown as one."""

import re
import socket

import pytest

import conversation
import tlscope
from conversation import REQUEST
from recordings import Recorder
from tlscope import Count

# Far more than both systems keep for their programs: no write of it ends before the server reads.
_BUFFER = 1 << 16
_SIZE = 900_000
_DATA = b"POST / HTTP/1.1\r\nHost: peer\r\nContent-Length: %d\r\n\r\n" % _SIZE + b"x" * _SIZE
# When the server has received so much, one try to send it all has sent this, at least.
_PART = 1 << 15
# No single try can have sent so much before the server read.
_MOST = 1 << 19


@pytest.fixture(name="client")
def _client(tls_client, tls_server):
    """It is connected to `tls_server`, which keeps little that is not received."""
    port = tls_server.listen(buffer=_BUFFER)
    tls_server.tell("accept")
    tls_client.connect(port, buffer=_BUFFER)
    tls_server.accepted()
    return tls_client


@pytest.fixture(name="agent")
def _agent(capture, client):
    with capture("--pid", str(client.pid)) as agent:
        yield agent


@pytest.fixture(name="file")
def _file(scratch):
    file = scratch / "data"
    file.write_bytes(_DATA)
    return file


def check_counted(agent, client, sent):
    """One write sent `sent` or more and never ended; nothing else is missing, nothing is shown."""
    outcome = agent.stop()
    assert outcome.status == 0
    summary = outcome.summary
    assert summary.unfinished.events == 1, outcome.stderr
    assert sent <= summary.unfinished.bytes <= len(_DATA)
    assert summary.lost_bytes == summary.unfinished.bytes, outcome.stderr
    assert summary.seen.bytes == summary.delivered.bytes + summary.lost_bytes
    assert not conversation.of_process(outcome.messages, client.pid)


def check_shown(agent, client):
    """The write was shown whole, once, and nothing else was, nor is anything missing."""
    outcome = agent.stop()
    (request,) = conversation.of_process(outcome.messages, client.pid)
    assert request.name == REQUEST and request.whole
    assert conversation.shown(request.body) == conversation.shown(_DATA)
    assert outcome.summary.lost_bytes == 0, outcome.stderr


def test_a_program_is_killed_within_a_write(agent, client, tls_server, file):
    client.tell("send", file=file)
    tls_server.receive(_PART)
    client.kill()
    check_counted(agent, client, _PART)


def test_a_program_is_killed_before_it_tries_again(agent, client, tls_server, file):
    assert not client.ask("offer", file=file)["sent"]
    tls_server.receive(_PART)
    client.kill()
    check_counted(agent, client, _PART)


def test_a_program_is_killed_while_it_tries_again(agent, client, tls_server, file):
    assert not client.ask("offer", file=file)["sent"]
    client.tell("send", file=file)
    tls_server.receive(_MOST)
    client.kill()
    check_counted(agent, client, _MOST)


def test_a_connection_is_closed_before_the_write_is_tried_again(agent, client, tls_server, file):
    assert not client.ask("offer", file=file)["sent"]
    tls_server.receive(_PART)
    client.ask("close")
    check_counted(agent, client, _PART)


def test_a_recorder_counts_as_a_capture_does(client, tls_server, file, scratch):
    with Recorder(scratch / "recording", "--pid", str(client.pid)) as recorder:
        client.tell("send", file=file)
        tls_server.receive(_PART)
        client.kill()
        assert recorder.stop() == tlscope.DONE
    said = "\n".join(recorder.stderr)
    (count,) = re.findall(r"unfinished writes 1 \((\d+) bytes\)", said)
    assert _PART <= int(count) <= len(_DATA)
    assert f"events seen: 1 ({count} bytes)" in said


def test_the_capture_ends_within_a_write(agent, client, tls_server, file):
    client.tell("send", file=file)
    tls_server.receive(_PART)
    check_counted(agent, client, _PART)
    assert tls_server.receive(len(_DATA) - _PART) == _DATA[_PART:]
    assert client.answer()["count"] == len(_DATA)


def test_the_capture_ends_before_the_write_is_tried_again(agent, client, tls_server, file):
    assert not client.ask("offer", file=file)["sent"]
    tls_server.receive(_PART)
    check_counted(agent, client, _PART)
    client.tell("send", file=file)
    assert tls_server.receive(len(_DATA) - _PART) == _DATA[_PART:]
    assert client.answer()["count"] == len(_DATA)


def test_a_write_that_is_tried_again_is_shown_once(agent, client, tls_server, file):
    for _ in range(3):
        assert not client.ask("offer", file=file)["sent"]
    client.tell("send", file=file)
    assert tls_server.receive(len(_DATA)) == _DATA
    assert client.answer()["count"] == len(_DATA)
    check_shown(agent, client)


def test_what_is_refused_in_place_of_another_try_is_not_shown(agent, client, tls_server, file):
    """OpenSSL takes nothing else before the write has ended, and may give the connection up."""
    assert not client.ask("offer", file=file)["sent"]
    tls_server.receive(_PART)
    client.tell("offer", bytes=b"GET /instead HTTP/1.1\r\n\r\n")
    with pytest.raises(AssertionError, match="SSLError"):
        client.answer()
    client.ask("close")
    check_counted(agent, client, _PART)


def test_a_write_that_sends_nothing_is_not_counted(agent, client, tls_server):
    """The system takes one write, whose answer is that nobody is there, and refuses the next."""
    tls_server.kill()
    with pytest.raises(AssertionError, match="Error"):
        for _ in range(100):
            client.send(b"GET / HTTP/1.1\r\n\r\n")
    outcome = agent.stop()
    assert outcome.summary.unfinished == Count(0, 0)
    assert outcome.summary.seen == outcome.summary.delivered


def test_a_write_that_does_not_get_beyond_the_handshake_is_not_counted(capture, tls_client):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        tls_client.connect(silent.getsockname()[1], lazy=True)
        with capture("--pid", str(tls_client.pid)) as agent:
            tls_client.tell("send", bytes=b"GET / HTTP/1.1\r\n\r\n")
            accepted, _ = silent.accept()
            with accepted:
                assert accepted.recv(1)
                tls_client.kill()
            outcome = agent.stop()
    assert outcome.summary.unfinished == Count(0, 0)
    assert outcome.summary.seen == Count(0, 0)


def test_writes_to_other_ports_are_not_counted(capture, client, tls_server, file):
    nobodys = ("--port", "9")
    with capture("--pid", str(client.pid), *nobodys) as agent:
        client.tell("send", file=file)
        tls_server.receive(_PART)
        client.kill()
        outcome = agent.stop()
    assert outcome.summary.unfinished == Count(0, 0)
    assert outcome.summary.seen == Count(0, 0)
