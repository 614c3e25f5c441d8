# SPDX-License-Identifier: Apache-2.0
"""Where captured messages go: several places at once, and places that fail."""

import contextlib
import gzip
import json
import os
import stat
import subprocess

import pytest

import conversation
import recordings
from conversation import REQUEST, RESPONSE
from deadlines import DEADLINE_S, eventually
from text_format import TextReader
from tlscope import FAILED, binary, check_refused, run


@contextlib.contextmanager
def mounted(folder, *options):
    """A file system of its own in `folder`, for as long as it is needed."""
    folder.mkdir(exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    subprocess.run(words, check=True, timeout=DEADLINE_S)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True, timeout=DEADLINE_S)


def messages_in(path):
    """What a file of text holds."""
    reader = TextReader()
    return reader.feed(path.read_bytes()) + reader.finish()


def mode_of(path):
    """Its permissions."""
    return stat.S_IMODE(path.stat().st_mode)


def test_several_outputs_have_the_same(capture, nginx, https_client, scratch):
    text, line = scratch / "all.txt", scratch / "all.line"
    pid = ("--pid", str(https_client.pid))
    with capture(*pid, "-o", "-", "-o", str(text), "-o", f"line:{line}") as agent:
        client = https_client.connect(nginx.port)
        for _ in range(3):
            https_client.request("GET", "/connection")
        conversation.wait_for(agent, client, 6)
        outcome = agent.stop()
    printed = [(message.header, message.body) for message in outcome.messages]
    assert [(message.header, message.body) for message in messages_in(text)] == printed
    rows = [row.split() for row in line.read_text(encoding="ascii").splitlines()]
    assert [(row[1], row[4], row[6]) for row in rows] == [(pid[1], "GET", "200")] * 3
    assert (mode_of(text), mode_of(line)) == (0o600, 0o600)
    for name, count in (("standard output", 6), (text, 6), (f"line:{line}", 3)):
        assert f"output to {name}: {count} messages written" in outcome.stderr


def test_other_outputs_go_on_when_nobody_reads_standard_output(
    capture, nginx, https_client, scratch
):
    text = scratch / "all.txt"
    reading, writing = os.pipe()
    pid = ("--pid", str(https_client.pid))
    with capture(*pid, "-o", "-", "-o", str(text), stdout=writing) as agent:
        os.close(writing)
        os.close(reading)
        https_client.connect(nginx.port)
        https_client.request("GET", "/connection")
        agent.wait_for_line("nobody reads it any longer; the other outputs go on")
        https_client.request("GET", "/connection")
        outcome = agent.stop()
    assert outcome.status == 0
    names = [message.name for message in messages_in(text)]
    assert names == [REQUEST, RESPONSE] * 2


def test_a_reader_that_has_seen_enough_ends_the_capture(capture, nginx, https_client):
    reading, writing = os.pipe()
    pid = ("--pid", str(https_client.pid))
    with subprocess.Popen(
        ["grep", "-m1", "HTTP/1.1 200"], stdin=reading, stdout=subprocess.PIPE
    ) as grep:
        os.close(reading)
        with capture(*pid, stdout=writing) as agent:
            os.close(writing)
            https_client.connect(nginx.port)
            eventually(
                lambda: https_client.request("GET", "/connection") and not agent.running(),
                "the capture ends with its reader",
            )
            outcome = agent.wait_for_exit()
        found, _ = grep.communicate(timeout=DEADLINE_S)
    assert found == b"HTTP/1.1 200 OK\r\n"
    assert outcome.status == 0


def test_a_full_disk_is_reported_and_survived(capture, nginx, https_client, scratch):
    pid = ("--pid", str(https_client.pid))
    with mounted(scratch / "small", "size=64k") as folder:
        text = folder / "all.txt"
        with capture(*pid, "-o", "-", "-o", str(text)) as agent:
            client = https_client.connect(nginx.port)
            big = https_client.request("PUT", "/uploads/large", bytes=b"x" * 100_000)
            conversation.wait_for(agent, client, 2)
            agent.wait_for_line("No space left on device; make room: what does not fit is dropped")
            https_client.request("GET", "/connection")
            conversation.wait_for(agent, client, 4)
            outcome = agent.stop()
        kept = messages_in(text)
    assert outcome.status == 0
    assert big.status == 201
    # The large request had no room, and nothing was torn: the small messages are there, whole.
    assert [message.name for message in kept] == [RESPONSE, REQUEST, RESPONSE]
    assert all(message.whole for message in kept)
    assert f"output to {text}: 3 messages written" in outcome.stderr
    assert ", 1 dropped" in outcome.stderr.split(f"output to {text}")[1].splitlines()[0]


def test_a_folder_that_cannot_be_written_is_refused_at_once(able_to_capture, scratch):
    with mounted(scratch / "closed", "size=64k,ro") as folder:
        path = folder / "all.txt"
        check_refused(run("capture", "-o", str(path)), 1, str(path), "Read-only file system")
    check_refused(run("capture", "-o", "/no/such/folder/x.txt"), 1, "/no/such/folder")


def test_a_gibibyte_through_rotation_and_gzip_loses_no_line(scratch):
    """Rotated by size and compressed while more is written."""
    pattern = scratch / "all.jsonl"
    words = ["-o", str(pattern), "--rotate", "64MiB", "--rotate-gzip", "--no-progress"]
    with subprocess.Popen(
        [str(binary()), "replay", "-", *words], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as player:
        for piece in recordings.long_recording(1_100_000_000):
            player.stdin.write(piece)
        player.stdin.close()
        player.stdin = None
        _, said = player.communicate(timeout=10 * DEADLINE_S)  # it compresses what is left
    assert player.returncode == 0, said.decode()
    ended = sorted(scratch.glob("all.*Z.jsonl.gz"))
    assert len(ended) >= 15
    assert not list(scratch.glob("*.tmp"))
    fetched = {"message": [], "exchange": []}
    for path in (*ended, pattern):
        opened = gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb")
        with opened as lines:
            for line in lines:
                assert line.endswith(b"}\n")
                event = json.loads(line)
                if "target" in event:
                    fetched[event["kind"]].append(int(event["target"][1:]))
    count = len(fetched["message"])
    assert count * 200_000 >= 1 << 30
    assert fetched["message"] == fetched["exchange"] == list(range(count))


@pytest.fixture(name="recording")
def _recording(scratch):
    path = scratch / "raw.tlsc"
    path.write_bytes(b"".join(recordings.long_recording(1)))
    return path


def replay_in_a_shell(redirection, *words):
    """Runs `tlscope replay` with the shell's redirections."""
    script = f'exec "$@" {redirection}'
    return subprocess.run(
        ["sh", "-c", script, "sh", str(binary()), "replay", *map(str, words)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


@pytest.mark.parametrize(
    ("redirection", "said"),
    [
        (">&-", ("cannot write to standard output: Bad file descriptor",)),
        ("1</dev/null", ("cannot write to standard output: Bad file descriptor",)),
        (
            ">/dev/full",
            (
                "warning: cannot write to standard output: No space left on device",
                "cannot write everything to standard output; 100 messages are missing there",
            ),
        ),
    ],
)
def test_a_replay_whose_output_lacks_messages_fails(recording, redirection, said):
    replayed = replay_in_a_shell(redirection, recording)
    assert replayed.returncode == FAILED, replayed.stderr
    for line in said:
        assert f"tlscope: {line}" in replayed.stderr


def test_a_replay_says_what_is_missing_in_a_file(able_to_capture, scratch, recording):
    with mounted(scratch / "small", "size=16k") as folder:
        text, line = folder / "all.txt", scratch / "all.line"
        replayed = replay_in_a_shell("", recording, "-o", text, "-o", f"line:{line}")
        kept = len(messages_in(text))
    assert replayed.returncode == FAILED, replayed.stderr
    assert f"cannot write everything to {text}; {100 - kept} messages are missing" in replayed.stderr
    assert len(line.read_text(encoding="ascii").splitlines()) == 50


def test_a_closed_descriptor_is_no_output_and_no_input(scratch, recording):
    text, plain = scratch / "all.txt", scratch / "plain.txt"
    assert replay_in_a_shell("", recording, "-o", plain).returncode == 0
    assert replay_in_a_shell("<&- >&- 2>&-", recording, "-o", text).returncode == 0
    assert text.read_bytes() == plain.read_bytes()
    closed = replay_in_a_shell("<&-", "-")
    assert closed.returncode == FAILED
    assert "standard input: Bad file descriptor" in closed.stderr


def test_binary_formats_are_kept_from_terminals(able_to_capture):
    controller, terminal = os.openpty()
    try:
        result = subprocess.run(
            [str(binary()), "capture", "--format", "pcapng"],
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=subprocess.PIPE,
            timeout=DEADLINE_S,
            check=False,
        )
    finally:
        os.close(terminal)
        os.close(controller)
    assert result.returncode == 2
    assert b"cannot write pcapng to a terminal" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-o", "capture.log"), ("capture.log", "text:capture.log", ".pcapng")),
        (("-o", "jsn:-"), ("jsn", "json")),
        (("-o", "http://collector"), ("http://collector", "tcp://HOST:PORT")),
        (("-o", "tcp://collector"), ("tcp://collector", "a host and a port")),
        (("-o", "tcp:collector:1"), ("tcp://HOST:PORT",)),
        (("-o", "text:~/x"), ("$HOME/x",)),
        (("-o", "text:/dev/stdout"), ("standard output is -",)),
        (("-o", "x.txt", "--rotate", "9" * 20), ("expected one of hour, day, week, a size",)),
        (("-o", "x.txt", "--rotate", "month"), ("expected one of hour, day, week, a size",)),
        (("-o", "-", "--format", "line"), ("its own target",)),
        (("--rotate", "day"), ("-o PATH",)),
        (("-o", "x.txt", "--tls-ca", "/dev/null"), ("tls://HOST:PORT",)),
        (("-o", "pcapng:kafka://b/t"), ("protobuf and json",)),
    ],
)
def test_outputs_that_make_no_sense_are_refused(words, said):
    check_refused(run("capture", *words), 2, *said)
