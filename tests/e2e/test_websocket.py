# SPDX-License-Identifier: Apache-2.0
"""What goes over a WebSocket after its handshake is shown message by message."""

import base64
import contextlib
import dataclasses
import os
import pathlib
import shutil
import subprocess
import zlib

import pytest

import conversation
from conversation import REQUEST, RESPONSE, names
from deadlines import DEADLINE_S, Deadline, LineReader
from programs_under_trace import connect_peers, transfer

WEBSOCKET = "WebSocket"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

_NODE_PROGRAM = pathlib.Path(__file__).resolve().parent / "programs" / "websocket_echo.js"


def handshake(extensions):
    """Request and response of RFC 6455 4; `extensions` is what both say."""
    field = f"Sec-WebSocket-Extensions: {extensions}\r\n" if extensions else ""
    request = (
        "GET /chat HTTP/1.1\r\nHost: peer\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"{field}\r\n"
    )
    response = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{field}\r\n"
    )
    return request.encode(), response.encode()


@dataclasses.dataclass
class Sender:
    """Makes the frames of one side."""

    masked: bool
    deflate: bool = False
    _compressor: object = dataclasses.field(default_factory=lambda: zlib.compressobj(wbits=-15))

    def message(self, text):
        """A text message, compressed where that was agreed to."""
        if not self.deflate:
            return self.frame(TEXT, text)
        payload = self._compressor.compress(text) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
        return self.frame(TEXT, payload[:-4], rsv1=True)

    def frame(self, opcode, payload, fin=True, rsv1=False):
        """One frame (RFC 6455 5.2) of up to 64 KiB."""
        size = len(payload)
        length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
        head = bytes([fin << 7 | rsv1 << 6 | opcode, length[0] | self.masked << 7]) + length[1:]
        if not self.masked:
            return head + payload
        mask = os.urandom(4)
        return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def described(messages):
    """The WebSocket messages among them, each as its kind and what it holds."""
    return [(message.frame, message.body) for message in messages if message.name == WEBSOCKET]


@pytest.mark.parametrize("extensions", ["", "permessage-deflate"])
def test_messages_both_ways_are_shown_at_both_ends(capture, tls_client, tls_server, extensions):
    texts = [f'{{"price":{number},"symbol":"ABC"}}'.encode() for number in range(5)]
    texts.append(b"long " * 5000)
    client_side = Sender(masked=True, deflate=bool(extensions))
    server_side = Sender(masked=False, deflate=bool(extensions))
    request, response = handshake(extensions)
    with capture() as agent:
        client, server = connect_peers(tls_client, tls_server)
        transfer(tls_client, tls_server, request)
        transfer(tls_server, tls_client, response)
        expected = []
        for text in texts:
            transfer(tls_client, tls_server, client_side.message(text))
            transfer(tls_server, tls_client, server_side.message(text))
            expected += [("text", text), ("text", text)]
        transfer(tls_server, tls_client, server_side.frame(PING, b"there?"))
        transfer(tls_client, tls_server, client_side.frame(PONG, b"there?"))
        transfer(tls_client, tls_server, client_side.frame(CLOSE, b"\x03\xe8done"))
        expected += [("ping", b"there?"), ("pong", b"there?"), ("close", b"done")]
        for end in (client, server):
            messages = conversation.wait_for(agent, end, 2 + len(expected))
            assert names(messages) == [REQUEST, RESPONSE] + [WEBSOCKET] * len(expected)
            assert described(messages) == expected
            assert messages[-1].code == 1000
            assert all(message.whole and not message.decode_error for message in messages)
            decoded = {message.decoded for message in messages if message.frame == "text"}
            assert decoded == {extensions or None}


def test_fragments_are_joined_around_control_frames(capture, tls_client, tls_server):
    side = Sender(masked=True)
    request, response = handshake("")
    fragments = side.frame(TEXT, b"one ", fin=False) + side.frame(PING, b"?")
    fragments += side.frame(0, b"two ", fin=False) + side.frame(0, b"three")
    with capture() as agent:
        client, server = connect_peers(tls_client, tls_server)
        transfer(tls_client, tls_server, request)
        transfer(tls_server, tls_client, response)
        transfer(tls_client, tls_server, fragments)
        for end in (client, server):
            messages = conversation.wait_for(agent, end, 4)
            assert described(messages) == [("ping", b"?"), ("text", b"one two three")]


def test_binary_messages_are_dumped(capture, tls_client, tls_server):
    data = bytes(range(256))
    request, response = handshake("")
    with capture() as agent:
        client, _ = connect_peers(tls_client, tls_server)
        transfer(tls_client, tls_server, request)
        transfer(tls_server, tls_client, response)
        transfer(tls_server, tls_client, Sender(masked=False).frame(BINARY, data))
        message = conversation.wait_for(agent, client, 3)[-1]
        assert (message.frame, message.body, message.hex_dump) == ("binary", data, True)


@contextlib.contextmanager
def node_echo(credentials):
    """A running websocket_echo.js; its process and port."""
    command = [shutil.which("node"), str(_NODE_PROGRAM), credentials.certificate, credentials.key]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        try:
            lines = LineReader(process.stdout.fileno())
            yield process, int(lines.read_line(Deadline()))
        finally:
            process.kill()
            process.wait(DEADLINE_S)


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_an_echo_by_node_is_shown_at_its_end(capture, tls_client, credentials):
    texts = [f"message {number} of a talk about messages".encode() for number in range(4)]
    side = Sender(masked=True, deflate=True)
    request, _ = handshake("permessage-deflate")
    with node_echo(credentials) as (node, port):
        with capture("--libssl", os.path.realpath(shutil.which("node"))) as agent:
            tls_client.connect(port)
            tls_client.send(request)
            for text in texts:
                tls_client.send(side.message(text))
            tls_client.send(side.frame(CLOSE, b"\x03\xe8"))
            received = base64.b64decode(tls_client.ask("receive", count=1 << 20)["bytes"])
            assert b"101 Switching Protocols" in received

            def whole_talk(messages):
                frames = [message for message in messages if message.pid == node.pid]
                frames = [message for message in frames if message.name == WEBSOCKET]
                return frames if len(frames) == 2 * len(texts) + 2 else None

            frames = agent.wait_for(whole_talk, "what was said and echoed, at node's end")
            for data_type in (0, 1):
                side_frames = [frame for frame in frames if frame.uuid.data_type == data_type]
                expected = [("text", text) for text in texts] + [("close", b"")]
                assert described(side_frames) == expected
                assert all(frame.decode_error is None for frame in side_frames)
