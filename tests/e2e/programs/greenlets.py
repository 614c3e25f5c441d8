# SPDX-License-Identifier: Apache-2.0
"""An HTTPS server and its clients, a greenlet each, which yield in callbacks within SSL calls.

usage: greenlets.py CERTIFICATE KEY

Greenlets share a stack: whichever runs has its frames copied there, so that calls of several that
are under way at a time have one stack pointer. Every server yields while its handshake looks at the
client's server name, until all handshakes are that far; then everybody yields in the callback that
tells of each record, within SSL_read and SSL_write. Each request has a size of its own, and its
answer another. Waits for a line on stdin, and prints how many answers came.
"""

import functools
import signal
import ssl
import sys

import gevent
import gevent.event
import gevent.server
import gevent.socket
import gevent.ssl

CLIENTS = 12
ROUNDS = 3
DEADLINE_S = 60


def content(number, round_number, length):
    """What nobody else says."""
    return (b"%d/%d " % (number, round_number) * length)[:length]


def request(number, round_number):
    """Of a client."""
    body = content(number, round_number, 1 + 700 * number + 90 * round_number)
    return (
        b"POST /%d/%d HTTP/1.1\r\nHost: greenlets\r\nContent-Length: %d\r\n\r\n%s"
        % (number, round_number, len(body), body)
    )


def response(number, round_number):
    """To it."""
    body = content(number, round_number, 1 + 500 * (CLIENTS - number) + 70 * round_number)
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def receive(connection, buffer):
    """The next message's first line and all of its bytes; None at the end."""
    while b"\r\n\r\n" not in buffer:
        if not (piece := connection.recv(16384)):
            return None
        buffer += piece
    end = buffer.index(b"\r\n\r\n") + 4
    end += int(buffer.split(b"Content-Length: ")[1].split(b"\r\n")[0])
    while len(buffer) < end:
        buffer += connection.recv(16384)
    message = bytes(buffer[:end])
    del buffer[:end]
    return message.split(b"\r\n")[0], message


def yield_within(*_):
    """Called for each record that is read or written."""
    gevent.sleep(0)


class Gathering:
    """Lets nobody go on before so many are there."""

    def __init__(self, count):
        self._missing = count
        self._complete = gevent.event.Event()

    def join(self, *_):
        """Yields until everybody has joined."""
        self._missing -= 1
        if self._missing == 0:
            self._complete.set()
        assert self._complete.wait(DEADLINE_S)


def serve(plain, _, identity):
    """Answers each request."""
    connection = identity.wrap_socket(plain, server_side=True)
    buffer = bytearray()
    while message := receive(connection, buffer):
        line, whole = message
        number, round_number = map(int, line.split()[1][1:].split(b"/"))
        assert whole == request(number, round_number)
        connection.sendall(response(number, round_number))
    connection.close()


def talk(trust, port, number):
    """One connection of a client; how many answers were right."""
    plain = gevent.socket.create_connection(("127.0.0.1", port))
    connection = trust.wrap_socket(plain, server_hostname="localhost")
    buffer, right = bytearray(), 0
    for round_number in range(ROUNDS):
        connection.sendall(request(number, round_number))
        _, answer = receive(connection, buffer)
        right += answer == response(number, round_number)
    connection.close()
    return right


def main():
    """The whole conversation."""
    certificate, key = sys.argv[1:]
    identity = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    identity.load_cert_chain(certificate, key)
    identity.sni_callback = Gathering(CLIENTS).join
    trust = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.load_verify_locations(certificate)
    for context in (identity, trust):
        context._msg_callback = yield_within  # the only hook there is within these calls
    sys.stdin.readline()
    signal.alarm(DEADLINE_S)
    server = gevent.server.StreamServer(
        ("127.0.0.1", 0), functools.partial(serve, identity=identity), backlog=CLIENTS
    )
    server.start()
    clients = [gevent.spawn(talk, trust, server.server_port, number) for number in range(CLIENTS)]
    gevent.joinall(clients, raise_error=True)
    server.stop()
    print(f"{sum(client.get() for client in clients)} answers")


if __name__ == "__main__":
    main()
