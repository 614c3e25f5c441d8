# SPDX-License-Identifier: Apache-2.0
"""tshark dissects what is captured as pcapng, with no keys and no settings."""

import base64
import collections
import os
import pathlib
import shutil

import pytest

import http2_programs
import pcapng
from pcapng import Capture, Dissection
from programs_under_trace import connect_peers, missing_programs, transfer
from test_websocket import CLOSE, TEXT, Sender, handshake, node_echo

_GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "testdata" / "formats" / "golden.pcapng"


@pytest.fixture(autouse=True)
def _tools():
    if missing := pcapng.tools_missing():
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.fixture(name="capture_file")
def _capture_file(able_to_capture, scratch):
    """Starts an agent that writes a file: `with capture_file("--pid", "1") as capture`."""
    return lambda *arguments: Capture(scratch / "capture.pcapng", *arguments)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_http1_on_a_connection_kept_alive(capture_file, nginx, https_client, scratch, address):
    content = b"".join(b"line %d of a long file\n" % number for number in range(40000))
    nginx.add_file("long.txt", content)
    uploaded = b"uploaded text\n" * 20000
    put = f"/uploads/pcapng-{len(address)}"  # of its own: nginx answers otherwise the next time
    with capture_file("--pid", str(https_client.pid)) as capture:
        client = https_client.connect(nginx.port, address)
        connection = https_client.request("GET", "/connection?one").content_bytes
        https_client.request("GET", "/long.txt")
        https_client.request("GET", "/chunked/long.txt")
        https_client.request("PUT", put, bytes=uploaded)
        dissection = capture.stop()

    version = "ipv6" if ":" in address else "ip"
    mine = f"{version}.src == {address} && tcp.srcport == {client.local.port}"
    methods = dissection.values(f"{mine} && http.request", "http.request.method")
    assert methods == ["GET", "GET", "GET", "PUT"]
    targets = ["/connection?one", "/long.txt", "/chunked/long.txt", put]
    assert dissection.values(f"{mine} && http.request", "http.request.uri") == targets
    hosts = dissection.values("http.request", "http.request.full_uri")
    host = f"[{address}]" if ":" in address else address
    assert hosts == [f"http://{host}:{nginx.port}{target}" for target in targets]
    assert dissection.values("http.response", "http.response.code") == ["200", "200", "200", "201"]
    bodies = list(dissection.http_objects(scratch / "objects").values())
    assert bodies.count(content) == 2
    assert uploaded in bodies and connection in bodies
    # Addresses and ports are the connection's, and nothing is said to be missing.
    assert dissection.count(f"tcp.port == {nginx.port}") == dissection.count("tcp")
    assert dissection.count("tcp.analysis.flags") == 0
    assert set(dissection.values("tcp", "tcp.stream")) == {"0"}


def test_pipelined_requests(capture_file, nginx, tls_client):
    targets = [f"/connection?{number}" for number in range(5)]
    requests = [f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n" for target in targets]
    requests[-1] = requests[-1].replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
    with capture_file("--pid", str(tls_client.pid)) as capture:
        tls_client.connect(nginx.port)
        tls_client.send("".join(requests).encode())
        received = tls_client.receive_all()
        dissection = capture.stop()
    assert received.count(b"HTTP/1.1 200 OK") == len(targets)
    assert dissection.values("http.request", "http.request.uri") == targets
    assert dissection.values("http.response", "http.response.code") == ["200"] * len(targets)


def test_every_packet_tells_whose_it_is(capture_file, nginx, https_client):
    with capture_file() as capture:
        client = https_client.connect(nginx.port)
        https_client.request("GET", "/connection")
        dissection = capture.stop()
    assert dissection.count("!frame.comment") == 0
    for pid, comm, direction in (
        (client.pid, client.comm, "write"),
        (nginx.worker_pid, "nginx", "read"),
    ):
        # Both ends of the connection are there, each as its process saw it.
        whose = f'frame.comment contains "pid={pid} comm={comm}"'
        for number, kind in enumerate(("http.request", "http.response")):
            (comment,) = dissection.values(f"{whose} && {kind}", "frame.comment")
            assert (direction in comment) == (number == 0)
            row = dissection.rows(f"{whose} && {kind}", "tcp.srcport", "tcp.dstport")
            ports = [str(client.local.port), str(nginx.port)]
            assert [port for (port,) in row[0]] == (ports if number == 0 else ports[::-1])
    assert dissection.count("tcp.analysis.flags") == 0


def _http2_bodies(dissection):
    bodies = {}
    shown = "http2.body.reassembled.data || (http2.data.data && !http2.body.fragments)"
    fields = ("http2.streamid", "http2.data.data", "http2.body.reassembled.data")
    for streams, whole, joined in dissection.rows(shown, *fields):
        for value in joined or whole:
            bodies[int(streams[-1])] = bytes.fromhex(value)
    return bodies


def test_http2_by_nghttp(capture_file, credentials, scratch):
    if missing := missing_programs("nghttp", "nghttpd"):
        pytest.skip(f"not installed: {', '.join(missing)}")
    (scratch / "index.html").write_text("hello\n")
    (scratch / "large.txt").write_text("a line of text\n" * 20000)
    with http2_programs.Nghttpd(scratch, credentials) as server:
        # At the client, which speaks first, and at the server, which does as well.
        for pid in (None, server.pid):
            selection = ("--pid", str(pid))
            if pid is None:
                selection = ("--comm", "nghttp", "--port", str(server.port))
            with capture_file(*selection) as capture:
                targets = ["/index.html", "/large.txt", "/none"]
                report = http2_programs.run_nghttp(*map(server.url, targets))
                dissection = capture.stop()
            asked = {}
            fields = ("http2.streamid", "http2.headers.path", "http2.headers.method")
            for streams, paths, methods in dissection.rows("http2.headers.path", *fields):
                assert set(methods) == {"GET"}
                # Frames of one packet come in one row; those without a path are not requests.
                asked.update(zip([int(s) for s in streams][-len(paths) :], paths))
            sent = {
                stream: dict(line.split(": ", 1) for line in fields)[":path"]
                for stream, fields in report.requests.items()
            }
            assert asked == sent
            statuses = dissection.values("http2.headers.status", "http2.headers.status")
            assert sorted(statuses) == ["200", "200", "404"]
            large = next(stream for stream, path in sent.items() if path == "/large.txt")
            assert _http2_bodies(dissection)[large] == (scratch / "large.txt").read_bytes()
            assert dissection.count("http2.type == 4") >= 2  # SETTINGS of both


def test_http2_by_curl_over_ipv6(capture_file, nginx, credentials):
    content = b"text of a file\n" * 3000
    nginx.add_file("pcapng-h2.txt", content)
    with capture_file("--comm", "curl", "--port", str(nginx.port)) as capture:
        pid, _, response, body = http2_programs.run_curl(
            credentials, nginx.url("/pcapng-h2.txt", "[::1]")
        )
        dissection = capture.stop()
    assert body == content
    whose = f'frame.comment contains "pid={pid} comm=curl" && ipv6'
    assert dissection.values(f"{whose} && http2.headers.path", "http2.headers.path") == [
        "/pcapng-h2.txt"
    ]
    (length,) = dissection.values("http2.headers.status", "http2.headers.content_length")
    assert f"content-length: {length}" in response
    assert _http2_bodies(dissection) == {1: content}


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_websocket(capture_file, tls_client, tls_server, address):
    texts = [f"text number {number}" for number in range(5)] + ["long " * 5000]
    request, response = handshake("")
    client_side, server_side = Sender(masked=True), Sender(masked=False)
    with capture_file("--pid", str(tls_server.pid)) as capture:
        connect_peers(tls_client, tls_server, address)
        transfer(tls_client, tls_server, request)
        transfer(tls_server, tls_client, response)
        for text in texts:
            transfer(tls_client, tls_server, client_side.message(text.encode()))
            transfer(tls_server, tls_client, server_side.message(text.upper().encode()))
        transfer(tls_client, tls_server, client_side.frame(CLOSE, b"\x03\xe8done"))
        dissection = capture.stop()
    assert dissection.values("http.request", "http.request.uri") == ["/chat"]
    shown = dissection.values(f"websocket.opcode == {TEXT}", "websocket.payload.text")
    assert shown == [said for text in texts for said in (text, text.upper())]
    assert dissection.values("websocket.opcode == 8", "websocket.payload.close.status_code") == [
        "1000"
    ]


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_a_websocket_of_node(capture_file, tls_client, credentials):
    texts = [f"message {number} of a talk about messages".encode() for number in range(4)]
    side = Sender(masked=True, deflate=True)
    request, _ = handshake("permessage-deflate")
    with node_echo(credentials) as (node, port):
        selection = ("--libssl", os.path.realpath(shutil.which("node")), "--pid", str(node.pid))
        with capture_file(*selection) as capture:
            client = tls_client.connect(port)
            tls_client.send(request)
            for text in texts:
                tls_client.send(side.message(text))
            tls_client.send(side.frame(CLOSE, b"\x03\xe8"))
            received = base64.b64decode(tls_client.ask("receive", count=1 << 20)["bytes"])
            assert b"101 Switching Protocols" in received
            dissection = capture.stop()
    assert dissection.values("http.response", "http.response.code") == ["101"]
    rows = dissection.rows("websocket", "tcp.srcport", "websocket.opcode")
    frames = collections.Counter((ports[0], code) for ports, codes in rows for code in codes)
    talk = {str(TEXT): len(texts), str(CLOSE): 1}
    assert frames == {
        (str(from_port), code): count
        for from_port in (client.local.port, port)
        for code, count in talk.items()
    }


def test_lost_bytes_are_a_missing_segment(capture_file, tls_client, tls_server):
    chunk = b"x" * 16384
    head = b"POST /flood HTTP/1.1\r\nHost: peer\r\nContent-Length: %d\r\n\r\n" % (300 * len(chunk))
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    after = b"GET /after HTTP/1.1\r\nHost: peer\r\n\r\n"
    with capture_file("--pid", str(tls_client.pid), "--ring-mib", "1") as capture:
        connect_peers(tls_client, tls_server)
        capture.agent.pause()
        transfer(tls_client, tls_server, head)
        for _ in range(300):
            transfer(tls_client, tls_server, chunk)
        capture.agent.resume()
        transfer(tls_server, tls_client, response)
        transfer(tls_client, tls_server, after)
        transfer(tls_server, tls_client, response)
        dissection = capture.stop()
    assert dissection.count("tcp.analysis.lost_segment") == 1
    fields = ("frame.number", "frame.comment")
    ((number,), (said,)) = dissection.rows('frame.comment contains "missing="', *fields)[0]
    assert dissection.values("tcp.analysis.lost_segment", "frame.number") == [number]
    held = sum(map(int, dissection.values('frame.comment contains "write"', "tcp.len")))
    missing = int(said.partition("missing=")[2].split()[0])
    assert missing > 0
    assert held + missing == len(head) + 300 * len(chunk) + len(after)
    assert dissection.count('tcp.payload contains "GET /after HTTP/1.1"') == 1


def test_the_golden_file():
    dissection = Dissection(_GOLDEN)
    dissection.check()
    assert dissection.values("http.request", "http.request.uri") == [
        "/",
        "/after-a-gap",
        "/",
        "/chat",
    ]
    assert dissection.values("http2.headers.path", "http2.headers.path") == ["/"] * 2
    assert dissection.values("http2.data.data", "http2.data.data") == [b"hello".hex()] * 2
    assert dissection.values("websocket", "websocket.payload.text") == ["world", "hi"]
    assert dissection.count("tcp.analysis.lost_segment") == 1
    assert dissection.count('frame.comment contains "addresses unknown"') == 8
    (first,) = dissection.values("frame.number == 1", "frame.time_epoch")
    assert first == "1795251252.123457786"
    (dropped,) = dissection.values('frame.comment contains "blocks"', "frame.comment")
    assert dropped.startswith("2 blocks")


def test_http2_without_a_note_takes_the_documented_setting(scratch):
    path = scratch / "noteless.pcapng"
    path.write_bytes(pcapng.without_notes(_GOLDEN.read_bytes()))
    as_it_is = Dissection(path)
    as_it_is.check()
    # The rest needs none.
    assert as_it_is.count("http.request") == 4
    assert as_it_is.count("websocket") == 2
    assert as_it_is.count("http2") == 0
    told = Dissection(path, "-d", "tcp.port==443,http")
    told.check()
    assert told.values("http2.headers.path", "http2.headers.path") == ["/"] * 2
    assert told.count("http.request") == 4


def test_a_file_that_begins_within_connections(scratch):
    data = _GOLDEN.read_bytes()
    path = scratch / "rotated.pcapng"
    starts = [begin for kind, begin, _ in pcapng.blocks(data) if kind == 6]
    # In turn the first file ends within HTTP/1, before its answer, within HTTP/2, in a WebSocket.
    for end in (5, 6, 21, 33):
        path.write_bytes(data[: starts[0]] + data[starts[end] :])
        dissection = Dissection(path)
        dissection.check()
        # What begins later is whole, and HTTP/1 is found again on a connection that goes on.
        assert dissection.values("http2.headers.path", "http2.headers.path")[-1] == "/"
        requests = dissection.values("http.request", "http.request.uri")
        assert ("/after-a-gap" in requests) == (end < 7)


def test_a_file_cut_anywhere_is_read_up_to_there(scratch):
    data = _GOLDEN.read_bytes()
    packets = [end for kind, _, end in pcapng.blocks(data) if kind == 6]
    start = next(begin for kind, begin, _ in pcapng.blocks(data) if kind == 6)
    cuts = [*range(start, len(data), 1499), packets[3], packets[3] + 1, packets[3] - 1]
    for cut in cuts:
        path = scratch / "cut.pcapng"
        path.write_bytes(data[:cut])
        result = Dissection(path).run("-T", "fields", "-e", "frame.number")
        whole = sum(end <= cut for end in packets)
        assert len(result.stdout.splitlines()) == whole, cut
        ends_between_blocks = cut in packets or cut == start
        assert (result.returncode == 0) == ends_between_blocks, (cut, result.stderr)
