# SPDX-License-Identifier: Apache-2.0
"""What takes long to write is shown with the time at which it began, and its exchange lasts from
then on."""

import time

import pytest

import recordings
import test_json_output
import tlscope
from conversation import REQUEST, RESPONSE, of_process
from programs_under_trace import transfer

# Far more than both systems keep for their programs: no write of it ends before the server reads.
_BUFFER = 1 << 16
_SIZE = 900_000
_SLOW = b"POST /slow HTTP/1.1\r\nHost: peer\r\nContent-Length: %d\r\n\r\n" % _SIZE + b"x" * _SIZE
_QUICK = b"GET /quick HTTP/1.1\r\nHost: peer\r\n\r\n"
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_PIECE = 1 << 15


class Talk:
    """Something short and its answer, then something that takes the client long to write, because
    the server reads it bit by bit, and its answer."""

    def __init__(self, client, server):
        self.client, self.server = client, server
        self.options = [word for peer in (client, server) for word in ("--pid", str(peer.pid))]

    def run(self, file, **how):
        """Has it held, over a connection made in this way; the microseconds, at least, from the
        beginning of the slow request to the end of its answer."""
        port = self.server.listen(buffer=_BUFFER)
        self.server.tell("accept")
        self.client.connect(port, buffer=_BUFFER, **how)
        self.server.accepted()
        transfer(self.client, self.server, _QUICK)
        transfer(self.server, self.client, _OK)
        self.client.tell("send", file=file)
        self.server.receive(_PIECE)
        begun_ns = time.monotonic_ns()
        for rest in range(len(_SLOW) - _PIECE, 0, -_PIECE):
            self.server.receive(min(_PIECE, rest))
        assert self.client.answer()["count"] == len(_SLOW)
        unanswered_ns = time.monotonic_ns()
        transfer(self.server, self.client, _OK)
        return (unanswered_ns - begun_ns) // 1000

    def check_text(self, messages):
        """The slow request is of a time after the answer before it, and before the server had
        received its first bytes: all times are by one clock, the kernel's."""
        sent = of_process(messages, self.client.pid)
        received = of_process(messages, self.server.pid)
        for end in (sent, received):
            assert [message.name for message in end] == [REQUEST, RESPONSE] * 2
            assert all(message.whole for message in end)
        assert sent[1].time <= sent[2].time <= received[2].time

    def check_json(self, output, least_us):
        """The same of json, and the exchange lasts as long as it did."""
        told = test_json_output.Captured(test_json_output.read(output))
        ours = {"kind": "message", "pid": self.client.pid}
        quick = told.one(type="response", exchange=1, **ours)
        slow = told.one(type="request", exchange=2, **ours)
        received = told.one(**ours | {"pid": self.server.pid}, type="request", exchange=2)
        assert quick["time"] <= slow["time"] <= received["time"]
        exchange = told.one(kind="exchange", pid=self.client.pid, target="/slow")
        assert exchange["time"] == slow["time"]
        assert exchange["duration_us"] >= exchange["first_byte_us"] >= least_us

    def check_lines(self, output, least_us):
        """The same of a line for each exchange."""
        rows = [row.split() for row in output.decode().splitlines()]
        _, slow = (row for row in rows if row[1] == str(self.client.pid))
        _, received = (row for row in rows if row[1] == str(self.server.pid))
        assert slow[0] <= received[0]
        assert round(float(slow[8]) * 1000) >= least_us


# With a timeout the client's socket does not block: a call fails, and is made again until it ends.
@pytest.mark.parametrize("how", [{}, {"timeout": 60}], ids=["in one call", "tried again"])
def test_a_message_begins_when_its_write_does(capture, tls_client, tls_server, scratch, how):
    names = ("data", "recording", "captured.json", "captured.lines")
    file, recording, as_json, as_lines = (scratch / name for name in names)
    file.write_bytes(_SLOW)
    talk = Talk(tls_client, tls_server)
    outputs = ("-o", "text:-", "-o", f"json:{as_json}", "-o", f"line:{as_lines}")
    with (
        capture(*talk.options, *outputs) as agent,
        recordings.Recorder(recording, *talk.options) as recorder,
    ):
        least_us = talk.run(file, **how)
        outcome = agent.stop()
        assert recorder.stop() == tlscope.DONE
    assert outcome.summary.lost_bytes == 0, outcome.stderr
    talk.check_text(outcome.messages)
    talk.check_json(as_json.read_bytes(), least_us)
    talk.check_lines(as_lines.read_bytes(), least_us)
    talk.check_text(recordings.messages_of(recordings.replay(recording).stdout))
    talk.check_json(recordings.replay(recording, "--format", "json").stdout, least_us)
    talk.check_lines(recordings.replay(recording, "--format", "line").stdout, least_us)
