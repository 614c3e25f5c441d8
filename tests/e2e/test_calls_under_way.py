# SPDX-License-Identifier: Apache-2.0
"""A call that a program is in when the capture begins: what it moves is a loss at its place."""

import base64
import pathlib

import pytest

import conversation
from deadlines import eventually
from programs_under_trace import connect_peers, transfer
from text_format import LOST, READ

FIRST = b"GET /first HTTP/1.1\r\nHost: peer\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: peer\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_READ = "0"  # the system call, as /proc has it


def _waits_to_read(pid, descriptor):
    """Whether the process's first thread is in read(2) on it."""
    number, *arguments = pathlib.Path(f"/proc/{pid}/syscall").read_text(encoding="ascii").split()
    return number == _READ and int(arguments[0], 16) == descriptor


@pytest.mark.parametrize("attach", ["auto", "public"])
def test_a_read_under_way_is_a_loss_before_what_follows(capture, tls_client, tls_server, attach):
    _, server = connect_peers(tls_client, tls_server)
    transfer(tls_client, tls_server, FIRST)
    transfer(tls_server, tls_client, ANSWER)
    tls_server.tell("receive", count=len(FIRST))
    eventually(lambda: _waits_to_read(server.pid, server.fd), "the server's SSL_read")
    with capture("--pid", str(server.pid), "--attach", attach) as agent:
        tls_client.send(FIRST)
        assert base64.b64decode(tls_server.answer()["bytes"]) == FIRST
        transfer(tls_server, tls_client, ANSWER)
        transfer(tls_client, tls_server, NEXT)
        transfer(tls_server, tls_client, ANSWER)
        outcome = agent.stop()

    assert outcome.summary.unseen.events == 1
    of_server = [message for message in outcome.messages if message.pid == server.pid]
    lost, *_ = of_server
    assert (lost.name, lost.uuid.data_type) == (LOST, READ)
    assert [message.name for message in of_server].count(LOST) == 1
    shown = conversation.at(outcome.messages, server)
    assert [message.body for message in shown] == [ANSWER, NEXT, ANSWER]
