# SPDX-License-Identifier: Apache-2.0
"""Runs the collector, and agents of a kind: they send numbered entries and keep what is not
acknowledged."""

import dataclasses
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import threading

from google.protobuf import descriptor_pb2, message_factory

import tlscope
from deadlines import DEADLINE_S, Deadline, LineReader
from raw_client import delimited

_PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"


class Schema:
    """The messages of output.proto, as protoc reads it."""

    def __init__(self, directory):
        compiled = directory / "output.binpb"
        command = ["protoc", f"--proto_path={_PROTO}", "--include_imports"]
        command += [f"--descriptor_set_out={compiled}", "tlscope/v1/output.proto"]
        subprocess.run(command, check=True, timeout=DEADLINE_S)
        files = descriptor_pb2.FileDescriptorSet.FromString(compiled.read_bytes()).file
        messages = message_factory.GetMessages(files)
        self.LogEntry = messages["tlscope.v1.LogEntry"]
        self.CollectorMessage = messages["tlscope.v1.CollectorMessage"]

    def hello(self, stream_id, next_sequence=1, host="host", plaintext=False):
        """What a stream begins with."""
        entry = self.LogEntry(log_type=5)
        entry.hello.agent.host = host
        entry.hello.agent.instance = "default"
        entry.hello.agent.stream_id = stream_id
        entry.hello.next_sequence = next_sequence
        entry.hello.plaintext = plaintext
        return entry

    def message(self, sequence, text, size=0):
        """An entry with a message of no known protocol."""
        entry = self.LogEntry(log_type=1, sequence=sequence)
        event = entry.event_payload
        event.timestamp = 1_795_000_000_000_000_000 + sequence
        event.uuid, event.pid, event.pname = "1_1_agent_3_0", 1, "agent"
        event.src_ip, event.src_port = "10.0.0.7", 40000
        event.dst_ip, event.dst_port = "2001:db8::7", 443
        event.payload = (text + "." * (size - len(text)) + "\n").encode()
        event.length = len(event.payload)
        event.message.content_bytes = len(event.payload)
        event.connection_id = 7
        return entry

    def entries(self, data):
        """The entries that a file holds, all of them whole."""
        at = 0
        while at < len(data):
            size, shift = 0, 0
            while True:
                octet = data[at]
                at += 1
                size |= (octet & 0x7F) << shift
                shift += 7
                if octet < 0x80:
                    break
            assert at + size <= len(data), "the file ends in the middle of an entry"
            yield self.LogEntry.FromString(data[at : at + size])
            at += size


class Collector:
    """`tlscope collect`, ready."""

    def __init__(self, *arguments, stdout=subprocess.DEVNULL):
        command = [str(tlscope.binary()), "collect", *map(str, arguments)]
        self._said = []
        self._process = subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE)
        self._lines = LineReader(self._process.stderr.fileno())
        self.urls = []
        deadline = Deadline()
        while not self.urls:
            line = self._lines.read_line(deadline)
            assert line is not None, "\n".join(self._said)
            self._said.append(line.decode())
            if ready := re.search(r"ready: listening on (.*); stop", self._said[-1]):
                self.urls = ready[1].split(", ")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(DEADLINE_S)
        self._process.stderr.close()
        if self._process.stdout:
            self._process.stdout.close()

    @property
    def stdout(self):
        """The pipe that it writes to."""
        return self._process.stdout

    @property
    def port(self):
        """Of its first URL."""
        return int(self.urls[0].rsplit(":", 1)[1])

    def kill(self):
        """Gives it no chance."""
        self._process.kill()
        self._process.wait(DEADLINE_S)

    def read_until(self, pattern):
        """Waits until it says something of the kind on standard error."""
        deadline = Deadline()
        while True:
            line = self._lines.read_line(deadline)
            assert line is not None, "\n".join(self._said)
            self._said.append(line.decode())
            if found := re.search(pattern, self._said[-1]):
                return found

    def wait(self):
        """Its exit status, once it has ended, and what it said."""
        deadline = Deadline()
        while (line := self._lines.read_line(deadline)) is not None:
            self._said.append(line.decode())
        return self._process.wait(DEADLINE_S), "\n".join(self._said)

    def stop(self):
        """Ends it with SIGTERM; what it said, all in all."""
        self._process.send_signal(signal.SIGTERM)
        status, said = self.wait()
        assert status == tlscope.DONE, said
        return said


@dataclasses.dataclass(frozen=True)
class StreamSummary:
    """What the collector says of a stream when it ends."""

    received: int
    stored: int
    duplicates: int
    not_stored: int
    dropped: int

    @classmethod
    def read(cls, said, stream_id):
        """Of what the collector said; of this stream."""
        found = re.search(
            rf"stream {stream_id:016x} of \S+: (\d+) entries received, (\d+) stored, "
            r"(\d+) duplicates, (\d+) not stored; (\d+) dropped by the agent",
            said,
        )
        assert found, said
        summary = cls(*map(int, found.groups()))
        settled = summary.stored + summary.duplicates + summary.not_stored
        assert summary.received == settled, summary
        return summary


class AgentConnection:
    """A connection to a collector, by hand."""

    def __init__(self, path, schema):
        self._schema = schema
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(str(path))
        self._file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()
        self.socket.close()

    def send(self, *entries):
        """Sends entries, or bytes that are none."""
        data = b"".join(e if isinstance(e, bytes) else delimited(e) for e in entries)
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused meanwhile

    def receive(self):
        """The collector's next message; None when it has closed the connection."""
        size, shift = 0, 0
        while True:
            octet = self._file.read(1)
            if not octet:
                return None
            size |= (octet[0] & 0x7F) << shift
            shift += 7
            if octet[0] < 0x80:
                break
        return self._schema.CollectorMessage.FromString(self._file.read(size))

    def begin(self, *arguments, **named):
        """Says Hello; the collector's Welcome."""
        self.send(self._schema.hello(*arguments, **named))
        return self.receive().welcome

    def await_stored(self, sequence):
        """Reads until this entry is acknowledged."""
        stored = 0
        while stored < sequence:
            message = self.receive()
            assert message is not None and not message.refused, message
            stored = max(stored, message.acknowledged.stored_sequence)
        assert stored == sequence

    def refusal(self):
        """Reads until the connection is closed; why it was."""
        why = ""
        while (message := self.receive()) is not None:
            why = message.refused or why
        return why


class Agent(threading.Thread):
    """Makes `count` entries and sends them until all are acknowledged, over as many connections as
    it takes. With a `spool` it keeps so many of those that are not; while nobody takes them it makes
    more, and drops those for which there is no room, until it has dropped `may_drop`."""

    def __init__(self, path, schema, stream_id, count, spool=None, size=200):
        super().__init__(daemon=True)
        self._path, self._schema = path, schema
        self.stream_id, self.count = stream_id, count
        self._spool, self._size = spool, size
        self._acknowledged = 0
        self._made = 0
        self._kept = {}  # by sequence, in order
        self.dropped = []
        self.may_drop = 0
        self._changed = threading.Condition()
        self._error = None

    def text(self, sequence):
        """Of an entry."""
        return f"entry {self.stream_id} {sequence} "

    @property
    def acknowledged(self):
        """The last entry that is."""
        return self._acknowledged

    def await_acknowledged(self, sequence):
        """Waits until so many are."""
        deadline = Deadline()
        with self._changed:
            while self._acknowledged < sequence:
                assert self._error is None, self._error
                assert self._changed.wait(deadline.remaining()), self._acknowledged
        assert self._error is None, self._error

    def await_dropped(self, entries):
        """Waits until so many were."""
        deadline = Deadline()
        with self._changed:
            while len(self.dropped) < entries:
                assert self._changed.wait(deadline.remaining()), len(self.dropped)

    def _make_one(self):
        self._made += 1
        if self._spool is not None and len(self._kept) >= self._spool:
            with self._changed:
                self.dropped.append(self._made)
                self._changed.notify_all()
            return
        entry = self._schema.message(self._made, self.text(self._made), self._size)
        self._kept[self._made] = delimited(entry)

    def run(self):
        try:
            while self._acknowledged < self.count:
                try:
                    self._converse()
                except (ConnectionError, FileNotFoundError, EOFError):
                    # The collector has gone, or is not back yet.
                    if len(self.dropped) < self.may_drop:
                        self._make_one()
        except Exception as error:  # for whoever waits
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _converse(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(self._path))
            connection.settimeout(DEADLINE_S)
            first = next(iter(self._kept), self._made + 1)
            connection.sendall(delimited(self._schema.hello(self.stream_id, first)))
            received = bytearray()
            sent = None  # until the Welcome
            waiting = b""
            while self._acknowledged < self.count:
                writers = [connection] if waiting else []
                readable, writable, _ = select.select([connection], writers, [], DEADLINE_S)
                assert readable or writable, "the collector says nothing"
                if readable:
                    data = connection.recv(1 << 16)
                    if not data:
                        raise EOFError
                    received += data
                    if self._hear(received) and sent is None:
                        sent = self._acknowledged
                if writable:
                    waiting = waiting[connection.send(waiting) :]
                if sent is not None and not waiting:
                    sent, waiting = self._next(sent)

    def _hear(self, received):
        """Takes whole messages off `received`; whether there were any."""
        heard = False
        while received:
            size, shift, at = 0, 0, 0
            while at < len(received):
                octet = received[at]
                at += 1
                size |= (octet & 0x7F) << shift
                shift += 7
                if octet < 0x80:
                    break
            if received[at - 1] >= 0x80 or len(received) < at + size:
                break
            message = self._schema.CollectorMessage.FromString(bytes(received[at : at + size]))
            del received[: at + size]
            assert not message.refused or "same stream" in message.refused, message.refused
            heard = True
            stored = max(message.welcome.stored_sequence, message.acknowledged.stored_sequence)
            with self._changed:
                assert stored <= self._made, "something is acknowledged that was never made"
                if stored > self._acknowledged:
                    for sequence in [s for s in self._kept if s <= stored]:
                        del self._kept[sequence]
                    self._acknowledged = stored
                    self._changed.notify_all()
        return heard

    def _next(self, sent):
        """What to send after this entry, and the last of it."""
        batch = [s for s in self._kept if s > sent][:64]
        room = self.count if self._spool is None else self._spool
        while len(batch) < 64 and self._made < self.count and len(self._kept) < room:
            self._make_one()
            batch.append(self._made)
        if not batch:
            return sent, b""
        return batch[-1], b"".join(self._kept[s] for s in batch)


def files_of(path):
    """The files of an output, ended ones first, in their order."""
    ended = sorted(p for p in path.parent.glob(f"{path.stem}.*{path.suffix}") if p != path)
    return [p for p in ended if p.suffix == path.suffix] + [path]


def numbers_in_text(path, stream_id):
    """The entries of a stream that text files hold, in their order."""
    text = b"".join(p.read_bytes() for p in files_of(path))
    return [int(n) for n in re.findall(rb"entry %d (\d+) " % stream_id, text)]


def numbers_in_protobuf(path, schema, stream_id):
    """Likewise for protobuf; each file begins with a Hello."""
    numbers = []
    for part in files_of(path):
        entries = list(schema.entries(part.read_bytes()))
        assert entries[0].WhichOneof("payload") == "hello"
        numbers += [e.sequence for e in entries if e.agent.stream_id == stream_id]
    return numbers
