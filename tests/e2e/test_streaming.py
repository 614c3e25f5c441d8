# SPDX-License-Identifier: Apache-2.0
"""Responses that go on for long are shown while they do."""

import zlib

import pytest

from conversation import REQUEST, RESPONSE, at, names
from programs_under_trace import connect_peers, transfer

REQUEST_BYTES = b"GET /events HTTP/1.1\r\nHost: peer\r\nAccept: text/event-stream\r\n\r\n"
EVENTS = [b": hello\n\n", b"event: price\ndata: 1\n\n", b"data: two\ndata: lines\n\n"]


def chunk(data):
    """One chunk of the chunked coding."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def wait_for_part(agent, end, number):
    """Waits until the part of that number has been printed."""

    def find(messages):
        return [message for message in at(messages, end) if message.part == number]

    (part,) = agent.wait_for(find, f"part {number} at {end}")
    return part


@pytest.mark.parametrize("coding", [None, "gzip"])
def test_each_event_is_shown_while_the_connection_is_open(
    capture, tls_client, tls_server, coding
):
    compressor = zlib.compressobj(wbits=31)

    def coded(event):
        if coding is None:
            return event
        return compressor.compress(event) + compressor.flush(zlib.Z_SYNC_FLUSH)

    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    head += b"Content-Encoding: gzip\r\n" if coding else b""
    head += b"Transfer-Encoding: chunked\r\n\r\n"
    with capture() as agent:
        client, server = connect_peers(tls_client, tls_server)
        transfer(tls_client, tls_server, REQUEST_BYTES)
        transfer(tls_server, tls_client, head)
        for end in (client, server):
            assert wait_for_part(agent, end, 1).body == head
        for number, event in enumerate(EVENTS, 2):
            transfer(tls_server, tls_client, chunk(coded(event)))
            for end in (client, server):
                part = wait_for_part(agent, end, number)
                assert (part.body, part.decoded, part.last) == (event, coding, False)
        ending = chunk(compressor.flush()) if coding else b""
        transfer(tls_server, tls_client, ending + b"0\r\n\r\n")
        for end in (client, server):
            last = wait_for_part(agent, end, len(EVENTS) + 2)
            assert last.last and last.whole and last.body == b""
            found = agent.seen(lambda messages, end=end: at(messages, end))
            assert names(found) == [REQUEST] + [RESPONSE] * (len(EVENTS) + 2)


def test_lines_are_shown_when_the_sender_pauses(capture, tls_client, tls_server):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n"
    with capture() as agent:
        client, server = connect_peers(tls_client, tls_server)
        transfer(tls_client, tls_server, REQUEST_BYTES)
        transfer(tls_server, tls_client, head + b'{"a":1}\n{"b":2}\n{"half"')
        for end in (client, server):
            assert wait_for_part(agent, end, 1).body == head
            assert wait_for_part(agent, end, 2).body == b'{"a":1}\n{"b":2}\n'
        transfer(tls_server, tls_client, b":3}\n")
        for end in (client, server):
            assert wait_for_part(agent, end, 3).body == b'{"half":3}\n'


def test_a_stream_counts_as_one_exchange(capture, tls_client, tls_server):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n"
    body = b"".join(EVENTS)
    with capture("--pid", str(tls_client.pid), "--pid", str(tls_server.pid)) as agent:
        connect_peers(tls_client, tls_server)
        transfer(tls_client, tls_server, REQUEST_BYTES)
        transfer(tls_server, tls_client, head % len(body) + body)
        agent.wait_for(
            lambda messages: sum(message.last for message in messages) == 2, "both ends' last parts"
        )
        outcome = agent.stop()
        assert outcome.status == 0
        assert outcome.summary.messages_by_name[REQUEST] == 2
