# SPDX-License-Identifier: Apache-2.0
"""What is not HTTP is shown too: text as text, the rest as a hex dump, whole either way."""

import pytest

import conversation
from conversation import check_text
from programs_under_trace import connect_peers, transfer
from text_format import READ, WRITE


def in_direction(messages, data_type):
    """The messages that went this way."""
    return [message for message in messages if message.uuid.data_type == data_type]


def wait_for_bytes(agent, end, data_type, count):
    """Waits until `count` bytes were captured in one direction at an End; their messages."""

    def find(messages):
        found = in_direction(conversation.at(messages, end), data_type)
        return found if sum(len(message.body) for message in found) >= count else None

    return agent.wait_for(find, f"{count} bytes at {end}")


def check_dialogue(agent, client, server, question, answer):
    """Both Ends were captured sending and receiving these bytes; the messages."""
    expected = [
        (client, WRITE, question),
        (server, READ, question),
        (server, WRITE, answer),
        (client, READ, answer),
    ]
    captured = []
    for end, data_type, data in expected:
        messages = wait_for_bytes(agent, end, data_type, len(data))
        check_text(messages, end, data_type, data)
        captured += messages
    return captured


def test_a_line_protocol_comes_out_as_text(capture, tls_client, tls_server):
    question = b"EHLO client.example\r\nNOOP\tof \"course\"\r\n"
    answer = b"250-server.example\r\n250 PIPELINING\r\n"
    with capture() as agent:
        client, server = connect_peers(tls_client, tls_server)
        transfer(tls_client, tls_server, question)
        transfer(tls_server, tls_client, answer)
        messages = check_dialogue(agent, client, server, question, answer)
        assert not any(message.hex_dump for message in messages)


@pytest.mark.parametrize(
    "question",
    [bytes(range(256)) * 3, b"\0", b"before\0after", b"\0" * 17, b"\x05\x01\x00"],
    ids=["every byte", "one NUL", "text with a NUL", "only NULs", "SOCKS"],
)
def test_binary_comes_out_as_a_hex_dump(capture, tls_client, tls_server, question):
    answer = b"\0\xff\0 and more \0"
    with capture() as agent:
        client, server = connect_peers(tls_client, tls_server)
        transfer(tls_client, tls_server, question)
        transfer(tls_server, tls_client, answer)
        messages = check_dialogue(agent, client, server, question, answer)
        assert all(message.hex_dump for message in messages)


def test_a_dialogue_comes_out_turn_by_turn(capture, tls_client, tls_server):
    turns = [b"turn %d\r\n" % number for number in range(6)]
    with capture() as agent:
        client, server = connect_peers(tls_client, tls_server)
        for number, turn in enumerate(turns):
            pair = (tls_client, tls_server) if number % 2 == 0 else (tls_server, tls_client)
            transfer(*pair, turn)
        for end in (client, server):
            messages = conversation.wait_for(agent, end, len(turns))
            assert [message.body for message in messages] == turns


def test_much_binary_is_captured_whole(capture, tls_client, tls_server):
    data = bytes(range(256)) * 1024
    with capture() as agent:
        client, server = connect_peers(tls_client, tls_server)
        transfer(tls_client, tls_server, data)
        for end, data_type in ((client, WRITE), (server, READ)):
            check_text(wait_for_bytes(agent, end, data_type, len(data)), end, data_type, data)
