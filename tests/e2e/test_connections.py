# SPDX-License-Identifier: Apache-2.0
"""Each message is told apart by its process and connection, whenever and however it began."""

import concurrent.futures
import contextlib

import pytest

import conversation
from conversation import REQUEST, RESPONSE, check_exchanges, check_exchanges_at
from programs_under_trace import HttpsClient, TlsPeer, connect_peers, transfer
from text_format import READ, WRITE

REQUEST_BYTES = b"POST /%d HTTP/1.1\r\nHost: peer\r\nContent-Length: 5\r\n\r\nhello"
RESPONSE_BYTES = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nwelcome"


def exchange_between(client, server, number=0):
    """Has two connected TlsPeers exchange a request and a response; the bytes of both."""
    request = REQUEST_BYTES % number
    transfer(client, server, request)
    transfer(server, client, RESPONSE_BYTES)
    return request, RESPONSE_BYTES


@pytest.mark.parametrize("used", [True, False], ids=["used", "unused"])
def test_a_connection_opened_before_the_agent_is_captured_with_its_addresses(
    capture, nginx, https_client, used
):
    client = https_client.connect(nginx.port)
    server = client.peer(nginx.worker_pid, "nginx")
    if used:
        https_client.request("GET", "/connection")
    with capture() as agent:
        done = [https_client.request("GET", "/connection") for _ in range(2)]
        exchanges = [(exchange.sent_bytes, exchange.received_bytes) for exchange in done]
        check_exchanges(agent, client, server, exchanges)


def test_a_process_started_before_the_agent_is_captured_when_it_connects(
    capture, nginx, https_client
):
    https_client.connect(nginx.port)
    https_client.ask("close")
    with capture() as agent:
        client = https_client.connect(nginx.port)
        exchange = https_client.request("GET", "/connection")
        server = client.peer(nginx.worker_pid, "nginx")
        exchanges = [(exchange.sent_bytes, exchange.received_bytes)]
        check_exchanges(agent, client, server, exchanges)


def test_two_processes_at_once_are_never_mixed(capture, nginx, credentials):
    rounds = 25
    with (
        HttpsClient(credentials) as left,
        HttpsClient(credentials) as right,
        capture() as agent,
    ):
        clients = {"left": left, "right": right}
        for name in clients:
            nginx.add_file(name, name.encode() * 5000)
        ends = {name: client.connect(nginx.port) for name, client in clients.items()}

        def talk(name):
            done = []
            for number in range(rounds):
                body = name.encode() + b"%d " % number * 500
                done.append(clients[name].request("GET", f"/{name}"))
                done.append(clients[name].request("PUT", f"/uploads/{name}", bytes=body))
            return [(exchange.sent_bytes, exchange.received_bytes) for exchange in done]

        with concurrent.futures.ThreadPoolExecutor() as pool:
            talks = dict(zip(clients, pool.map(talk, clients)))
        for name, exchanges in talks.items():
            server = ends[name].peer(nginx.worker_pid, "nginx")
            check_exchanges(agent, ends[name], server, exchanges)
        sockets = {
            (message.pid, message.src, message.dest): message.uuid.socket
            for end in ends.values()
            for message in agent.seen(lambda messages: conversation.of_process(messages, end.pid))
        }
        assert len(sockets) == len(set(sockets.values())) == 2


def test_connections_one_after_the_other_are_told_apart(capture, nginx, https_client):
    with capture() as agent:
        ends = []
        for number in range(5):
            ends.append(https_client.connect(nginx.port))
            exchange = https_client.request("GET", f"/connection?{number}")
            https_client.ask("close")
            server = ends[-1].peer(nginx.worker_pid, "nginx")
            exchanges = [(exchange.sent_bytes, exchange.received_bytes)]
            check_exchanges(agent, ends[-1], server, exchanges)
        assert len(set(ends)) == 5


def test_ipv4_over_an_ipv6_socket_is_shown_as_ipv4(capture, tls_client, tls_server):
    with capture() as agent:
        client, server = connect_peers(tls_client, tls_server, "::ffff:127.0.0.1")
        assert client.local.address == server.local.address == "127.0.0.1"
        exchange = exchange_between(tls_client, tls_server)
        check_exchanges(agent, client, server, [exchange])


def test_reads_served_from_the_librarys_own_buffer_keep_their_connection(
    capture, tls_client, tls_server
):
    with capture() as agent:
        client, server = connect_peers(tls_client, tls_server)
        request = REQUEST_BYTES % 0
        transfer(tls_client, tls_server, request)
        tls_server.send(RESPONSE_BYTES)  # one TLS record, which the client reads bit by bit
        assert tls_client.receive(len(RESPONSE_BYTES), slice=7) == RESPONSE_BYTES
        check_exchanges(agent, client, server, [(request, RESPONSE_BYTES)])


def test_a_message_sent_byte_by_byte_is_one_message(capture, tls_client, tls_server):
    request = REQUEST_BYTES % 0
    with capture() as agent:
        client, server = connect_peers(tls_client, tls_server)
        for index in range(len(request)):
            tls_client.send(request[index : index + 1])
        assert tls_server.receive(len(request)) == request
        transfer(tls_server, tls_client, RESPONSE_BYTES)
        check_exchanges(agent, client, server, [(request, RESPONSE_BYTES)])


def test_a_response_may_overtake_the_rest_of_its_request(capture, tls_client, tls_server):
    head = b"POST /upload HTTP/1.1\r\nHost: peer\r\nContent-Length: 10\r\n\r\n"
    refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n"
    with capture() as agent:
        client, server = connect_peers(tls_client, tls_server)
        transfer(tls_client, tls_server, head)
        transfer(tls_server, tls_client, refusal)
        transfer(tls_client, tls_server, b"0123456789")
        for end in (client, server):
            messages = conversation.wait_for(agent, end, 2)
            bodies = {message.name: message.body for message in messages}
            assert bodies == {REQUEST: head + b"0123456789", RESPONSE: refusal}
            assert all(message.whole for message in messages)


def test_a_request_cut_off_by_the_end_of_its_connection_is_marked(
    capture, tls_client, tls_server
):
    part = b"POST /part HTTP/1.1\r\nHost: peer\r\nContent-Length: 100\r\n\r\nonly this"
    with capture() as agent:
        client, server = connect_peers(tls_client, tls_server)
        transfer(tls_client, tls_server, part)
        tls_client.ask("close")
        tls_server.ask("close")
        for end in (client, server):
            (message,) = conversation.wait_for(agent, end, 1)
            assert message.incomplete
            assert message.body == part


def test_a_server_with_many_connections_keeps_them_apart(capture, nginx, credentials):
    with capture() as agent, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(TlsPeer(credentials)) for _ in range(4)]
        ends = [client.connect(nginx.port) for client in clients]
        requests = [
            b"GET /connection HTTP/1.1\r\nHost: number%d\r\n\r\n" % number
            for number, _ in enumerate(clients)
        ]
        # Every request is half sent before any is finished.
        for half in (slice(None, 20), slice(20, None)):
            for client, request in zip(clients, requests):
                client.send(request[half])
        for end, request in zip(ends, requests):
            server = end.peer(nginx.worker_pid, "nginx")
            at_server = conversation.wait_for(agent, server, 2)
            response = at_server[1]
            check_exchanges_at(at_server, server, READ, [(request, response.body)])
            assert response.content.split()[1] == str(end.local.port).encode()
            (sent,) = conversation.wait_for(agent, end, 1)
            assert sent.body == request
            conversation.check_origin(sent, end, WRITE)
