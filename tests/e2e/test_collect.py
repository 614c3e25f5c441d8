# SPDX-License-Identifier: Apache-2.0
"""What agents send is stored once, whatever happens to the collector."""

import fcntl
import os
import random
import signal
import socket
import ssl
import stat
import subprocess
import termios

import pytest

import tlscope
from collecting import (
    Agent,
    AgentConnection,
    Collector,
    Schema,
    StreamSummary,
    files_of,
    numbers_in_protobuf,
    numbers_in_text,
)
from deadlines import DEADLINE_S, eventually
from raw_client import delimited, varint


@pytest.fixture(scope="module", name="schema")
def _schema(session_directory):
    return Schema(session_directory)


@pytest.fixture(name="socket_path")
def _socket_path(scratch):
    return scratch / "collect.sock"


def test_stores_and_acknowledges_what_agents_send(scratch, socket_path, schema):
    text, stored = scratch / "out.txt", scratch / "out.pb"
    with Collector("--listen", f"unix://{socket_path}", "-o", text, "-o", stored) as collector:
        assert stat.S_IMODE(socket_path.stat().st_mode) == 0o600
        with AgentConnection(socket_path, schema) as agent:
            assert agent.begin(1).stored_sequence == 0
            agent.send(*(schema.message(n, f"entry 1 {n} ") for n in range(1, 4)))
            agent.await_stored(3)
        with AgentConnection(socket_path, schema) as agent:
            assert agent.begin(1, next_sequence=2).stored_sequence == 3
            agent.send(*(schema.message(n, f"entry 1 {n} ") for n in (2, 3, 4, 7)))
            agent.await_stored(7)
        said = collector.stop()
    assert not socket_path.exists()
    for path in (text, stored):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert numbers_in_text(text, 1) == [1, 2, 3, 4, 7]
    assert numbers_in_protobuf(stored, schema, 1) == [1, 2, 3, 4, 7]
    assert StreamSummary.read(said, 1) == StreamSummary(7, 5, 2, 0, 2)
    entries = list(schema.entries(stored.read_bytes()))
    assert entries[1].agent.host == "host"
    assert entries[1].event_payload == schema.message(1, "entry 1 1 ").event_payload


def test_protoc_decodes_what_is_stored(scratch, socket_path, schema):
    stored = scratch / "out.pb"
    with Collector("--listen", f"unix://{socket_path}", "-o", stored):
        with AgentConnection(socket_path, schema) as agent:
            agent.begin(1)
            agent.send(schema.message(1, "entry 1 1 "))
            agent.await_stored(1)
    # protoc knows no lengths: it is given one entry.
    last = list(schema.entries(stored.read_bytes()))[-1].SerializeToString()
    command = ["protoc", "--proto_path=proto", "--decode=tlscope.v1.LogEntry"]
    command.append("tlscope/v1/output.proto")
    repository = os.path.join(os.path.dirname(__file__), "..", "..")
    decoded = subprocess.run(
        command, input=last, capture_output=True, check=True, timeout=DEADLINE_S, cwd=repository
    ).stdout
    assert b'pname: "agent"' in decoded and b'host: "host"' in decoded


@pytest.mark.parametrize("rotation", [(), ("--rotate", "20KiB")], ids=["one file", "rotated"])
def test_a_collector_killed_ten_times_loses_and_duplicates_nothing(
    scratch, socket_path, schema, rotation
):
    text, stored = scratch / "out.txt", scratch / "out.pb"
    outputs = ["--listen", f"unix://{socket_path}", "-o", text, "-o", stored, *rotation]
    agents = [Agent(socket_path, schema, stream, 2000) for stream in (11, 12)]
    for agent in agents:
        agent.start()
    chance = random.Random(len(rotation))
    for _ in range(10):
        with Collector(*outputs) as collector:
            agent = chance.choice(agents)
            agent.await_acknowledged(min(agent.acknowledged + chance.randint(1, 150), 2000))
            collector.kill()
    with Collector(*outputs) as collector:
        for agent in agents:
            agent.await_acknowledged(agent.count)
        collector.stop()
    for agent in agents:
        expected = list(range(1, agent.count + 1))
        assert numbers_in_text(text, agent.stream_id) == expected
        assert numbers_in_protobuf(stored, schema, agent.stream_id) == expected
    assert (len(files_of(text)) > 10) == bool(rotation)


def test_counts_exactly_what_an_agent_dropped(scratch, socket_path, schema):
    text = scratch / "out.txt"
    agent = Agent(socket_path, schema, 5, 3000, spool=300)
    agent.start()
    dropped = 0
    for _ in range(3):
        agent.may_drop += 100
        agent.await_dropped(agent.may_drop)
        with Collector("--listen", f"unix://{socket_path}", "-o", text) as collector:
            agent.await_acknowledged(agent.acknowledged + 300)
            dropped += StreamSummary.read(collector.stop(), 5).dropped
    with Collector("--listen", f"unix://{socket_path}", "-o", text) as collector:
        agent.await_acknowledged(agent.count)
        dropped += StreamSummary.read(collector.stop(), 5).dropped
    assert sorted(numbers_in_text(text, 5) + agent.dropped) == list(range(1, agent.count + 1))
    assert dropped == len(agent.dropped) == 300


def test_a_peer_that_makes_no_sense_loses_its_own_connection_only(socket_path, schema, scratch):
    refusals = [
        ([b"\xff" * 11], "no varint"),
        ([varint(1 << 30)], "--max-message"),
        ([varint(5) + b"\xff\xff\xff\xff\xff"], "no tlscope.v1.LogEntry"),
        ([schema.message(1, "x")], "no Hello"),
        ([schema.hello(0)], "names no agent"),
        ([schema.hello(3, host="a b\n")], "names no agent"),
        ([schema.hello(3), schema.hello(3)], "second Hello"),
        ([schema.hello(3), schema.message(0, "x")], "no sequence"),
        ([schema.hello(3), schema.message(2, "x"), schema.message(2, "x")], "not above"),
    ]
    arguments = ["--listen", f"unix://{socket_path}", "-o", scratch / "out.txt"]
    with Collector(*arguments, "--max-message", "1MiB") as collector:
        with AgentConnection(socket_path, schema) as good:
            good.begin(1)
            for entries, why in refusals:
                with AgentConnection(socket_path, schema) as bad:
                    bad.send(*entries)
                    assert why in bad.refusal()
            good.send(schema.message(1, "entry 1 1 "))
            good.await_stored(1)
        said = collector.stop()
    assert "10 accepted, 9 refused (no hello 1, malformed 5, too large 1, out of sequence 2)" in said
    assert said.count("closed a connection of user id") == 4  # each cause once


def test_refuses_more_agents_than_it_takes(socket_path, schema, scratch):
    arguments = ["--listen", f"unix://{socket_path}", "-o", scratch / "out.txt"]
    with Collector(*arguments, "--max-clients", "1"):
        with AgentConnection(socket_path, schema) as first:
            first.begin(1)
            with AgentConnection(socket_path, schema) as second:
                assert "as many connections" in second.refusal()


def test_waits_for_a_reader_of_standard_output_and_ends_with_it(socket_path, schema):
    arguments = ["--listen", f"unix://{socket_path}", "--format", "text"]
    agent = Agent(socket_path, schema, 1, 3000, size=1000)
    with Collector(*arguments, stdout=subprocess.PIPE) as collector:
        agent.start()
        data = b""
        while data.count(b"entry 1 ") < 3000:
            data += os.read(collector.stdout.fileno(), 1 << 16)
        agent.await_acknowledged(3000)
        collector.stdout.close()
        with AgentConnection(socket_path, schema) as other:
            other.begin(2)
            other.send(schema.message(1, "entry 2 1 "))
            status, said = collector.wait()
    assert status == tlscope.DONE, said


def test_goes_on_with_a_file_when_nobody_reads_standard_output(socket_path, schema, scratch):
    text = scratch / "out.txt"
    arguments = ["--listen", f"unix://{socket_path}", "-o", "-", "-o", text]
    with Collector(*arguments, stdout=subprocess.PIPE) as collector:
        collector.stdout.close()
        with AgentConnection(socket_path, schema) as agent:
            agent.begin(1)
            agent.send(schema.message(1, "entry 1 1 "))
            agent.await_stored(1)
            agent.send(schema.message(2, "entry 1 2 "))
            agent.await_stored(2)
        said = collector.stop()
    assert said.count("Broken pipe; nobody reads it any longer; the other outputs go on") == 1
    assert numbers_in_text(text, 1) == [1, 2]
    assert StreamSummary.read(said, 1) == StreamSummary(2, 2, 0, 0, 0)


def test_waits_for_room_where_standard_output_is_full(socket_path, schema):
    with open("/dev/full", "wb") as full:
        with Collector("--listen", f"unix://{socket_path}", stdout=full) as collector:
            with AgentConnection(socket_path, schema) as agent:
                agent.begin(1)
                agent.send(schema.message(1, "entry 1 1 "))
                collector.read_until("No space left on device; make room")
            said = collector.stop()
    assert StreamSummary.read(said, 1) == StreamSummary(1, 0, 0, 1, 0)


def test_imports_a_file_up_to_where_it_is_damaged(scratch, schema):
    whole = scratch / "in.pb"
    data = delimited(schema.hello(9))
    for number in range(1, 101):
        data += delimited(schema.message(number, f"entry 9 {number} "))
    whole.write_bytes(data)

    def run(path, *arguments):
        command = [str(tlscope.binary()), "collect", "--import", str(path), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, timeout=DEADLINE_S, check=False)

    done = run(whole, "-o", scratch / "out.txt")
    assert done.returncode == tlscope.DONE, done.stderr
    assert numbers_in_text(scratch / "out.txt", 9) == list(range(1, 101))
    again = run(whole, "-o", scratch / "out.txt")
    assert b"0 stored, 100 duplicates" in again.stderr
    assert numbers_in_text(scratch / "out.txt", 9) == list(range(1, 101))

    cut = scratch / "cut.pb"
    cut.write_bytes(data[:-3])
    torn = run(cut, "-o", scratch / "torn.txt")
    assert torn.returncode == tlscope.FAILED
    place = len(data) - len(delimited(schema.message(100, "entry 9 100 ")))
    assert b"beyond byte %d: it ends in the middle" % place in torn.stderr
    assert numbers_in_text(scratch / "torn.txt", 9) == list(range(1, 100))

    # What a collector wrote keeps the names of the agents.
    relayed = run(whole, "-o", scratch / "relayed.pb")
    assert relayed.returncode == tlscope.DONE
    assert run(scratch / "relayed.pb", "-o", scratch / "second.pb").returncode == tlscope.DONE
    assert numbers_in_protobuf(scratch / "second.pb", schema, 9) == list(range(1, 101))


def test_imports_from_a_pipe_until_it_is_stopped(scratch, schema):
    text = scratch / "out.txt"
    command = [str(tlscope.binary()), "collect", "--import", "/dev/stdin", "-o", str(text)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            entry = schema.message(1, "entry 9 1 ")
            process.stdin.write(delimited(schema.hello(9)) + delimited(entry))
            process.stdin.flush()
            unread = bytearray(4)
            eventually(
                lambda: fcntl.ioctl(process.stdin, termios.FIONREAD, unread) == 0
                and not any(unread),
                "the pipe is empty",
            )
            process.send_signal(signal.SIGINT)
            assert process.wait(DEADLINE_S) == tlscope.DONE
            said = process.stderr.read().decode()
        finally:
            process.kill()
    assert "1 entries received, 1 stored" in said
    assert numbers_in_text(text, 9) == [1]


def test_a_full_disk_stops_acknowledging_until_there_is_room(scratch, socket_path, schema):
    if os.geteuid() != 0:
        pytest.skip("it takes root to mount a file system")
    disk = scratch / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], check=True)
    try:
        ballast = disk / "ballast"
        ballast.write_bytes(b"\0" * (100 << 10))
        text = disk / "out.txt"
        agent = Agent(socket_path, schema, 1, 500, size=250)
        with Collector("--listen", f"unix://{socket_path}", "-o", text) as collector:
            agent.start()
            collector.read_until("No space left on device; make room")
            assert agent.acknowledged < 500
            ballast.unlink()
            agent.await_acknowledged(500)
            collector.kill()  # what is acknowledged is there
        assert numbers_in_text(text, 1) == list(range(1, 501))
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_receives_over_tcp_and_over_tls_from_agents_that_it_trusts(scratch, schema, credentials):
    tls = ["--tls-cert", credentials.certificate, "--tls-key", credentials.key]
    tls += ["--tls-client-ca", credentials.certificate]
    listen = ["--listen", "tcp://127.0.0.1:0", "--listen", "tls://[::1]:0"]
    with Collector(*listen, *tls, "-o", scratch / "out.txt") as collector:
        tcp_port, tls_port = (int(url.rsplit(":", 1)[1]) for url in collector.urls)

        def converse(connection, stream):
            with connection, connection.makefile("rb") as heard:
                connection.sendall(delimited(schema.hello(stream)))
                connection.sendall(delimited(schema.message(1, f"entry {stream} 1 ")))
                answers = b""
                while b"\x12\x02\x08\x01" not in answers:  # acknowledged { stored_sequence: 1 }
                    octet = heard.read(1)
                    assert octet, answers
                    answers += octet

        converse(socket.create_connection(("127.0.0.1", tcp_port), DEADLINE_S), 1)
        context = ssl.create_default_context(cafile=credentials.certificate)
        plain = socket.create_connection(("::1", tls_port), DEADLINE_S)
        with plain, pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
            converse(context.wrap_socket(plain, server_hostname="localhost"), 2)
        context.load_cert_chain(credentials.certificate, credentials.key)
        plain = socket.create_connection(("::1", tls_port), DEADLINE_S)
        converse(context.wrap_socket(plain, server_hostname="localhost"), 3)
        with socket.create_connection(("::1", tls_port), DEADLINE_S) as nonsense:
            nonsense.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while nonsense.recv(1 << 10):
                pass
        said = collector.stop()
    assert [numbers_in_text(scratch / "out.txt", stream) for stream in (1, 2, 3)] == [[1], [], [1]]
    assert "4 accepted, 2 refused (TLS handshake 2)" in said


def test_options_that_make_no_sense_are_refused(scratch, credentials):
    sound = ["--listen", "tcp://127.0.0.1:0"]
    for arguments, why in [
        ([], "--listen URL"),
        (["--listen", "udp://127.0.0.1:1"], "unix:///PATH"),
        (["--listen", "unix://relative"], "whole path"),
        (["--listen", "tls://127.0.0.1:0"], "--tls-cert"),
        (["--listen", "tls://127.0.0.1:0", "--tls-cert", credentials.key], "--tls-key"),
        ([*sound, "-o", "tcp://127.0.0.1:1"], "name a file"),
        ([*sound, "--max-message", "0"], "1KiB"),
        ([*sound, "--max-message", "9" * 30], "invalid size"),
        ([*sound, "--max-clients", "1025"], "--max-clients"),
        ([*sound, "--tls-cert", credentials.certificate], "tls://ADDRESS:PORT"),
        ([*sound, "--import", credentials.key], "excludes"),
    ]:
        command = [str(tlscope.binary()), "collect", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, timeout=DEADLINE_S, check=False)
        assert (done.returncode, why in done.stderr.decode()) == (tlscope.MISUSED, True), done


def test_a_stale_socket_is_replaced_and_a_live_one_is_not(scratch, socket_path, schema):
    arguments = ["--listen", f"unix://{socket_path}", "-o"]
    with Collector(*arguments, scratch / "a.txt") as collector:
        command = [str(tlscope.binary()), "collect", *arguments, str(scratch / "b.txt")]
        command = [str(word) for word in command]
        second = subprocess.run(command, capture_output=True, timeout=DEADLINE_S, check=False)
        assert second.returncode == tlscope.FAILED
        assert b"end what listens there" in second.stderr
        collector.kill()
    assert socket_path.exists()
    with Collector(*arguments, scratch / "a.txt"):
        with AgentConnection(socket_path, schema) as agent:
            agent.begin(1)
