# SPDX-License-Identifier: Apache-2.0
"""What TLS handshakes tell, beside what the programs say of them."""

import http2_programs
from text_format import READ, WRITE


def _handshake(agent, comm, data_type_of_client):
    """What the three parts tell that a program sees of its one connection."""

    def all_parts(messages):
        parts = {m.handshake["Part"]: m for m in messages if m.handshake and m.comm == comm}
        return parts if len(parts) == 3 else None

    parts = agent.wait_for(all_parts, f"the parts of {comm}'s handshake")
    assert parts["client-hello"].uuid.data_type == data_type_of_client
    assert parts["server-hello"].uuid.data_type != data_type_of_client
    ends = {(part.src, part.dest, part.uuid.socket) for part in parts.values()}
    assert len(ends) == 1
    facts = {}
    for part in parts.values():
        facts.update(part.handshake)
    return facts, ends.pop()


def _check_both_ends(agent, **expected):
    expected["ServerName"] = "localhost"
    facts, (src, dest, _) = _handshake(agent, "curl", WRITE)
    assert {key: facts.get(key) for key in expected} == expected
    facts, (server, client, _) = _handshake(agent, "nginx", READ)
    assert {key: facts.get(key) for key in expected} == expected
    assert (server, client) == (dest, src)


def test_both_ends_of_http2_over_tls_1_3(capture, nginx, credentials):
    nginx.add_file("handshake.txt", b"text")
    with capture("--show-handshakes") as agent:
        http2_programs.run_curl(credentials, nginx.url("/handshake.txt", "localhost"))
        _check_both_ends(agent, Offers="h2+http/1.1", Version="TLSv1.3", Protocol="h2")


def test_both_ends_of_http1_over_tls_1_2(capture, nginx, curl):
    nginx.add_file("handshake.txt", b"text")
    with capture("--show-handshakes") as agent:
        curl.run(nginx.url("/handshake.txt", "localhost"), options=("--tls-max", "1.2"))
        _check_both_ends(agent, Offers="http/1.1", Version="TLSv1.2", Protocol="http/1.1")


def test_they_are_shown_on_request_only(capture, nginx, curl):
    nginx.add_file("handshake.txt", b"text")
    with capture() as agent:
        curl.run(nginx.url("/handshake.txt", "localhost"))
        messages = agent.wait_for(lambda all_: list(all_) if len(all_) >= 4 else None, "4 messages")
        assert not any(message.handshake for message in messages)
