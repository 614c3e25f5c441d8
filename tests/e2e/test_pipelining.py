# SPDX-License-Identifier: Apache-2.0
"""A thousand requests in flight at once are told apart, kept in order and paired, at both ends."""

import re

import pytest

import conversation
from conversation import REQUEST, RESPONSE, check_origin
from deadlines import eventually
from text_format import READ, WRITE

COUNT = 1000


class Pipeline:
    """Requests to send without waiting, and the responses that they must have."""

    def __init__(self, nginx):
        self.requests, self.statuses, self.contents = [], [], []
        for number in range(10):
            nginx.add_file(f"pipelined{number}", self._file(number))
        for number in range(COUNT):
            self._add(number)

    @staticmethod
    def _file(number):
        return b"content of file %d\n" % number * (1 + 3 * number)

    def _add(self, number):
        kind, file = number % 5, number // 5 % 10
        method = b"HEAD" if kind == 1 else b"GET"
        target = b"/pipelined%d" % file
        status, content = b"200", self._file(file)
        if kind == 2:
            target = b"/chunked" + target
        fields = b""
        if kind == 3:
            fields, status, content = b"If-None-Match: *\r\n", b"304", b""
        if number == COUNT - 1:
            fields += b"Connection: close\r\n"
        line = b"%s %s?%d HTTP/1.1\r\n" % (method, target, number)
        head = line + b"Host: pipelining\r\n" + fields + b"\r\n"
        self.requests.append(head)
        self.statuses.append(status)
        self.contents.append(b"" if method == b"HEAD" else content)

    def check_responses(self, messages):
        """Each message is the response to the request of its place."""
        for number, message in enumerate(messages):
            assert message.head.split(b" ")[1] == self.statuses[number], number
            content = message.content
            if b"Transfer-Encoding: chunked\r\n" in message.head:
                content = re.sub(rb"X-Ending: of [^\r]*\r\n$", b"", content)
            assert content == self.contents[number], number


@pytest.fixture(name="pipeline")
def _pipeline(nginx):
    return Pipeline(nginx)


def test_a_thousand_pipelined_requests_are_captured_in_order_at_both_ends(
    capture, nginx, tls_client, pipeline
):
    with capture("--port", str(nginx.port)) as agent:
        client = tls_client.connect(nginx.port)
        tls_client.send(b"".join(pipeline.requests))
        received = tls_client.receive_all()
        assert received.count(b"HTTP/1.1 ") == COUNT
        server = client.peer(nginx.worker_pid, "nginx")
        for end, sends, receives in ((client, WRITE, READ), (server, READ, WRITE)):
            messages = conversation.wait_for(agent, end, 2 * COUNT)
            sent = [message for message in messages if message.name == REQUEST]
            answered = [message for message in messages if message.name == RESPONSE]
            assert len(sent) == len(answered) == COUNT
            assert len(messages) == 2 * COUNT
            assert [message.body for message in sent] == pipeline.requests
            pipeline.check_responses(answered)
            for message in sent:
                check_origin(message, end, sends)
            for message in answered:
                check_origin(message, end, receives)
            assert all(message.whole for message in messages)
            assert not any(message.resynchronised for message in messages)
            assert len({message.uuid.socket for message in messages}) == 1
        outcome = agent.stop()
        assert outcome.status == 0
        assert outcome.summary.lost_bytes == 0
        assert outcome.summary.dropped == 0


def test_a_thousand_pipelined_exchanges_are_paired_at_both_ends(
    capture, nginx, tls_client, pipeline, scratch
):
    pids = [str(tls_client.pid), str(nginx.worker_pid)]
    lines = scratch / "lines"
    with lines.open("wb") as stdout:
        options = ("--format", "line", "--pid", pids[0], "--pid", pids[1])
        with capture(*options, stdout=stdout) as agent:
            tls_client.connect(nginx.port)
            tls_client.send(b"".join(pipeline.requests))
            tls_client.receive_all()
            eventually(lambda: lines.read_bytes().count(b"\n") >= 2 * COUNT, "every exchange")
            assert agent.stop().status == 0
    exchanges = [line.split(b" ") for line in lines.read_bytes().splitlines()]
    expected = []
    for request, status in zip(pipeline.requests, pipeline.statuses):
        method, target, _ = request.split(b" ", 2)
        expected.append((method, b"https://pipelining" + target, status))
    for pid in pids:
        of_pid = [columns for columns in exchanges if columns[1] == pid.encode()]
        assert [(columns[4], columns[5], columns[6]) for columns in of_pid] == expected
