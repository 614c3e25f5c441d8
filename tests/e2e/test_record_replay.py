# SPDX-License-Identifier: Apache-2.0
"""What is recorded is replayed, without privileges, as it would have been captured."""

import collections
import concurrent.futures
import dataclasses
import os
import pathlib
import pty
import re
import shutil
import signal
import stat
import subprocess
import zlib

import pytest

import conversation
import http2_programs
import recordings
import tlscope
from deadlines import DEADLINE_S, eventually
from programs_under_trace import connect_peers, transfer
from recordings import READ, WRITE, Recorder, replay
from test_websocket import Sender, handshake


def told(messages):
    """What messages say, by process and connection. Two programs on one probe have different clocks
    and keys."""
    by_end = collections.defaultdict(list)
    for message in messages:
        uuid = dataclasses.replace(message.uuid, socket=None)
        facts = (uuid, message.name, message.length, message.whole, message.stream, message.frame)
        end = (message.pid, message.src, message.dest, uuid.data_type)
        by_end[end].append((*facts, message.decoded, conversation.shown(message.body)))
    return dict(by_end)


def speak_http(nginx, https_client):
    """A conversation with keep-alive, bodies and an upload; where it is."""
    nginx.add_file("recorded.txt", b"text of a file\n" * 5000)
    client = https_client.connect(nginx.port)
    for target in ("/connection", "/recorded.txt"):
        https_client.request("GET", target)
    https_client.request("PUT", "/uploads/recorded", bytes=b"x" * 50000)
    return client


def readable_copy(path, scratch):
    """A copy that every user can read: recordings are for their owner."""
    copied = scratch / f"copy-{path.name}"
    shutil.copy(path, copied)
    copied.chmod(0o644)
    return copied


def check_checksums(path):
    """Every entry of a recording ends with the checksum of what comes before it."""
    plain = subprocess.run(["zstd", "-dcf", str(path)], capture_output=True, check=True).stdout
    at, entries = 0, 0
    while at < len(plain):
        size = shift = 0
        while True:
            octet, at = plain[at], at + 1
            size, shift = size | (octet & 0x7F) << shift, shift + 7
            if octet < 0x80:
                break
        entry, at = plain[at : at + size], at + size
        assert entry[-6:] == b"\x85\x01" + zlib.crc32(entry[:-6]).to_bytes(4, "little")
        entries += 1
    assert entries > 2


@pytest.mark.parametrize("name", ["raw.tlsc", "raw.tlsc.zst"])
def test_a_replay_by_anybody_is_what_capture_printed(
    capture, nginx, https_client, credentials, tls_client, tls_server, scratch, unprivileged, name
):
    path = scratch / name
    request, response = handshake("permessage-deflate")
    sender = Sender(masked=True, deflate=True)
    with capture() as agent, Recorder(path) as recorder:
        client = speak_http(nginx, https_client)
        curl_pid, *_ = http2_programs.run_curl(
            credentials, nginx.url("/recorded.txt", "localhost"), "--compressed"
        )
        peer, _ = connect_peers(tls_client, tls_server)
        transfer(tls_client, tls_server, request)
        transfer(tls_server, tls_client, response)
        for text in (b"hello", b"long " * 5000):
            transfer(tls_client, tls_server, sender.message(text))
        conversation.wait_for(agent, client, 6)
        conversation.wait_for(agent, peer, 4)
        for pid in (curl_pid, nginx.worker_pid):
            agent.wait_for(
                lambda messages, pid=pid: [
                    m for m in messages if (m.pid, m.name) == (pid, "HTTP2Response")
                ],
                "the response over HTTP/2",
            )
        captured = agent.stop()
        assert recorder.stop() == tlscope.DONE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    check_checksums(path)
    zstd_magic = b"\x28\xb5\x2f\xfd"
    assert (path.read_bytes()[:4] == zstd_magic) == name.endswith(".zst")

    replayed = replay(readable_copy(path, scratch), launcher=unprivileged)
    assert replayed.returncode == tlscope.DONE, replayed.stderr.decode()
    ends = {curl_pid, https_client.pid, nginx.worker_pid, tls_client.pid, tls_server.pid}
    expected = told(m for m in captured.messages if m.pid in ends)
    assert told(m for m in recordings.messages_of(replayed.stdout) if m.pid in ends) == expected


def test_the_recorders_sums_add_up(nginx, https_client, scratch):
    path = scratch / "raw.tlsc"
    with Recorder(path, "--pid", https_client.pid) as recorder:
        speak_http(nginx, https_client)
        assert recorder.stop() == tlscope.DONE
    said = "\n".join(recorder.stderr)
    seen = int(re.search(r"events seen: \d+ \((\d+) bytes\)", said)[1])
    recorded = int(re.search(r"recorded: \d+ records \((\d+) bytes of plaintext\)", said)[1])
    lines = [line for line in recorder.stderr if ": not recorded: " in line or ": lost: " in line]
    missing = sum(int(count) for line in lines for count in re.findall(r"\((\d+) bytes\)", line))
    assert seen == recorded + missing and recorded > 100_000
    assert f"in {path.stat().st_size} bytes" in said
    replayed = replay(path)
    assert f"({recorded} bytes)" in replayed.stderr.decode()


def test_a_recording_ends_by_itself(nginx, https_client, scratch):
    https_client.connect(nginx.port)
    counted, timed = scratch / "counted", scratch / "timed"
    with Recorder(counted, "--count", 4, "--pid", https_client.pid) as recorder:
        eventually(
            lambda: https_client.request("GET", "/connection") and counted.stat().st_size,
            "something is recorded",
        )
        for _ in range(4):
            https_client.request("GET", "/connection")
        assert recorder.wait() == tlscope.DONE
    said = replay(counted).stderr.decode()
    assert re.search(r"read: \d+ records, 4 of plaintext", said), said
    with Recorder(timed, "--duration", "1s") as recorder:
        assert recorder.wait() == tlscope.DONE
    assert replay(timed).returncode == tlscope.DONE


def test_a_recording_goes_through_pipes(nginx, https_client):
    reading, writing = os.pipe()
    with Recorder("-", "--pid", https_client.pid, stdout=writing) as recorder:
        os.close(writing)
        with subprocess.Popen(
            [str(tlscope.binary()), "replay", "-", "--format", "line"],
            stdin=reading,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as player:
            os.close(reading)
            speak_http(nginx, https_client)
            assert recorder.stop() == tlscope.DONE
            lines, _ = player.communicate(timeout=DEADLINE_S)
    assert player.returncode == tlscope.DONE
    assert len(lines.splitlines()) == 3


def test_a_recorder_whose_reader_goes_ends_with_its_summary(nginx, https_client):
    reading, writing = os.pipe()
    with Recorder("-", "--pid", https_client.pid, stdout=writing) as recorder:
        os.close(writing)
        os.close(reading)
        https_client.connect(nginx.port)
        https_client.request("GET", "/connection")
        assert recorder.wait() == tlscope.DONE
    assert any(": recorded: 0 records" in line for line in recorder.stderr)


def test_a_recorder_whose_output_is_full_fails_after_its_summary(nginx, https_client):
    with open("/dev/full", "wb") as full:
        with Recorder("-", "--pid", https_client.pid, stdout=full) as recorder:
            https_client.connect(nginx.port)
            https_client.request("GET", "/connection")
            assert recorder.wait() == tlscope.FAILED
    assert any(": recorded: 0 records" in line for line in recorder.stderr)
    assert "cannot write the recording to standard output: No space left" in recorder.stderr[-1]


def test_a_recording_that_is_there_is_replaced_only_by_force(able_to_capture, scratch):
    path = scratch / "raw.tlsc"
    path.write_bytes(b"precious")
    refused = tlscope.run("record", str(path), "--duration", "1s")
    assert refused.returncode == tlscope.MISUSED
    assert "--force" in refused.stderr
    assert path.read_bytes() == b"precious"
    with Recorder(path, "--duration", "1s", "--force") as recorder:
        assert recorder.wait() == tlscope.DONE
    assert replay(path).returncode == tlscope.DONE


def test_a_recorder_that_attaches_to_nothing_leaves_no_file(able_to_capture, scratch):
    path = scratch / "raw.tlsc"
    unloadable = scratch / "libssl.so"
    unloadable.write_bytes(b"no library")
    failed = tlscope.run("record", str(path), "--libssl", str(unloadable))
    assert failed.returncode != tlscope.DONE
    assert not path.exists()


def made_up(requests=3, checked=False):
    """A recording by hand of some requests and their responses."""
    connection = recordings.Connection(4242, 7, checked)
    entries = []
    for at in range(requests):
        ktime_ns = (at + 1) * 1_000_000_000
        entries.append(connection.data(WRITE, b"GET /%d HTTP/1.1\r\n\r\n" % at, ktime_ns))
        response = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        entries.append(connection.data(READ, response, ktime_ns + 5_000_000))
    last = recordings.end(len(entries), checked)
    return recordings.header(checked=checked) + b"".join(entries) + last


def test_what_somebody_else_wrote_is_replayed(scratch):
    path = scratch / "by-hand"
    path.write_bytes(made_up())
    replayed = replay(path, "--format", "line")
    assert replayed.returncode == tlscope.DONE, replayed.stderr.decode()
    lines = replayed.stdout.decode().splitlines()
    assert [line.split()[:1] + line.split()[4:5] for line in lines] == [
        [f"1970-01-01T00:00:0{at + 1}.000000Z", "GET"] for at in range(3)
    ]
    assert replay(path).stdout == replay(path, "--speed", "100x").stdout


def test_a_recording_of_some_ports_tells_of_no_others(scratch):
    """Of connections whose ends the recorder did not know, either."""
    path = scratch / "ports"
    whole = made_up()
    path.write_bytes(recordings.header(ports=[443]) + whole[len(recordings.header()) :])
    replayed = replay(path)
    assert replayed.returncode == tlscope.DONE, replayed.stderr.decode()
    assert replayed.stdout == b""
    assert b"filtered: 6 records of unknown or other ports" in replayed.stderr


def test_a_damaged_recording_yields_all_up_to_the_damage(scratch):
    whole = made_up()
    path = scratch / "damaged"
    path.write_bytes(whole[: len(whole) - 20])
    cut = replay(path)
    assert cut.returncode == tlscope.FAILED
    assert b"ends in the middle of a record at byte" in cut.stderr
    assert b"GET /2" in cut.stdout
    path.write_bytes(whole[:200] + b"\xff" * 100 + whole[300:])
    corrupt = replay(path)
    assert corrupt.returncode == tlscope.FAILED
    assert b"corrupt at byte" in corrupt.stderr
    assert b"GET /0" in corrupt.stdout
    compressed = subprocess.run(["zstd", "-c"], input=whole, capture_output=True, check=True)
    path.write_bytes(compressed.stdout[:-10])
    cut = replay(path)
    assert cut.returncode == tlscope.FAILED
    assert b"middle of a compressed frame" in cut.stderr


def zstd_of(content):
    """`content` in one frame of blocks as they are, so that what is damaged in it can be chosen."""
    blocks = b""
    for at in range(0, len(content), 10_000):
        block = content[at : at + 10_000]
        last = at + len(block) == len(content)
        blocks += (len(block) << 3 | last).to_bytes(3, "little") + block
    # RFC 8878 3.1.1: the magic number, no checksum, a window of 16 KiB.
    return b"\x28\xb5\x2f\xfd\x00\x20" + blocks


@pytest.mark.parametrize("compress", [bytes, zstd_of])
def test_what_was_not_said_is_not_replayed(scratch, compress):
    path = scratch / "damaged"
    path.write_bytes(compress(made_up(checked=True)))
    whole = replay(path)
    assert whole.returncode == tlscope.DONE, whole.stderr.decode()
    assert b"GET /1" in whole.stdout
    path.write_bytes(path.read_bytes().replace(b"GET /1", b"GET /9"))
    damaged = replay(path)
    assert damaged.returncode == tlscope.FAILED
    assert b"(checksum wrong): everything before it was read" in damaged.stderr
    assert b"GET /0" in damaged.stdout and b"GET /9" not in damaged.stdout


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + b"x" * 100, b"\x28\xb5\x2f\xfdno"])
def test_what_is_no_recording_is_refused(scratch, content):
    path = scratch / "other"
    path.write_bytes(content)
    refused = replay(path)
    assert refused.returncode == tlscope.FAILED
    (line,) = refused.stderr.decode().splitlines()
    assert line.startswith(f"tlscope: cannot replay {path}; ")
    missing = replay(scratch / "missing")
    assert missing.returncode == tlscope.FAILED
    assert b"No such file" in missing.stderr


def test_a_recording_is_not_replayed_into_itself(scratch):
    path = scratch / "recording.txt"
    path.write_bytes(made_up())
    refused = replay(path, "-o", str(path))
    assert refused.returncode == tlscope.MISUSED
    assert b"into itself; name another file" in refused.stderr
    assert path.read_bytes() == made_up()


def test_a_closed_pipe_ends_a_replay_quietly(scratch):
    path = scratch / "long"
    path.write_bytes(b"".join(recordings.long_recording(20_000_000)))
    with subprocess.Popen(
        [str(tlscope.binary()), "replay", str(path), "-q"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as player:
        assert player.stdout.readline().startswith(b"PID:1000, ")
        player.stdout.close()
        assert player.wait(DEADLINE_S) == tlscope.DONE
        assert player.stderr.read() == b""


def test_a_slow_reader_gets_everything(scratch):
    path = scratch / "long"
    path.write_bytes(b"".join(recordings.long_recording(20_000_000)))
    with subprocess.Popen(
        [str(tlscope.binary()), "replay", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as player:
        count = 0
        while piece := os.read(player.stdout.fileno(), 4096):
            count += len(piece)
        said = player.stderr.read().decode()
        assert player.wait(DEADLINE_S) == tlscope.DONE
    assert f"messages written ({count} bytes), 0 dropped" in said
    assert count > 20_000_000


def test_a_replay_at_recorded_speed_ends_when_it_is_told(scratch):
    path = scratch / "slow"
    path.write_bytes(made_up(requests=1000))  # it would take as many seconds
    with subprocess.Popen(
        [str(tlscope.binary()), "replay", str(path), "--speed", "1x"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as player:
        assert player.stdout.readline().startswith(b"PID:4242, ")
        player.send_signal(signal.SIGINT)
        player.communicate(timeout=DEADLINE_S)
        assert player.returncode == tlscope.DONE


def test_memory_does_not_grow_with_the_recording(scratch):
    total_bytes, bound_kib = 2_000_000_000, 64 << 10
    with subprocess.Popen(
        [str(tlscope.binary()), "replay", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as player:
        for piece in recordings.long_recording(total_bytes):
            player.stdin.write(piece)
        player.stdin.flush()
        status = pathlib.Path(f"/proc/{player.pid}/status").read_text(encoding="ascii")
        player.stdin.close()
        player.stdin = None
        _, said = player.communicate(timeout=DEADLINE_S)
    assert player.returncode == tlscope.DONE, said.decode()
    assert int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) < bound_kib


def on_a_terminal(arguments, **others):
    """Runs tlscope with standard error, and what `others` say, on a terminal. What that shows."""
    leader, follower = pty.openpty()
    streams = {name: follower if value == "terminal" else value for name, value in others.items()}
    with subprocess.Popen([str(tlscope.binary()), *arguments], stderr=follower, **streams) as player:
        os.close(follower)
        shown = b""
        try:
            while piece := os.read(leader, 65536):
                shown += piece
        except OSError:  # the terminal's other end is gone
            pass
        assert player.wait(DEADLINE_S) == tlscope.DONE
    os.close(leader)
    return shown


def test_progress_is_for_terminals_and_leaves_the_output_alone(scratch):
    path, printed = scratch / "long", scratch / "printed"
    path.write_bytes(b"".join(recordings.long_recording(5_000_000)))
    plain = replay(path)
    assert b"\r" not in plain.stderr and b"Stage" not in plain.stderr
    with printed.open("wb") as stdout:
        shown = on_a_terminal(["replay", str(path)], stdout=stdout)
    assert printed.read_bytes() == plain.stdout
    assert re.search(rb"\r\x1b\[K\[Stage 1/1\] Replaying \d+% \| ETA: ", shown)
    assert re.search(rb"\r\x1b\[K\[Stage 1/1\] Replaying 100% \| took \d+s\r\n", shown)
    # Lines of the log stand by themselves.
    for line in shown.decode().split("\r\n"):
        assert "tlscope: " not in line or re.search(r"(^|\x1b\[K)tlscope: [^\x1b]*$", line), line


def test_progress_of_a_recording_comes_to_its_end(nginx, https_client, scratch):
    arguments = ["record", str(scratch / "raw"), "--pid", str(https_client.pid), "--count", "4"]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        recording = pool.submit(on_a_terminal, arguments)
        while not recording.done():
            https_client.connect(nginx.port)  # anew: nginx ends a connection after many requests
            https_client.request("GET", "/connection")
    shown = recording.result()
    assert re.search(rb"\[Stage 1/1\] Recording 100% \| took \d+s\r\n", shown), shown


def test_progress_is_not_shown_in_the_midst_of_what_is_printed(scratch):
    path = scratch / "short"
    path.write_bytes(made_up())
    shown = on_a_terminal(["replay", str(path)], stdout="terminal")
    assert b"GET /2 HTTP/1.1" in shown and b"Stage" not in shown
    shown = on_a_terminal(["replay", str(path), "-o", str(scratch / "x.txt")], stdout="terminal")
    assert b"Stage 1/1" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("record",), "tlscope record FILE"),
        (("record", "x", "-o", "y"), "excludes"),
        (("record", "x", "--duration", "0"), "invalid duration"),
        (("record", "x", "--duration", "5y"), "invalid duration"),
        (("record", "x", "--count", "some"), "invalid number"),
        (("replay",), "file"),
        (("replay", "x", "--speed", "fast"), "invalid speed"),
        (("replay", "x", "--progress", "loud"), "expected one of"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, words):
    tlscope.check_refused(tlscope.run(*arguments), tlscope.MISUSED, words)
