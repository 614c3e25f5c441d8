# SPDX-License-Identifier: Apache-2.0
"""A capture that sends to a collector, and to Kafka: what arrives, whatever happens on the way."""

import json
import re
import signal
import socket
import ssl
import subprocess
import threading

import pytest

import conversation
import pcapng
from collecting import Collector
from deadlines import DEADLINE_S, eventually
from recordings import WRITE, Connection, end, header
from text_format import TextReader
from tlscope import DONE, binary, check_refused, run

# How often the collector is killed under load.
_KILLS = 10

# Of this host, and nobody's.
_NAME_SERVER = "127.153.0.53"


def counts_of(stderr, name):
    """What the summary says of an output: written, dropped, acknowledged. Checks the causes."""
    said = stderr.split(f"output to {name}: ")[1].split("output to ")[0]
    numbers = re.match(
        r"(\d+) messages written \(\d+ bytes\), (\d+) dropped\n.*?of those written (\d+) were", said
    )
    assert numbers, said
    written, dropped, acknowledged = map(int, numbers.groups())
    causes = re.search(
        r"dropped: (\d+) queue full, (\d+) not delivered or refused, (\d+) output closed or broken",
        said,
    )
    assert dropped == (sum(map(int, causes.groups())) if causes else 0), said
    return written, dropped, acknowledged


def requests_in(path):
    """The targets of the requests in a file of JSON Lines, in order."""
    events = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [
        event["target"]
        for event in events
        if event["kind"] == "message" and event["type"] == "request"
    ]


@pytest.mark.parametrize("scheme", ["unix", "tcp", "tls"])
def test_a_collector_has_what_was_captured(
    capture, nginx, https_client, credentials, scratch, scheme
):
    out = scratch / "collected.txt"
    listen = f"unix://{scratch}/c.sock" if scheme == "unix" else f"{scheme}://127.0.0.1:0"
    tls = ("--tls-cert", credentials.certificate, "--tls-key", credentials.key)
    with Collector("--listen", listen, "-o", out, *(tls if scheme == "tls" else ())) as collector:
        url = collector.urls[0]
        trust = ("--tls-ca", str(credentials.certificate)) if scheme == "tls" else ()
        pid = ("--pid", str(https_client.pid))
        with capture(*pid, "-o", "-", "-o", url, "--instance", "one", *trust) as agent:
            agent.wait_for_line(f"connected to {url}")
            client = https_client.connect(nginx.port)
            for _ in range(5):
                https_client.request("GET", "/connection")
            conversation.wait_for(agent, client, 10)
            outcome = agent.stop()
        collector.stop()
    reader = TextReader()
    collected = out.read_bytes()
    host = socket.gethostname()
    named = f"Host:{host}, Agent:one, ".encode()
    assert collected.count(named) == 10
    messages = reader.feed(collected.replace(named, b"")) + reader.finish()
    assert [(message.header, message.body) for message in messages] == [
        (message.header, message.body) for message in outcome.messages
    ]
    # Ten messages and the five exchanges that they make.
    assert counts_of(outcome.stderr, url) == (15, 0, 15)


def test_nothing_is_lost_or_doubled_when_the_collector_is_killed_again_and_again(
    capture, nginx, https_client, scratch
):
    out = scratch / "collected.jsonl"
    url = f"unix://{scratch}/c.sock"
    count = 0
    stop = threading.Event()

    def load():
        nonlocal count
        while not stop.wait(0.005):  # nginx closes a connection after 10,000 requests
            https_client.request("GET", f"/connection?{count}")
            count += 1

    https_client.connect(nginx.port)
    pid = ("--pid", str(https_client.pid))
    with capture(*pid, "-o", url) as agent:
        thread = threading.Thread(target=load)
        thread.start()
        try:
            for _ in range(_KILLS):
                size = out.stat().st_size if out.exists() else 0
                with Collector("--listen", url, "-o", out) as collector:
                    eventually(
                        lambda before=size: out.exists() and out.stat().st_size > before,
                        "more is collected",
                    )
                    collector.kill()
        finally:
            stop.set()
            thread.join(DEADLINE_S)
        with Collector("--listen", url, "-o", out) as collector:
            outcome = agent.stop()
            collector.stop()
    written, dropped, acknowledged = counts_of(outcome.stderr, url)
    assert (written, dropped) == (acknowledged, 0)
    # A request, its response and their exchange each.
    assert written == 3 * count
    assert requests_in(out) == [f"/connection?{number}" for number in range(count)]


def test_what_does_not_fit_the_spool_is_counted(capture, nginx, https_client, scratch):
    out = scratch / "collected.jsonl"
    url = f"unix://{scratch}/c.sock"
    pid = ("--pid", str(https_client.pid))
    https_client.connect(nginx.port)
    body = b"x" * 300_000
    with capture(*pid, "-o", url, "--spool-mib", "1") as agent:
        for number in range(8):
            https_client.request("PUT", f"/uploads/{number}", bytes=body)
        eventually(
            lambda: https_client.request("GET", "/connection") and agent.running(), "it goes on"
        )
        with Collector("--listen", url, "-o", out) as collector:
            outcome = agent.stop()
            said = collector.stop()
    written, dropped, acknowledged = counts_of(outcome.stderr, url)
    assert written == acknowledged
    assert dropped >= 5
    # Eight uploads and one request, each with its response and their exchange.
    assert written + dropped == 3 * 9
    assert re.search(rf"{written} stored, 0 duplicates, 0 not stored; {dropped} dropped", said)
    events = list(map(json.loads, out.read_text(encoding="utf-8").splitlines()))
    marks = [event["events"] for event in events if event["kind"] == "dropped"]
    assert sum(marks) == dropped
    assert len(events) - len(marks) == written


def test_a_collector_writes_pcapng_of_plaintext(capture, nginx, https_client, scratch):
    out = scratch / "collected.pcapng"
    url = f"unix://{scratch}/c.sock"
    with Collector("--listen", url, "-o", out) as collector:
        pid = ("--pid", str(https_client.pid))
        with capture(*pid, "-o", url, "--plaintext") as agent:
            https_client.connect(nginx.port)
            for number in range(3):
                https_client.request("GET", f"/connection?{number}")
            agent.stop()
        collector.stop()
    dissection = pcapng.Dissection(out)
    dissection.check()
    targets = dissection.values("http.request", "http.request.uri")
    assert targets == [f"/connection?{number}" for number in range(3)]
    assert dissection.count(f'http and frame.comment contains "host={socket.gethostname()}"') == 6


def test_a_collector_of_pcapng_says_that_an_agent_sends_no_plaintext(capture, scratch):
    url = f"unix://{scratch}/c.sock"
    with Collector("--listen", url, "-o", scratch / "c.pcapng") as collector:
        with capture("-o", url):
            collector.read_until("--plaintext")


def test_a_program_that_only_reads_gets_plain_lines(capture, nginx, https_client):
    received = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def read():
            connection, _ = server.accept()
            with connection:
                while piece := connection.recv(65536):
                    received.extend(piece)

        thread = threading.Thread(target=read)
        thread.start()
        url = f"json:tcp://127.0.0.1:{server.getsockname()[1]}"
        pid = ("--pid", str(https_client.pid))
        with capture(*pid, "-o", url, "-o", "-") as agent:
            client = https_client.connect(nginx.port)
            https_client.request("GET", "/connection")
            conversation.wait_for(agent, client, 2)
            agent.stop()
        thread.join(DEADLINE_S)
    kinds = [json.loads(line)["kind"] for line in received.decode().splitlines()]
    assert kinds == ["message", "message", "exchange"]


def test_the_agent_does_not_capture_itself(capture, nginx, https_client, credentials):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(credentials.certificate, credentials.key)
    received = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def read():
            connection, _ = server.accept()
            with context.wrap_socket(connection, server_side=True) as secure:
                while piece := secure.recv(65536):
                    received.extend(piece)

        thread = threading.Thread(target=read)
        thread.start()
        url = f"text:tls://localhost:{server.getsockname()[1]}"
        pid = https_client.pid
        # No filter: this very test, which reads what the agent sends, is captured as well.
        with capture("-o", url, "-o", "-", "--tls-ca", str(credentials.certificate)) as agent:
            client = https_client.connect(nginx.port)
            https_client.request("GET", "/connection")
            conversation.wait_for(agent, client, 2)
            agent_pid = agent.pid
            agent.stop()
        thread.join(DEADLINE_S)
    assert f"PID:{pid}, ".encode() in received
    assert f"PID:{agent_pid}, ".encode() not in received


def test_kafka_gets_a_message_each(capture, nginx, https_client):
    pid = ("--pid", str(https_client.pid))
    # A cluster that librdkafka makes within the agent.
    cluster = ("--kafka-option", "test.mock.num.brokers=3")
    url = "json:kafka://127.0.0.1/tls-events"
    with capture(*pid, "-o", "-", "-o", url, *cluster) as agent:
        client = https_client.connect(nginx.port)
        for _ in range(10):
            https_client.request("GET", "/connection")
        conversation.wait_for(agent, client, 20)
        agent.wait_for_line(f"connected to {url}")
        outcome = agent.stop()
    assert counts_of(outcome.stderr, url) == (30, 0, 30)


@pytest.mark.parametrize("target", ["tcp://collector.example:4317", "kafka://broker.example/t"])
def test_a_name_server_that_does_not_answer_does_not_keep_it_from_ending(scratch, target):
    recording = scratch / "recording"
    # More than the spool holds: what follows waits for room.
    request = b"PUT / HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n" + b"b" * 2_000_000
    recording.write_bytes(header() + Connection(4242, 7).data(WRITE, request, 1) + end())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        # Resolvers know no other port.
        silent.bind((_NAME_SERVER, 53))
        silent.settimeout(DEADLINE_S)
        (scratch / "resolv.conf").write_text(
            f"nameserver {_NAME_SERVER}\noptions timeout:30 attempts:5\n", encoding="utf-8"
        )
        mount = 'mount --bind "$1" /etc/resolv.conf; shift; exec "$@"'
        with subprocess.Popen(
            ["unshare", "--mount", "sh", "-ec", mount, "sh", scratch / "resolv.conf"]
            + [str(binary()), "replay", str(recording), "-o", target, "--spool-mib", "1"],
            stderr=subprocess.PIPE,
        ) as player:
            try:
                silent.recv(512)
                player.send_signal(signal.SIGINT)
                said = player.communicate(timeout=DEADLINE_S)[1].decode()
            finally:
                player.kill()
    assert player.returncode == DONE, said
    written, _, acknowledged = counts_of(said, target)
    assert (written, acknowledged) == (0, 0)


def test_a_setting_that_kafka_does_not_know_is_refused(capture):
    words = ("-o", "kafka://127.0.0.1/t", "--kafka-option", "no.such.setting=1")
    check_refused(run("capture", *words), 2, "no.such.setting")
