# SPDX-License-Identifier: Apache-2.0
"""Programs that move TLS records to the socket themselves: every message has its own connection."""

import collections
import os
import shutil

import pytest

from conversation import REQUEST, RESPONSE
from programs_under_trace import PYTHON, programs_directory, working_program
from text_format import READ, WRITE, Endpoint

pytestmark = pytest.mark.host_wide

CONNECTIONS = 200
ROUNDS = 3
# All that is said fits, should the agent get no time while it is said.
RING_MIB = "128"


def check_peers(messages, connections):
    """Each of `messages` is of the connection whose number it carries, seen from the right end."""
    counts = collections.Counter()
    for message in messages:
        head = message.body.split(b"\r\n\r\n")[0]
        if message.name == REQUEST:
            target = head.split()[1]
        else:
            target = head.split(b"X-Target: ")[1].split(b"\r\n")[0]
        number = int(target.split(b"/")[1])
        client, server = (Endpoint(*end) for end in connections[number])
        by_client = (message.name == REQUEST) == (message.uuid.data_type == WRITE)
        expected = (client, server) if by_client else (server, client)
        assert (message.src, message.dest) == expected, message.header
        assert message.whole
        counts[message.name, message.uuid.data_type] += 1
    every = CONNECTIONS * ROUNDS
    kinds = [(name, data_type) for name in (REQUEST, RESPONSE) for data_type in (READ, WRITE)]
    assert counts == {kind: every for kind in kinds}


def check_handshakes(parts, connections):
    """Each end of each connection was seen to say hello, on the socket it did so on."""
    clients = {Endpoint(*client): number for number, (client, _) in enumerate(connections)}
    seen = collections.Counter()
    for part in parts:
        kind = part.handshake["Part"]
        by_client = (kind == "client-hello") == (part.uuid.data_type == WRITE)
        number = clients[part.src if by_client else part.dest]
        if kind == "client-hello":
            assert part.handshake["ServerName"] == f"host{number}.example"
        else:
            assert (kind, part.handshake["Version"]) == ("server-hello", "TLSv1.3")
        seen[kind, part.uuid.data_type, number] += 1
    kinds = [(kind, way) for kind in ("client-hello", "server-hello") for way in (READ, WRITE)]
    assert seen == {(*kind, number): 1 for kind in kinds for number in range(CONNECTIONS)}


def check_program(capture, arguments, credentials, *command):
    """Runs a program that talks to itself, and checks all that was captured of it."""
    sizes = (str(CONNECTIONS), str(ROUNDS))
    files = (str(credentials.certificate), str(credentials.key))
    with working_program(*command, *files, *sizes) as (process, work):
        options = ("--pid", str(process.pid), "--ring-mib", RING_MIB, "--show-handshakes")
        with capture(*options, *arguments) as agent:
            connections = work()
            every = 4 * CONNECTIONS * ROUNDS

            def all_messages(messages):
                spoken = [message for message in messages if not message.handshake]
                return spoken if len(spoken) >= every else None

            messages = agent.wait_for(all_messages, f"{every} messages")
            check_peers(messages, connections)
            parts = agent.seen(lambda messages: [m for m in messages if m.handshake])
            # Of what was agreed to only Node asks, where nothing was.
            check_handshakes([m for m in parts if m.handshake["Part"] != "protocol"], connections)
            assert agent.stop().summary.lost_bytes == 0


def test_asyncio_with_many_connections_on_one_thread(capture, credentials):
    program = programs_directory() / "asyncio_pair.py"
    check_program(capture, (), credentials, PYTHON, str(program))


def test_node_with_many_connections_on_one_thread(capture, credentials):
    node = shutil.which("node")
    library = ("--libssl", os.path.realpath(node))
    check_program(capture, library, credentials, node, str(programs_directory() / "https_pair.js"))
