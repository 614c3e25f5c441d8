# SPDX-License-Identifier: Apache-2.0
"""Real HTTP/2 programs: each header list and body is compared with what the program reports."""

import base64
import contextlib
import json
import pathlib
import re
import shutil
import subprocess

import pytest

import http2_programs
import programs_under_trace
from conversation import shown
from deadlines import DEADLINE_S

REQUEST = "HTTP2Request"
RESPONSE = "HTTP2Response"


@pytest.fixture(autouse=True)
def _programs():
    if missing := programs_under_trace.missing_programs("nghttp", "nghttpd", "h2load"):
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.fixture(name="files")
def _files(scratch):
    (scratch / "index.html").write_text("hello\n")
    (scratch / "style.css").write_text("h1 {}\n")
    (scratch / "large.txt").write_text("a line of text\n" * 10000)
    return scratch


def _lines(data):
    return [line for line in data.decode().split("\r\n") if line]


def _wait_for(agent, pid, name, count):
    """The messages of this name and process; waits until there are `count`."""

    def find(messages):
        found = [message for message in messages if (message.pid, message.name) == (pid, name)]
        return found if len(found) >= count else None

    return agent.wait_for(find, f"{count} {name} of {pid}")


def test_curl_and_nginx(capture, nginx, credentials):
    nginx.add_file("h2.txt", b"text of a file\n" * 3000)
    with capture() as agent:
        url = nginx.url("/h2.txt", "localhost")
        pid, request, response, body = http2_programs.run_curl(credentials, url, "-H", "X-One: 1")
        for end in (pid, nginx.worker_pid):
            (sent,) = _wait_for(agent, end, REQUEST, 1)
            (received,) = _wait_for(agent, end, RESPONSE, 1)
            assert _lines(sent.body) == request
            assert _lines(received.head)[0] == ":status: 200"
            assert _lines(received.head)[1:] == response
            assert shown(received.content) == shown(body)
            assert sent.stream == received.stream == 1
            assert sent.whole and received.whole


def test_curl_uploads(capture, nginx, credentials, scratch):
    content = b"uploaded text\n" * 20000
    (scratch / "upload").write_bytes(content)
    with capture() as agent:
        url = nginx.url("/uploads/h2", "localhost")
        pid, request, _, _ = http2_programs.run_curl(
            credentials, url, "-T", str(scratch / "upload")
        )
        for end in (pid, nginx.worker_pid):
            (sent,) = _wait_for(agent, end, REQUEST, 1)
            assert _lines(sent.head) == request
            assert shown(sent.content) == shown(content)


def test_coded_content_is_decoded_across_frames(capture, nginx, credentials):
    content = b"".join(b"line %d of a long text\n" % i for i in range(20000))
    nginx.add_file("h2coded.txt", content)
    with capture() as agent:
        url = nginx.url("/gzipped/h2coded.txt", "localhost")
        pid, _, _, body = http2_programs.run_curl(credentials, url, "--compressed")
        assert body == content
        (received,) = _wait_for(agent, pid, RESPONSE, 1)
        assert received.decoded == "gzip"
        assert shown(received.content) == shown(content)


def test_multiplexed_streams_with_push_and_trailers(capture, credentials, files):
    push = ("-p", "/index.html=/style.css", "--trailer", "x-trail: tail")
    with http2_programs.Nghttpd(files, credentials, *push) as server, capture() as agent:
        urls = [server.url(target) for target in ("/index.html", "/large.txt", "/none")]
        report = http2_programs.run_nghttp(*urls)
        assert len(report.requests) == 3 and len(report.promises) == 1
        for pid in (report.pid, server.pid):
            requests = _wait_for(agent, pid, REQUEST, 4)
            responses = _wait_for(agent, pid, RESPONSE, 4)
            asked = {**report.requests, **report.promises}
            assert {m.stream: _lines(m.body) for m in requests} == asked
            assert {m.stream for m in responses} == set(report.responses)
            for message in responses:
                head = _lines(message.head)
                trailers = report.responses[message.stream][len(head) :]
                assert head == report.responses[message.stream][: len(head)]
                assert trailers == ["x-trail: tail"]
                assert message.content.endswith(b"x-trail: tail\r\n")
                assert message.whole
            contents = {m.stream: m.content.removesuffix(b"x-trail: tail\r\n") for m in responses}
            (pushed,) = report.promises
            assert contents[pushed] == (files / "style.css").read_bytes()
            expected = shown((files / "large.txt").read_bytes())
            assert expected in [shown(content) for content in contents.values()]


def _check_load(messages, path):
    """Every header line known is true, whichever request it is of; all are of one kind."""
    for message in messages:
        for line in _lines(message.head):
            if line.startswith("<unknown:"):
                continue
            name, _, value = line.partition(": ")
            truth = {
                ":method": "GET",
                ":path": path,
                ":scheme": "https",
                "user-agent": r"h2load nghttp2/.*",
                ":authority": r"localhost:\d+",
                ":status": "200",
                "server": "nghttpd nghttp2/.*",
                "cache-control": "max-age=3600",
                "date": r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT",
                "last-modified": r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT",
                "content-length": "6",
                "content-type": "text/html",
            }
            assert name in truth and re.fullmatch(truth[name], value), line


@pytest.mark.host_wide
def test_a_hundred_streams_at_once(capture, credentials, files):
    with http2_programs.Nghttpd(files, credentials) as server, capture() as agent:
        load = http2_programs.start_h2load(server.url("/index.html"), 2000, 100)
        output, _ = load.communicate(timeout=DEADLINE_S)
        assert b"2000 succeeded" in output
        for pid in (load.pid, server.pid):
            requests = _wait_for(agent, pid, REQUEST, 2000)
            responses = _wait_for(agent, pid, RESPONSE, 2000)
            assert sorted(m.stream for m in requests) == sorted(m.stream for m in responses)
            assert len({m.stream for m in requests}) == 2000
            _check_load(requests, "/index.html")
            _check_load(responses, "/index.html")
            assert len({m.head for m in requests}) == 1
            assert all(m.content == b"hello\n" and m.whole for m in responses)
            assert not any(b"<unknown:" in m.body for m in requests + responses)


@pytest.mark.host_wide
def test_joined_late_it_heals_and_is_never_wrong(capture, credentials, files):
    with http2_programs.Nghttpd(files, credentials) as server:
        url = server.url("/index.html")
        load = http2_programs.start_h2load(url, 1_000_000, 100, "--rps=500")
        try:
            with capture("--pid", str(load.pid)) as agent:
                responses = _wait_for(agent, load.pid, RESPONSE, 1000)
                requests = _wait_for(agent, load.pid, REQUEST, 1000)
                _check_load(requests, "/index.html")
                _check_load(responses, "/index.html")
                # Fields of the static table are exact at once.
                assert all(b":method: GET\r\n" in m.head for m in requests)
                # The date changes each second and comes anew; then it is known again.
                healed = agent.wait_for(
                    lambda messages: [m for m in messages if b"\r\ndate: " in m.body],
                    "a response whose date is known",
                )
                _check_load(healed, "/index.html")
        finally:
            load.kill()
            load.wait()


def test_frames_are_shown_on_request(capture, nginx, credentials):
    nginx.add_file("frames.txt", b"text")
    with capture("--show-frames") as agent:
        pid, _, _, _ = http2_programs.run_curl(credentials, nginx.url("/frames.txt", "localhost"))
        frames = _wait_for(agent, pid, "HTTP2Frame", 6)
        kinds = {(m.uuid.data_type, m.http2_frame.split(",")[1]) for m in frames}
        assert {(1, " Kind:SETTINGS"), (0, " Kind:SETTINGS"), (1, " Kind:HEADERS")} <= kinds
        assert any("Flags:END_STREAM|END_HEADERS" in m.http2_frame for m in frames)


@pytest.fixture(name="node")
def _node():
    if not (path := shutil.which("node")):
        pytest.skip("node is not installed")
    return path


@contextlib.contextmanager
def _node_program(node, name, *arguments):
    """A program of ours under Node, which starts when it is told to."""
    program = str(pathlib.Path(__file__).resolve().parent / "programs" / name)
    with subprocess.Popen(
        [node, program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _start(process):
    """Lets a program of ours run; what it reports."""
    process.stdin.write(b"go\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def test_node_in_both_roles(capture, credentials, node):
    count = 20
    files = (credentials.certificate, credentials.key)
    with _node_program(node, "http2_pair.js", *files, str(count)) as process:
        with capture("--libssl", node, "--pid", str(process.pid)) as agent:
            seen = _start(process)
            # One process is both ends: everything is there twice.
            requests = _wait_for(agent, process.pid, REQUEST, 2 * count)
            responses = _wait_for(agent, process.pid, RESPONSE, 2 * count)
    for message in requests:
        expected = seen["server"][str(message.stream)]
        raw = expected["raw"]
        assert _lines(message.head) == [f"{n}: {v}" for n, v in zip(raw[::2], raw[1::2])]
        assert message.content == base64.b64decode(expected["body"])
    for message in responses:
        expected = seen["client"][str(message.stream)]
        raw, last = expected["raw"], expected["trailers"]
        trailers = "".join(f"{n}: {v}\r\n" for n, v in zip(last[::2], last[1::2])).encode()
        assert _lines(message.head) == [f"{n}: {v}" for n, v in zip(raw[::2], raw[1::2])]
        assert message.content == base64.b64decode(expected["body"]) + trailers


def test_a_websocket_over_http2_is_shown_message_by_message(capture, credentials, node):
    count = 3
    files = (credentials.certificate, credentials.key)
    with _node_program(node, "http2_websocket.js", *files, str(count)) as process:
        with capture("--libssl", node, "--pid", str(process.pid)) as agent:
            seen = _start(process)
            assert len(seen["server"]) == len(seen["client"]) == count + 1
            # One process is both ends: everything is there twice, and ends twice.
            frames = _wait_for(agent, process.pid, "WebSocket", 4 * (count + 1))
            requests = _wait_for(agent, process.pid, REQUEST, 4)
            responses = _wait_for(agent, process.pid, RESPONSE, 4)
    told = {}
    for message in frames:
        assert message.stream == 1 and message.whole
        told.setdefault(message.uuid, []).append((message.frame, message.body))
    opcodes = {"text": 1, "close": 8}
    expected = []
    for end in ("server", "client"):
        received = [(opcode, base64.b64decode(payload)) for opcode, payload in seen[end]]
        # A close frame's code is in the header line, not in the body.
        expected += 2 * [[(o, p[2:] if o == 8 else p) for o, p in received]]
    shown_frames = [[(opcodes[kind], content) for kind, content in one] for one in told.values()]
    assert sorted(shown_frames) == sorted(expected)
    assert all(m.code == 1000 for m in frames if m.frame == "close")
    heads = [message for message in requests + responses if message.part == 1]
    assert len(heads) == 4
    assert sum(b":protocol: websocket\r\n" in message.head for message in heads) == 2
