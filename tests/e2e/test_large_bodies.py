# SPDX-License-Identifier: Apache-2.0
"""Bodies far larger than a ring record arrive whole, or with what is missing named to the byte."""

import base64
import os

import pytest

import conversation
from conversation import REQUEST, RESPONSE, check_exchanges, check_origin, shown
from programs_under_trace import connect_peers
from text_format import READ, WRITE

pytestmark = pytest.mark.host_wide

SIZE = 5 << 20
DEFAULT_MAX_PAYLOAD = 1 << 20


@pytest.fixture(scope="module", name="content")
def _content():
    # Text, because content that is not may be shown as something else.
    return base64.b64encode(os.urandom(SIZE))[:SIZE]


@pytest.fixture(name="content_file")
def _content_file(scratch, content):
    file = scratch / "content"
    file.write_bytes(content)
    return file


def check_nothing_lost(agent):
    """Ends the agent, which must have lost nothing at all."""
    outcome = agent.stop()
    assert outcome.status == 0
    assert outcome.summary.lost_bytes == 0
    assert outcome.summary.dropped == 0


def test_a_download_by_curl_is_captured_whole_at_both_ends(capture, nginx, curl, content):
    nginx.add_file("download", content)
    with capture() as agent:
        (transfer,) = curl.run(nginx.url("/download"))
        assert shown(transfer.body) == shown(content)
        client = transfer.end
        server = client.peer(nginx.worker_pid, "nginx")
        exchange = (transfer.request_head, transfer.response_head + content)
        check_exchanges(agent, client, server, [exchange])
        check_nothing_lost(agent)


def test_an_upload_by_curl_is_captured_whole_at_both_ends(
    capture, nginx, curl, content, content_file
):
    with capture() as agent:
        options = ("--upload-file", str(content_file))
        (transfer,) = curl.run(nginx.url("/uploads/by-curl"), options=options)
        assert shown(nginx.uploaded("by-curl")) == shown(content)
        assert b"Expect: 100-continue\r\n" in transfer.request_head
        client = transfer.end
        server = client.peer(nginx.worker_pid, "nginx")
        for end, sending in ((client, WRITE), (server, READ)):
            messages = conversation.wait_for(agent, end, 3)
            (request,) = [message for message in messages if message.name == REQUEST]
            interim, final = [message for message in messages if message.name == RESPONSE]
            check_origin(request, end, sending)
            assert shown(request.body) == shown(transfer.request_head + content)
            assert interim.body == b"HTTP/1.1 100 Continue\r\n\r\n"
            assert final.body == transfer.response_head
            assert all(message.whole for message in messages)
        check_nothing_lost(agent)


def test_a_download_by_python_is_captured_whole_at_both_ends(
    capture, nginx, https_client, content
):
    nginx.add_file("download", content)
    with capture() as agent:
        client = https_client.connect(nginx.port)
        exchange = https_client.request("GET", "/download")
        server = client.peer(nginx.worker_pid, "nginx")
        exchanges = [(exchange.sent_bytes, exchange.received_head + content)]
        check_exchanges(agent, client, server, exchanges)
        check_nothing_lost(agent)


def test_an_upload_in_one_huge_call_is_captured_whole_without_a_limit(
    capture, nginx, https_client, content, content_file
):
    with capture("--max-payload", "0") as agent:
        client = https_client.connect(nginx.port)
        exchange = https_client.request("PUT", "/uploads/huge", file=content_file)
        assert shown(nginx.uploaded("huge")) == shown(content)
        server = client.peer(nginx.worker_pid, "nginx")
        exchanges = [(exchange.sent_head + content, exchange.received_bytes)]
        check_exchanges(agent, client, server, exchanges)
        check_nothing_lost(agent)


def test_a_call_that_had_to_be_retried_is_captured_once(
    capture, tls_client, tls_server, content, content_file
):
    request = b"POST / HTTP/1.1\r\nHost: peer\r\nContent-Length: %d\r\n\r\n" % SIZE
    response = b"HTTP/1.1 204 No Content\r\n\r\n"
    with capture("--max-payload", "0") as agent:
        # With a timeout the client's socket does not block: SSL_write_ex fails and is called
        # again, because the server reads nothing until later.
        client, server = connect_peers(tls_client, tls_server, timeout=60)
        tls_client.send(request)
        tls_client.tell("send", file=content_file)
        assert tls_server.receive(len(request) + SIZE) == request + content
        assert tls_client.answer()["count"] == SIZE
        tls_server.send(response)
        assert tls_client.receive(len(response)) == response
        check_exchanges(agent, client, server, [(request + content, response)])
        check_nothing_lost(agent)


def test_what_is_over_max_payload_is_reported_with_its_size(
    capture, nginx, https_client, content, content_file
):
    pids = ("--pid", str(https_client.pid), "--pid", str(nginx.worker_pid))
    beyond = SIZE - DEFAULT_MAX_PAYLOAD
    with capture(*pids) as agent:
        client = https_client.connect(nginx.port)
        exchange = https_client.request("PUT", "/uploads/cut", file=content_file)
        after = https_client.request("GET", "/connection")
        conversation.wait_for(agent, client, 4)
        server = client.peer(nginx.worker_pid, "nginx")
        conversation.wait_for(agent, server, 4)
        outcome = agent.stop()

    assert outcome.status == 0
    summary = outcome.summary
    assert (summary.over_max_payload.events, summary.over_max_payload.bytes) == (1, beyond)
    assert summary.lost_bytes == beyond
    assert summary.seen.bytes == summary.delivered.bytes + beyond
    at_client = conversation.at(outcome.messages, client)
    assert conversation.names(at_client) == [REQUEST, RESPONSE] * 2
    cut = at_client[0]
    assert cut.lost == beyond
    assert shown(cut.body) == shown(exchange.sent_head + content[:DEFAULT_MAX_PAYLOAD])
    losses = [m for m in outcome.messages if m.name == "Lost" and m.pid == client.pid]
    assert [loss.lost for loss in losses] == [beyond]
    # Neither what followed on the connection nor the other end suffers from it.
    assert [message.body for message in at_client[1:]] == [
        exchange.received_bytes,
        after.sent_bytes,
        after.received_bytes,
    ]
    at_server = conversation.at(outcome.messages, server)
    assert shown(at_server[0].body) == shown(exchange.sent_head + content)


def test_max_payload_is_a_limit_per_call(capture, https_client, nginx):
    pid = str(https_client.pid)
    body = b"0123456789" * 2560
    with capture("--pid", pid, "--max-payload", "1000") as agent:
        client = https_client.connect(nginx.port)
        https_client.request("PUT", "/uploads/limited", bytes=body)
        messages = conversation.wait_for(agent, client, 2)
        assert messages[0].lost == len(body) - 1000
        assert messages[1].whole
        summary = agent.stop().summary
        assert summary.over_max_payload.bytes == len(body) - 1000


def test_tsize_caps_what_is_kept_of_a_message_and_says_what_was_cut(
    capture, https_client, nginx, content
):
    nginx.add_file("download", content)
    nginx.add_file("small", b"small")
    pid = str(https_client.pid)
    kept = 10000
    with capture("--pid", pid, "--tsize", str(kept)) as agent:
        client = https_client.connect(nginx.port)
        https_client.request("GET", "/download")
        small = https_client.request("GET", "/small")
        messages = conversation.wait_for(agent, client, 4)
        assert conversation.names(messages) == [REQUEST, RESPONSE] * 2
        assert messages[1].cut == SIZE - kept
        assert shown(messages[1].content) == shown(content[:kept])
        assert messages[3].whole
        assert messages[3].body == small.received_bytes
