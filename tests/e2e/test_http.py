# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 between real programs is captured at both ends, byte for byte, with its addresses."""

import datetime
import subprocess

import pytest

import conversation
from conversation import REQUEST, RESPONSE, check_exchanges
from deadlines import Deadline, LineReader
from programs_under_trace import connect_peers, established_connection
from text_format import READ, WRITE


def server_end(nginx, client):
    """nginx's end of a client's connection."""
    return client.peer(nginx.worker_pid, "nginx")


def connection_as_nginx_says(content):
    """Ends and pid in the content of /connection."""
    client_address, client_port, server_address, server_port, pid = content.decode().split()
    return (client_address, int(client_port)), (server_address, int(server_port)), int(pid)


def in_nginx_terms(client, nginx):
    """What nginx should say of a client's connection."""
    local, remote = client.local, client.remote
    return (local.address, local.port), (remote.address, remote.port), nginx.worker_pid


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_curl_and_nginx_are_captured_at_both_ends(capture, nginx, curl, version):
    with capture() as agent:
        options = ("--tls-max", version)
        (transfer,) = curl.run(nginx.url("/connection"), options=options)
        client = transfer.end
        exchange = (transfer.request_head, transfer.response_head + transfer.body)
        check_exchanges(agent, client, server_end(nginx, client), [exchange])
        assert connection_as_nginx_says(transfer.body) == in_nginx_terms(client, nginx)


@pytest.mark.parametrize("place", ["auto", "public"])
def test_wherever_the_probes_sit_the_same_is_captured(capture, nginx, curl, https_client, place):
    nginx.add_file("probed", b"probed\n" * 10000)
    with capture("--attach", place) as agent:
        (transfer,) = curl.run(nginx.url("/probed"))
        exchange = (transfer.request_head, transfer.response_head + transfer.body)
        check_exchanges(agent, transfer.end, server_end(nginx, transfer.end), [exchange])
        client = https_client.connect(nginx.port)
        done = [https_client.request("GET", "/connection") for _ in range(2)]
        exchanges = [(exchange.sent_bytes, exchange.received_bytes) for exchange in done]
        check_exchanges(agent, client, server_end(nginx, client), exchanges)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_python_http_client_is_captured(capture, nginx, https_client, address):
    with capture() as agent:
        client = https_client.connect(nginx.port, address)
        exchange = https_client.request("GET", "/connection")
        exchanges = [(exchange.sent_bytes, exchange.received_bytes)]
        check_exchanges(agent, client, server_end(nginx, client), exchanges)
        said = connection_as_nginx_says(exchange.content_bytes)
        assert said == in_nginx_terms(client, nginx)


def test_openssl_s_client_is_captured(capture, nginx, credentials):
    command = ["openssl", "s_client", "-quiet", "-verify_return_error"]
    command += ["-CAfile", str(credentials.certificate), "-connect", f"127.0.0.1:{nginx.port}"]
    request = b"GET /connection HTTP/1.1\r\nHost: s_client\r\n\r\n"
    with capture() as agent, subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as s_client:
        s_client.stdin.write(request)
        s_client.stdin.flush()
        lines = LineReader(s_client.stdout.fileno())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += lines.read_line(Deadline()) + b"\n"
        client = established_connection(s_client.pid)
        s_client.kill()
        content = "{} {} {} {} {}".format(
            client.local.address,
            client.local.port,
            client.remote.address,
            client.remote.port,
            nginx.worker_pid,
        ).encode()
        check_exchanges(agent, client, server_end(nginx, client), [(request, head + content)])


def test_curl_over_ipv6_is_captured_at_both_ends(capture, nginx, curl):
    with capture() as agent:
        (transfer,) = curl.run(nginx.url("/connection", host="[::1]"))
        client = transfer.end
        assert client.local.address == client.remote.address == "::1"
        exchange = (transfer.request_head, transfer.response_head + transfer.body)
        check_exchanges(agent, client, server_end(nginx, client), [exchange])


def test_requests_on_one_connection_are_captured_in_order(capture, nginx, https_client):
    for number in range(4):
        nginx.add_file(f"page{number}", b"page %d\n" % number * 100 * number)
    with capture() as agent:
        client = https_client.connect(nginx.port)
        done = [https_client.request("GET", f"/page{number}") for number in range(4)]
        done.append(https_client.request("PUT", "/uploads/page", bytes=b"x" * 1000))
        done.append(https_client.request("GET", "/absent"))
        assert [exchange.status for exchange in done] == [200] * 4 + [201, 404]
        exchanges = [(exchange.sent_bytes, exchange.received_bytes) for exchange in done]
        check_exchanges(agent, client, server_end(nginx, client), exchanges)


def test_curl_reusing_a_connection_is_captured_in_order(capture, nginx, curl):
    nginx.add_file("first", b"1" * 10)
    nginx.add_file("second", b"2" * 20000)
    nginx.add_file("third", b"3" * 30)
    with capture() as agent:
        transfers = curl.run(*map(nginx.url, ("/first", "/second", "/third")))
        assert [transfer.connections_opened for transfer in transfers] == [1, 0, 0]
        (client,) = {transfer.end for transfer in transfers}
        exchanges = [
            (transfer.request_head, transfer.response_head + transfer.body)
            for transfer in transfers
        ]
        check_exchanges(agent, client, server_end(nginx, client), exchanges)


def test_pipelined_requests_are_captured_one_by_one(capture, nginx, tls_client):
    nginx.add_file("pipelined", b"content " * 50)
    request = b"GET /pipelined HTTP/1.1\r\nHost: %d\r\n\r\n"
    requests = [request % number for number in range(3)]
    requests.append(b"GET /pipelined HTTP/1.1\r\nHost: 3\r\nConnection: close\r\n\r\n")
    with capture() as agent:
        client = tls_client.connect(nginx.port)
        tls_client.send(b"".join(requests))
        received = tls_client.receive_all()
        for end in (client, server_end(nginx, client)):
            messages = conversation.wait_for(agent, end, 8)
            sent = [message for message in messages if message.name == REQUEST]
            answered = [message for message in messages if message.name == RESPONSE]
            assert len(messages) == len(sent) + len(answered) == 8
            assert [message.body for message in sent] == requests
            assert b"".join(message.body for message in answered) == received
            assert all(message.content == b"content " * 50 for message in answered)
            assert all(message.whole for message in messages)


def test_a_chunked_response_is_captured_without_its_framing(capture, nginx, https_client):
    content = b"a line of some length\n" * 3000
    nginx.add_file("long", content)
    with capture() as agent:
        client = https_client.connect(nginx.port)
        exchange = https_client.request("GET", "/chunked/long")
        after = https_client.request("GET", "/connection")
        head = exchange.received_head
        assert b"Transfer-Encoding: chunked\r\n" in head
        assert exchange.content["count"] == len(content)
        exchanges = [
            (exchange.sent_bytes, head + content + b"X-Ending: of /chunked/long\r\n"),
            (after.sent_bytes, after.received_bytes),
        ]
        check_exchanges(agent, client, server_end(nginx, client), exchanges)


def test_a_chunked_request_is_captured_without_its_framing(capture, nginx, https_client):
    content = b"what is uploaded\n" * 100
    with capture() as agent:
        client = https_client.connect(nginx.port)
        exchange = https_client.request("PUT", "/uploads/chunked", bytes=content, chunks=3)
        assert nginx.uploaded("chunked") == content
        head = exchange.sent_head
        assert b"Transfer-Encoding: chunked\r\n" in head
        exchanges = [(head + content, exchange.received_bytes)]
        check_exchanges(agent, client, server_end(nginx, client), exchanges)


def test_a_response_to_head_has_no_content_and_the_next_is_not_swallowed(
    capture, nginx, https_client
):
    nginx.add_file("content", b"content\n" * 10)
    with capture() as agent:
        client = https_client.connect(nginx.port)
        head = https_client.request("HEAD", "/content")
        get = https_client.request("GET", "/content")
        assert b"Content-Length: 80\r\n" in head.received_bytes
        assert head.received_bytes.endswith(b"\r\n\r\n")
        exchanges = [
            (head.sent_bytes, head.received_bytes),
            (get.sent_bytes, get.received_bytes),
        ]
        check_exchanges(agent, client, server_end(nginx, client), exchanges)


def test_a_response_that_ends_with_the_connection_is_whole(capture, tls_client, tls_server):
    request = b"GET /stream HTTP/1.1\r\nHost: peer\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nX-Order: kept\r\nx-case: Kept\r\n\r\n"
    response = head + b"until the end\n" * 500
    with capture() as agent:
        client, server = connect_peers(tls_client, tls_server)
        tls_client.send(request)
        assert tls_server.receive(len(request)) == request
        tls_client.tell("receive", count=1 << 20)
        tls_server.send(response)
        tls_server.ask("close")
        tls_client.answer()
        tls_client.ask("close")
        check_exchanges(agent, client, server, [(request, response)])


def test_messages_carry_the_time_at_which_they_were_sent(capture, nginx, curl):
    nginx.add_file("first", b"1")
    with capture() as agent:
        before = datetime.datetime.now(datetime.timezone.utc)
        first, second = curl.run(nginx.url("/first"), nginx.url("/first"))
        after = datetime.datetime.now(datetime.timezone.utc)
        assert first.end == second.end
        messages = conversation.wait_for(agent, first.end, 4)
        times = [message.time for message in messages]
        clock_adjustment = datetime.timedelta(seconds=1)
        assert before - clock_adjustment < times[0] and times[-1] < after + clock_adjustment
        assert times == sorted(times)
        assert len(set(times)) == 4
        directions = [message.uuid.data_type for message in messages]
        assert directions == [WRITE, READ, WRITE, READ]
