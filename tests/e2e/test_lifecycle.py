# SPDX-License-Identifier: Apache-2.0
"""Starting and stopping: what is attached to when, what is left behind, what is said at the end."""

import os
import shutil
import signal
import subprocess

import pytest

import conversation
import kernel_objects
from conversation import REQUEST, RESPONSE, check_exchanges_at
from deadlines import DEADLINE_S, eventually
from programs_under_trace import HttpsClient, connect_peers, transfer
from text_format import LOST, WRITE


@pytest.mark.host_wide
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_agent_leaves_nothing_behind(capture, nginx, https_client, how):
    client = https_client.connect(nginx.port)
    traced = (https_client.pid, nginx.worker_pid)
    objects_before, mounts_before = kernel_objects.bpf_objects(), kernel_objects.mounts()
    # Nothing, unless somebody else watches this host as well.
    patched_before = list(map(kernel_objects.patched_bytes, traced))
    with capture() as agent:
        https_client.request("GET", "/connection")
        conversation.wait_for(agent, client, 2)
        assert kernel_objects.bpf_objects() - objects_before
        assert all(map(kernel_objects.patched_bytes, traced))
        outcome = agent.stop(how)
    if how == signal.SIGKILL:
        assert outcome.status == -signal.SIGKILL
    else:
        assert outcome.status == 0
    # The kernel takes down what a process held a moment after the process is gone.
    eventually(
        lambda: not kernel_objects.bpf_objects() - objects_before,
        "every BPF program, map and link is gone",
    )
    eventually(
        lambda: list(map(kernel_objects.patched_bytes, traced)) == patched_before,
        "every probe is gone from the traced programs",
    )
    assert not kernel_objects.mounts() - mounts_before
    assert https_client.request("GET", "/connection").status == 200


def test_the_summary_agrees_with_what_was_printed(capture, nginx, https_client):
    with capture("--pid", str(https_client.pid)) as agent:
        client = https_client.connect(nginx.port)
        done = [https_client.request("GET", "/connection") for _ in range(3)]
        done.append(https_client.request("PUT", "/uploads/summary", bytes=b"x" * 50000))
        conversation.wait_for(agent, client, 8)
        outcome = agent.stop()
    summary = outcome.summary
    moved = sum(exchange.sent["count"] + exchange.received["count"] for exchange in done)
    assert summary.seen.bytes == summary.delivered.bytes == moved
    assert 0 < summary.seen.events <= summary.delivered.events
    assert summary.messages == len(outcome.messages) == 8
    assert summary.messages_by_name == {REQUEST: 4, RESPONSE: 4}
    assert summary.lost_bytes == 0
    assert (summary.written.events, summary.dropped) == (8, 0)


def test_an_agent_that_saw_nothing_says_so(capture, https_client):
    with capture("--pid", str(https_client.pid)) as agent:
        outcome = agent.stop()
    assert outcome.status == 0
    assert not outcome.messages
    summary = outcome.summary
    assert summary.seen.events == summary.delivered.events == summary.messages == 0


def test_what_is_in_flight_when_the_agent_is_stopped_is_printed(capture, tls_client, tls_server):
    part = b"POST /part HTTP/1.1\r\nHost: peer\r\nContent-Length: 100\r\n\r\nonly this"
    with capture("--pid", str(tls_client.pid)) as agent:
        client, _ = connect_peers(tls_client, tls_server)
        transfer(tls_client, tls_server, part)
        outcome = agent.stop(signal.SIGTERM)
    (message,) = conversation.at(outcome.messages, client)
    assert message.incomplete
    assert message.body == part


def test_a_closed_pipe_ends_the_agent_with_its_summary(capture, nginx, https_client):
    reading, writing = os.pipe()
    pid = str(https_client.pid)
    with subprocess.Popen(["head", "-1"], stdin=reading, stdout=subprocess.PIPE) as head:
        os.close(reading)
        with capture("--pid", pid, stdout=writing) as agent:
            os.close(writing)
            https_client.connect(nginx.port)
            eventually(
                lambda: https_client.request("GET", "/connection") and not agent.running(),
                "the agent notices that nobody reads",
            )
            outcome = agent.wait_for_exit()
        printed, _ = head.communicate(timeout=DEADLINE_S)
    assert printed.startswith(f"PID:{pid}, Comm:python3, ".encode())
    assert outcome.status == 0
    assert outcome.summary.messages_by_name[REQUEST] > 0


def copy_of_the_library(client, directory):
    """A copy in `directory` of the TLS library that a program uses, for others to load."""
    libssl = os.path.realpath(client.ask("library")["path"])
    for name in ("libssl.so.3", "libcrypto.so.3"):
        shutil.copy(os.path.join(os.path.dirname(libssl), name), directory)
    return {"LD_LIBRARY_PATH": str(directory)}


def test_a_library_that_appears_after_the_start_is_attached_to(
    capture, nginx, https_client, credentials, scratch
):
    with capture() as agent:
        environment = copy_of_the_library(https_client, scratch)
        with HttpsClient(credentials, environment=environment) as late:
            assert late.ask("library")["path"] == str(scratch / "libssl.so.3")
            client = late.connect(nginx.port)
            eventually(
                lambda: late.request("GET", "/connection")
                and agent.seen(lambda messages: conversation.at(messages, client)),
                "the copied library is attached to",
            )
            exchange = late.request("GET", "/connection?last")
            last = (exchange.sent_bytes, exchange.received_bytes)

            def find(messages):
                found = conversation.at(messages, client)[-2:]
                return found if [message.body for message in found] == list(last) else None

            check_exchanges_at(agent.wait_for(find, "the last exchange"), client, WRITE, [last])


def test_a_program_started_after_the_agent_is_captured_from_its_first_byte(
    capture, nginx, curl, credentials, scratch, https_client
):
    environment = copy_of_the_library(https_client, scratch)
    with capture() as agent, HttpsClient(credentials, environment=environment) as first:
        # Once a process has brought the library along, later ones are captured from the start.
        end = first.connect(nginx.port)
        eventually(
            lambda: first.request("GET", "/connection")
            and agent.seen(lambda messages: conversation.at(messages, end)),
            "the copied library is attached to",
        )
        with HttpsClient(credentials, environment=environment) as second:
            client = second.connect(nginx.port)
            exchange = second.request("GET", "/connection")
            check_exchanges_at(
                conversation.wait_for(agent, client, 2),
                client,
                WRITE,
                [(exchange.sent_bytes, exchange.received_bytes)],
            )


def test_two_agents_at_once_capture_the_same(capture, nginx, https_client):
    pid = ("--pid", str(https_client.pid))
    with capture(*pid) as first, capture(*pid) as second:
        client = https_client.connect(nginx.port)
        exchange = https_client.request("GET", "/connection")
        exchanges = [(exchange.sent_bytes, exchange.received_bytes)]
        for agent in (first, second):
            check_exchanges_at(conversation.wait_for(agent, client, 2), client, WRITE, exchanges)
        assert first.stop().status == 0
        exchange = https_client.request("GET", "/connection")
        exchanges.append((exchange.sent_bytes, exchange.received_bytes))
        check_exchanges_at(conversation.wait_for(second, client, 4), client, WRITE, exchanges)


def test_losses_while_the_agent_stands_still_are_counted_to_the_byte(
    capture, tls_client, tls_server
):
    chunk = b"x" * 16384
    head = b"POST /flood HTTP/1.1\r\nHost: peer\r\nContent-Length: %d\r\n\r\n" % (300 * len(chunk))
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    after = b"GET /after HTTP/1.1\r\nHost: peer\r\n\r\n"
    with capture("--pid", str(tls_client.pid), "--ring-mib", "1") as agent:
        client, _ = connect_peers(tls_client, tls_server)
        agent.pause()
        transfer(tls_client, tls_server, head)
        for _ in range(300):
            transfer(tls_client, tls_server, chunk)
        agent.resume()
        transfer(tls_server, tls_client, response)
        transfer(tls_client, tls_server, after)
        transfer(tls_server, tls_client, response)
        agent.wait_for(
            lambda messages: any(
                message.body == after for message in conversation.at(messages, client)
            ),
            "the request after the flood",
        )
        outcome = agent.stop()

    summary = outcome.summary
    sent = len(head) + 300 * len(chunk) + len(after) + 2 * len(response)
    assert summary.seen.bytes == sent
    assert summary.ring_full.bytes > 0
    assert summary.seen.bytes == summary.delivered.bytes + summary.lost_bytes
    losses = [message for message in outcome.messages if message.name == LOST]
    assert sum(loss.lost for loss in losses) == summary.lost_bytes
    messages = conversation.at(outcome.messages, client)
    requests = [message for message in messages if message.name == REQUEST]
    assert requests[0].lost == summary.lost_bytes
    assert (requests[-1].body, requests[-1].lost) == (after, 0)
    assert [m.body for m in messages if m.name == RESPONSE][-1] == response
