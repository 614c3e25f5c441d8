# SPDX-License-Identifier: Apache-2.0
"""One end of a TLS connection, told call by call what to send and receive.

Every `send` is one call of SSL_write_ex, every `receive` as many of SSL_read_ex as it takes.
"""

import os
import socket
import ssl
import sys

import command_loop


class Peer(command_loop.Actor):
    """A client after `connect`, a server after `listen` and `accept`."""

    def __init__(self):
        self._listener = None
        self._connection = None

    def listen(self, command):
        """Opens a port of the system's choice. With `buffer`, the system keeps about so many bytes
        that were not received yet."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(command["certificate"], command["key"])
        address = command["address"]
        plain = socket.create_server(
            (address, 0),
            family=socket.AF_INET6 if ":" in address else socket.AF_INET,
            dualstack_ipv6=address.startswith("::ffff:"),
        )
        if "buffer" in command:  # those accepted have it from the first byte
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, command["buffer"])
        self._listener = context.wrap_socket(plain, server_side=True)
        return {"port": self._listener.getsockname()[1]}

    def accept(self, _):
        """Waits for a client and shakes hands."""
        self._connection, _ = self._listener.accept()
        return self._describe()

    def connect(self, command):
        """Connects and shakes hands, where it is `lazy` only when there is something to send. With
        `timeout`, OpenSSL sees a non-blocking socket; with `buffer`, the system keeps about so many
        bytes to be sent."""
        context = ssl.create_default_context(cafile=command["certificate"])
        if command.get("tls") == "1.2":
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        plain = socket.create_connection((command["address"], command["port"]))
        if "buffer" in command:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, command["buffer"])
        plain.settimeout(command.get("timeout"))
        self._connection = context.wrap_socket(
            plain,
            server_hostname="localhost",
            do_handshake_on_connect=not command.get("lazy", False),
        )
        return self._describe()

    def send(self, command):
        """Sends bytes in one call."""
        data = command_loop.bytes_of(command)
        return {"count": self._connection.send(data)}

    def offer(self, command):
        """Tries once to send bytes, without waiting for the system to take them; whether it did."""
        self._connection.setblocking(False)
        try:
            self._connection.send(command_loop.bytes_of(command))
            return {"sent": True}
        except ssl.SSLWantWriteError:
            return {"sent": False}
        finally:
            self._connection.setblocking(True)

    def receive(self, command):
        """Receives `count` bytes, or fewer where they end, by `slice` bytes at a time."""
        received = bytearray()
        while len(received) < command["count"]:
            wanted = min(command.get("slice", 1 << 16), command["count"] - len(received))
            piece = self._connection.recv(wanted)
            if not piece:
                break
            received += piece
        return {"bytes": command_loop.encode(received)}

    def close(self, _):
        """Ends the connection without waiting for the other side."""
        self._connection.close()

    def _describe(self):
        local, remote = self._connection.getsockname(), self._connection.getpeername()
        return {
            "pid": os.getpid(),
            "local": [local[0], local[1]],
            "remote": [remote[0], remote[1]],
            "fd": self._connection.fileno(),
            "version": self._connection.version(),
        }


if __name__ == "__main__":
    sys.exit(command_loop.serve(Peer()))
