# SPDX-License-Identifier: Apache-2.0
"""What was captured at one end of a connection, and whether it is what it should be."""

import hashlib

from text_format import LOST, READ, WRITE

REQUEST = "HTTPRequest"
RESPONSE = "HTTPResponse"
OTHER = "DefaultParser"


def of_process(messages, pid):
    """The messages captured in a process, without the lines that report a loss."""
    return [message for message in messages if message.pid == pid and message.name != LOST]


def at(messages, end):
    """The messages captured at one End of a connection, in order. Losses are not messages."""
    return [
        message
        for message in of_process(messages, end.pid)
        if (message.src, message.dest) == (end.local, end.remote)
    ]


def wait_for(agent, end, count):
    """Waits until the agent has printed `count` messages of an End; all there are by then."""

    def find(messages):
        found = at(messages, end)
        return found if len(found) >= count else None

    return agent.wait_for(find, f"{count} messages of {end}")


def names(messages):
    """What the messages are, in order."""
    return [message.name for message in messages]


def check_origin(message, end, data_type):
    """The message says that this process sent or received it on this connection."""
    assert (message.pid, message.comm) == (end.pid, end.comm)
    assert (message.src, message.dest) == (end.local, end.remote)
    uuid = message.uuid
    assert (uuid.pid, uuid.comm, uuid.data_type) == (end.pid, end.comm, data_type)
    assert uuid.tid == end.pid  # every traced program here does its TLS on its first thread
    assert (uuid.local, uuid.remote) == (end.local, end.remote)
    assert uuid.socket and int(uuid.socket, 16) != 0
    if end.fd is not None:
        assert uuid.fd == end.fd


def shown(data):
    """The bytes in a form fit to compare and print: long ones as their digest."""
    if len(data) <= 4096:
        return data
    return f"{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}"


def check_exchanges_at(messages, end, data_type_of_requests, exchanges):
    """`messages` are whole requests and responses in turn, of one connection, with these bytes."""
    assert names(messages) == [REQUEST, RESPONSE] * len(exchanges)
    for index, expected in enumerate(exchanges):
        request, response = messages[2 * index : 2 * index + 2]
        check_origin(request, end, data_type_of_requests)
        check_origin(response, end, WRITE if data_type_of_requests == READ else READ)
        assert request.whole and response.whole
        assert (shown(request.body), shown(response.body)) == tuple(map(shown, expected))
    assert len({message.uuid.socket for message in messages}) == 1


def check_exchanges(agent, client, server, exchanges):
    """Waits until these exchanges, pairs of a request's and a response's bytes, were captured at
    both Ends of a connection, and checks that nothing else was."""
    count = 2 * len(exchanges)
    check_exchanges_at(wait_for(agent, client, count), client, WRITE, exchanges)
    check_exchanges_at(wait_for(agent, server, count), server, READ, exchanges)


def check_text(messages, end, data_type, data):
    """`messages` together are `data`, of no known protocol, in one direction at an End."""
    assert messages
    for message in messages:
        assert message.name == OTHER and message.whole
        check_origin(message, end, data_type)
    assert shown(b"".join(message.body for message in messages)) == shown(data)
