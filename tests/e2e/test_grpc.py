# SPDX-License-Identifier: Apache-2.0
"""Python's grpc talks to itself: each message and status is compared with what the program saw."""

import base64
import subprocess

import pytest

from programs_under_trace import PYTHON, CommandedProgram

SERVICE = "/tlscope.test.Echo/"
# Field 1 a varint, field 2 text: what every protobuf runtime writes for {1: 150, 2: "testing"}.
MESSAGE = b"\x08\x96\x01\x12\x07testing"
FIELDS = '1: 150\n2: "testing"\n'


@pytest.fixture(name="calls")
def _calls(able_to_capture, credentials):
    if subprocess.run([PYTHON, "-c", "import grpc"], capture_output=True, check=False).returncode:
        pytest.skip("python3-grpcio is not installed")
    with CommandedProgram("grpc_calls.py") as program:
        yield program


def _open(calls, credentials):
    certificate, key = credentials.certificate, credentials.key
    return calls.ask("open", certificate=certificate, key=key)


def _call(calls, kind, method, messages, **how):
    encoded = [base64.b64encode(message).decode() for message in messages]
    return calls.ask("call", kind=kind, method=method, messages=encoded, **how)


def _of_method(messages, pid, name, method):
    """What one process sent or received of a method, in order."""
    return [
        message
        for message in messages
        if message.pid == pid and message.name == name and message.rpc == SERVICE + method
    ]


def _wait_for_end(agent, pid, method, count=2):
    """Waits until both ends have seen a call's response end; all messages of the method."""

    def find(messages):
        ended = [
            message
            for message in _of_method(messages, pid, "HTTP2Response", method)
            if b"grpc-status: " in message.body
        ]
        return len(ended) >= count and [m for m in messages if m.rpc == SERVICE + method]

    return agent.wait_for(find, f"the end of {method}")


def _views(messages, name):
    """The protobuf messages among `messages` as they are shown, of one end."""
    kinds = {message.uuid.data_type for message in messages if message.name == name}
    by_end = {}
    for kind in kinds:
        by_end[kind] = [
            message.body.decode()
            for message in messages
            if message.name == name and message.uuid.data_type == kind and message.view
        ]
    return by_end


def _check_views(messages, name, count):
    ends = _views(messages, name)
    assert set(ends) == {0, 1}  # the process is both ends
    for shown in ends.values():
        assert len(shown) == count
        assert all(FIELDS in text for text in shown)


@pytest.mark.parametrize("gzip", [False, True])
def test_a_unary_call_is_shown_with_its_method_messages_and_status(
    capture, calls, credentials, gzip
):
    with capture("--pid", str(calls.pid)) as agent:
        _open(calls, credentials)
        answer = _call(calls, "unary_unary", "Unary", [MESSAGE], gzip=gzip)
        assert [base64.b64decode(one) for one in answer["answers"]] == [MESSAGE]
        messages = _wait_for_end(agent, calls.pid, "Unary")
        _check_views(messages, "HTTP2Request", 1)
        _check_views(messages, "HTTP2Response", 1)
        assert all(not message.incomplete for message in messages)
        requests = [message for message in messages if message.name == "HTTP2Request"]
        assert all(b":path: /tlscope.test.Echo/Unary\r\n" in m.body for m in requests)
        assert any(b"grpc-status: 0\r\n" in message.body for message in messages)
        calls.ask("close")


def test_each_message_of_a_stream_is_shown(capture, calls, credentials):
    with capture("--pid", str(calls.pid)) as agent:
        _open(calls, credentials)
        answer = _call(calls, "unary_stream", "ServerStream", [MESSAGE])
        assert len(answer["answers"]) == 3
        messages = _wait_for_end(agent, calls.pid, "ServerStream")
        _check_views(messages, "HTTP2Request", 1)
        _check_views(messages, "HTTP2Response", 3)
        answer = _call(calls, "stream_stream", "Both", [MESSAGE] * 4)
        assert len(answer["answers"]) == 4
        messages = _wait_for_end(agent, calls.pid, "Both")
        _check_views(messages, "HTTP2Request", 4)
        _check_views(messages, "HTTP2Response", 4)
        calls.ask("close")


def test_a_failed_call_shows_its_status_and_message(capture, calls, credentials):
    with capture("--pid", str(calls.pid)) as agent:
        _open(calls, credentials)
        answer = _call(calls, "unary_unary", "Fail", [MESSAGE])
        assert (answer["status"], answer["text"]) == (5, "no such thing")
        messages = _wait_for_end(agent, calls.pid, "Fail")
        responses = [message for message in messages if message.name == "HTTP2Response"]
        for response in responses:
            assert b"grpc-status: 5\r\n" in response.body
            assert b"grpc-message: no such thing\r\n" in response.body
        calls.ask("close")


def test_every_field_that_either_end_reports_is_shown(capture, calls, credentials):
    with capture("--pid", str(calls.pid)) as agent:
        _open(calls, credentials)
        told = calls.ask("tell", metadata=[["x-one", "1"], ["x-one", "2"], ["x-two", "a b"]])
        assert ["x-one", "1"] in told["request"] and ["x-one", "2"] in told["request"]
        messages = _wait_for_end(agent, calls.pid, "Tell")
        requests = [message for message in messages if message.name == "HTTP2Request"]
        heads = [m for m in messages if m.name == "HTTP2Response" and b":status: " in m.head]
        assert len(requests) == len(heads) == 2
        for message in requests:
            lines = message.head.decode().split("\r\n")
            assert [line for line in lines if line.startswith("x-")] == [
                "x-one: 1",
                "x-one: 2",
                "x-two: a b",
            ]
            assert all(f"{name}: {value}" in lines for name, value in told["request"])
        assert told["initial"] and told["trailing"]
        for message in heads:
            lines = message.head.decode().split("\r\n")
            assert all(f"{name}: {value}" in lines for name, value in told["initial"])
        ends = [m for m in messages if m.name == "HTTP2Response" and b"grpc-status: 0" in m.body]
        for message in ends:
            lines = message.body.decode().split("\r\n")
            assert all(f"{name}: {value}" in lines for name, value in told["trailing"])
        calls.ask("close")


def test_descriptors_turn_messages_into_json(capture, calls, credentials, scratch):
    (scratch / "echo.proto").write_text(
        'syntax = "proto3"; package tlscope.test;'
        "message Note { int32 number = 1; string text = 2; }"
        "service Echo { rpc Unary(Note) returns (Note); }",
        encoding="ascii",
    )
    protoset = scratch / "echo.protoset"
    subprocess.run(
        ["protoc", f"-I{scratch}", f"--descriptor_set_out={protoset}", "echo.proto"], check=True
    )
    with capture("--pid", str(calls.pid), "--protoset", str(protoset)) as agent:
        _open(calls, credentials)
        _call(calls, "unary_unary", "Unary", [MESSAGE])
        messages = _wait_for_end(agent, calls.pid, "Unary")
        shown = [message for message in messages if message.view == "json"]
        assert len(shown) == 4
        assert all(b'{"number":150,"text":"testing"}' in message.body for message in shown)
        calls.ask("close")
