# SPDX-License-Identifier: Apache-2.0
"""Every line of json output is what proto/output.schema.json says, and jq reads it."""

import base64
import gzip
import json
import pathlib
import subprocess

import jsonschema
import pytest

import http2_programs
import programs_under_trace
from deadlines import DEADLINE_S
from programs_under_trace import connect_peers, transfer
from test_websocket import BINARY, CLOSE, Sender, handshake

_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
_GOLDEN = _REPOSITORY / "tests/testdata/formats/golden.jsonl"


def _validator():
    schema = json.loads((_REPOSITORY / "proto/output.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


VALIDATOR = _validator()
KINDS = set(VALIDATOR.schema["properties"]["kind"]["enum"])


def _refuse_second(pairs):
    """A name that an object has twice is valid JSON and of no use."""
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)


def read(output):
    """The objects of json output, each checked against the schema and read by jq."""
    assert output.endswith(b"\n")
    lines = output.decode().split("\n")[:-1]
    objects = [json.loads(line, object_pairs_hook=_refuse_second) for line in lines]
    for read_object in objects:
        problems = [error.message for error in VALIDATOR.iter_errors(read_object)]
        assert not problems, (read_object, problems)
        assert list(read_object)[:2] == ["time", "kind"]
    if not programs_under_trace.missing_programs("jq"):
        assert jq(output, "-e", "-c", ".").count(b"\n") == len(lines)
    return objects


def jq(output, *arguments):
    """What jq makes of it."""
    command = ["jq", *arguments]
    run = subprocess.run(command, input=output, stdout=subprocess.PIPE, timeout=DEADLINE_S)
    assert run.returncode == 0
    return run.stdout


def golden(kind):
    """The first golden object of a kind."""
    lines = _GOLDEN.read_text(encoding="utf-8").splitlines()
    return next(line for line in map(json.loads, lines) if line["kind"] == kind)


def test_every_golden_line_is_as_documented():
    assert {line["kind"] for line in read(_GOLDEN.read_bytes())} == KINDS


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_schema_refuses_a_member_that_it_does_not_document(kind):
    line = golden(kind)
    assert VALIDATOR.is_valid(line)
    for name in line:
        misspelt = {f"{key}s" if key == name else key: value for key, value in line.items()}
        assert not VALIDATOR.is_valid(misspelt), name


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_schema_refuses_a_member_of_another_type(kind):
    line = golden(kind)
    for name in line:
        for other in (None, -1, 1.5, [], {}):
            assert not VALIDATOR.is_valid({**line, name: other}), (name, other)


def test_the_schema_refuses_a_line_of_no_kind():
    assert not VALIDATOR.is_valid({"time": golden("loss")["time"]})
    assert not VALIDATOR.is_valid({**golden("loss"), "kind": "lost"})
    assert not VALIDATOR.is_valid([])


def test_jq_finds_a_header_field_by_the_documented_expression():
    if missing := programs_under_trace.missing_programs("jq"):
        pytest.skip(f"not installed: {missing}")
    find = 'select(.head) | .head | capture("(?i)\\r\\naccept: *(?<value>[^\\r]*)").value'
    assert jq(_GOLDEN.read_bytes(), "-r", find) == b"*/*\n"


class Captured:
    """What json output told, and questions to it."""

    def __init__(self, objects):
        self._objects = objects

    def find(self, **members):
        """The objects that have these members, in order."""
        return [found for found in self._objects if members.items() <= found.items()]

    def one(self, **members):
        """The only one."""
        found = self.find(**members)
        assert len(found) == 1, (members, found)
        return found[0]


@pytest.fixture(name="capture_json")
def _capture_json(capture, scratch):
    """Captures what a function does, and returns what the json output tells of it."""

    def run(work, *arguments):
        path = scratch / "captured.jsonl"
        with path.open("wb") as output:
            with capture("--format", "json", *arguments, stdout=output) as agent:
                work()
                assert agent.stop().status == 0
        return Captured(read(path.read_bytes()))

    return run


def test_http1_as_json(capture_json, nginx, curl):
    text, binary = b'{"name": "h\xc3\xa4"}', bytes(range(256)) * 10
    nginx.add_file("data.json", text)
    nginx.add_file("data.bin", binary)
    nginx.add_file("data.gz", gzip.compress(text))
    targets = ("/data.json", "/data.bin", "/coded/data.gz?coding=gzip")
    transfers = []

    def work():
        transfers.extend(curl.run(*map(nginx.url, targets)))

    captured = capture_json(work)
    end = transfers[0].end
    ours = {"pid": end.pid, "comm": "curl", "local": str(end.local), "remote": str(end.remote)}
    bodies = ({"body": text.decode()}, {"body_base64": base64.b64encode(binary).decode()})
    bodies += ({"body": text.decode(), "decoded_from": "gzip"},)
    for number, (target, body, done) in enumerate(zip(targets, bodies, transfers), 1):
        request = captured.one(kind="message", type="request", target=target, **ours)
        assert request["head"].encode() == done.request_head
        assert (request["method"], request["direction"]) == ("GET", "WRITE")
        assert (request["host"], request["protocol"]) == (str(end.remote), "http/1.1")
        assert request["exchange"] == number
        same = {"connection": request["connection"], "exchange": number}
        response = captured.one(kind="message", type="response", **same, **ours)
        assert response["head"].encode() == done.response_head
        assert (response["status"], response["direction"]) == (200, "READ")
        assert response["content_bytes"] == len(done.body)
        assert body.items() <= response.items()
        exchange = captured.one(kind="exchange", **same, **ours)
        assert (exchange["target"], exchange["status"]) == (target, 200)
        assert exchange["response_bytes"] == len(done.body)
        assert exchange["first_byte_us"] <= exchange["duration_us"]


def test_http2_with_frames_and_handshakes_as_json(capture_json, nginx, credentials):
    nginx.add_file("h2.json", b'{"n": 1}')
    told = []

    def work():
        url = nginx.url("/h2.json", "localhost")
        told.append(http2_programs.run_curl(credentials, url, "-H", "X-One: 1"))

    captured = capture_json(work, "--show-frames", "--show-handshakes")
    ((pid, request_lines, _, body),) = told
    request = captured.one(kind="message", pid=pid, type="request")
    assert request["head"].split("\r\n")[:-2] == request_lines
    assert (request["protocol"], request["stream_id"], request["target"]) == ("http/2", 1, "/h2.json")
    assert request["server_name"] == "localhost" and request["alpn"] == "h2"
    assert request["tls_version"] == "TLSv1.3"
    response = captured.one(kind="message", pid=pid, type="response")
    assert (response["status"], response["body"].encode()) == (200, body)
    types = {frame["type"] for frame in captured.find(kind="frame", pid=pid)}
    assert {"SETTINGS", "HEADERS", "DATA"} <= types
    parts = {part["type"] for part in captured.find(kind="handshake", pid=pid)}
    assert parts == {"client-hello", "server-hello", "protocol"}


def test_websocket_and_other_bytes_as_json(capture_json, tls_client, tls_server):
    request, response = handshake("")
    data = bytes(range(256))

    def work():
        client_side, server_side = Sender(masked=True), Sender(masked=False)
        connect_peers(tls_client, tls_server)
        transfer(tls_client, tls_server, request)
        transfer(tls_server, tls_client, response)
        transfer(tls_client, tls_server, client_side.message(b"\xe2\x82\xac 1"))
        transfer(tls_server, tls_client, server_side.frame(BINARY, data))
        transfer(tls_server, tls_client, server_side.frame(CLOSE, b"\x03\xe8done"))

    captured = capture_json(work)
    ours = {"protocol": "websocket", "type": "message", "pid": tls_client.pid}
    assert captured.one(frame="text", direction="WRITE", **ours)["body"] == "\u20ac 1"
    binary = captured.one(frame="binary", direction="READ", **ours)
    assert base64.b64decode(binary["body_base64"]) == data
    closing = captured.one(frame="close", direction="READ", **ours)
    assert (closing["close_code"], closing["body"]) == (1000, "done")
