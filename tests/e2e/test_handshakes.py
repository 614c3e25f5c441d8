# SPDX-License-Identifier: Apache-2.0
"""What TLS handshakes tell, beside what the programs say of them."""

import http2_programs
from text_format import READ, WRITE


def _with(messages, port):
    """Those of connections to a server: others of this host speak as well."""
    return [m for m in messages if port in (m.src and m.src.port, m.dest and m.dest.port)]


def _handshake(agent, port, comm, data_type_of_client):
    """What the three parts tell that a program sees of its one connection to a server."""

    def all_parts(messages):
        seen = [m for m in _with(messages, port) if m.handshake and m.comm == comm]
        parts = {m.handshake["Part"]: m for m in seen}
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


def _check_both_ends(agent, port, **expected):
    expected["ServerName"] = "localhost"
    facts, (src, dest, _) = _handshake(agent, port, "curl", WRITE)
    assert {key: facts.get(key) for key in expected} == expected
    facts, (server, client, _) = _handshake(agent, port, "nginx", READ)
    assert {key: facts.get(key) for key in expected} == expected
    assert (server, client) == (dest, src)


def test_both_ends_of_http2_over_tls_1_3(capture, nginx, credentials):
    nginx.add_file("handshake.txt", b"text")
    with capture("--show-handshakes") as agent:
        http2_programs.run_curl(credentials, nginx.url("/handshake.txt", "localhost"))
        _check_both_ends(
            agent, nginx.port, Offers="h2+http/1.1", Version="TLSv1.3", Protocol="h2"
        )


def test_both_ends_of_http1_over_tls_1_2(capture, nginx, curl):
    nginx.add_file("handshake.txt", b"text")
    with capture("--show-handshakes") as agent:
        curl.run(nginx.url("/handshake.txt", "localhost"), options=("--tls-max", "1.2"))
        _check_both_ends(
            agent, nginx.port, Offers="http/1.1", Version="TLSv1.2", Protocol="http/1.1"
        )


def test_they_are_shown_on_request_only(capture, nginx, curl):
    nginx.add_file("handshake.txt", b"text")
    with capture() as agent:
        curl.run(nginx.url("/handshake.txt", "localhost"))

        def four_messages(messages):
            found = _with(messages, nginx.port)
            return found if len(found) >= 4 else None

        messages = agent.wait_for(four_messages, "4 messages")
        assert not any(message.handshake for message in messages)
