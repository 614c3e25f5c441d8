# SPDX-License-Identifier: Apache-2.0
"""http.client over ssl, which also says exactly which bytes went over the connection."""

import hashlib
import http.client
import os
import ssl
import sys

import command_loop

# Longer content is described by its digest alone.
_SHOWN_BYTES = 64 << 10


class RecordingSocket(ssl.SSLSocket):
    """Remembers what was sent and received through it."""

    sent = b""
    received = b""

    def sendall(self, data, flags=0):
        self.sent += bytes(data)
        return super().sendall(data, flags)

    def recv_into(self, buffer, nbytes=None, flags=0):
        count = super().recv_into(buffer, nbytes, flags)
        self.received += bytes(memoryview(buffer)[:count])
        return count

    def take_record(self):
        """What was sent and received since the last call."""
        record = self.sent, self.received
        self.sent, self.received = b"", b""
        return record


class Client(command_loop.Actor):
    """One connection to an HTTPS server."""

    def __init__(self):
        self._connection = None

    def connect(self, command):
        """Connects and shakes hands."""
        context = ssl.create_default_context(cafile=command["certificate"])
        context.sslsocket_class = RecordingSocket
        self._connection = http.client.HTTPSConnection(
            command["address"], command["port"], context=context
        )
        self._connection.connect()
        connected = self._connection.sock
        local, remote = connected.getsockname(), connected.getpeername()
        return {
            "pid": os.getpid(),
            "local": [local[0], local[1]],
            "remote": [remote[0], remote[1]],
            "fd": connected.fileno(),
            "version": connected.version(),
        }

    def request(self, command):
        """Sends one request and reads its response to the end. `chunks` makes its body chunked."""
        body = command_loop.bytes_of(command) if {"file", "bytes"} & command.keys() else None
        if count := command.get("chunks"):
            size = -(-len(body) // count)
            body = iter([body[start : start + size] for start in range(0, len(body), size)])
        connected = self._connection.sock
        self._connection.request(
            command["method"], command["target"], body=body, headers=command.get("headers", {})
        )
        response = self._connection.getresponse()
        content = response.read()
        sent, received = connected.take_record()
        return {
            "status": response.status,
            "sent": _describe(sent),
            "received": _describe(received),
            "content": _describe(content),
        }

    def close(self, _):
        """Ends the connection."""
        self._connection.close()


def _describe(data):
    head_end = data.find(b"\r\n\r\n") + 4
    return {
        "count": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "head": command_loop.encode(data[:head_end]),
        "bytes": command_loop.encode(data) if len(data) <= _SHOWN_BYTES else None,
    }


if __name__ == "__main__":
    sys.exit(command_loop.serve(Client()))
