# SPDX-License-Identifier: Apache-2.0
"""Speaks the protocol of an agent's socket, or anything else, byte by byte."""

import pathlib
import socket
import subprocess
import threading

from google.protobuf import descriptor_pb2, message_factory

from deadlines import DEADLINE_S, Deadline

_PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"


class Protocol:
    """The messages of control.proto, as protoc reads it."""

    def __init__(self, directory):
        compiled = directory / "protocol.binpb"
        command = ["protoc", f"--proto_path={_PROTO}", "--include_imports"]
        command += [f"--descriptor_set_out={compiled}", "tlscope/v1/control.proto"]
        subprocess.run(command, check=True, timeout=DEADLINE_S)
        files = descriptor_pb2.FileDescriptorSet.FromString(compiled.read_bytes()).file
        messages = message_factory.GetMessages(files)
        self.ClientMessage = messages["tlscope.v1.ClientMessage"]
        self.ServerMessage = messages["tlscope.v1.ServerMessage"]
        self.Error = messages["tlscope.v1.Error"]


def varint(number):
    """A number as it precedes a message."""
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(groups + bytes([number]))


def delimited(message):
    """A message as it is sent."""
    body = message.SerializeToString()
    return varint(len(body)) + body


class RawClient:
    """A connection to an agent."""

    def __init__(self, path, protocol):
        self._protocol = protocol
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(DEADLINE_S)
        self._socket.connect(str(path))
        self._file = self._socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()
        self._socket.close()

    def send(self, data):
        """Sends bytes, whatever they mean. The agent may close the connection meanwhile."""
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def receive(self):
        """The agent's next message; None when it has closed the connection."""
        size, shift = 0, 0
        while True:
            try:
                octet = self._file.read(1)
            except ConnectionResetError:
                return None
            if not octet:
                return None
            size |= (octet[0] & 0x7F) << shift
            shift += 7
            if octet[0] < 0x80:
                break
        return self._protocol.ServerMessage.FromString(self._file.read(size))

    def subscribe(self, *topics):
        """Subscribes to what is published from now on."""
        assert self.receive().WhichOneof("body") == "welcome"
        wish = self._protocol.ClientMessage(id=1)
        wish.subscribe.topics.extend(topics)
        self.send(delimited(wish))
        assert self.receive().WhichOneof("body") == "ack"


class Tally:
    """Counts on a thread of its own what a subscribed RawClient receives and what it is told to
    have missed."""

    def __init__(self, client):
        self._client = client
        self._changed = threading.Condition()
        self._received = 0
        self._lost = 0
        self._error = None
        threading.Thread(target=self._count, daemon=True).start()

    def wait_for(self, events):
        """Waits until so many were received or missed, and not one more; those missed."""
        deadline = Deadline()
        with self._changed:
            while self._received + self._lost < events:
                assert self._error is None, self._error
                story = f"{self._received} received, {self._lost} lost of {events}"
                assert self._changed.wait(deadline.remaining()), story
            assert self._received + self._lost == events
            return self._lost

    def _count(self):
        try:
            while (message := self._client.receive()) is not None:
                self._add(message)
            raise EOFError("the agent closed the connection")
        except Exception as error:  # for whoever waits
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _add(self, message):
        body = message.WhichOneof("body")
        assert body == "event" or (body == "lost" and message.lost.events > 0), message
        with self._changed:
            if body == "event":
                self._received += 1
            else:
                self._lost += message.lost.events
            self._changed.notify_all()
