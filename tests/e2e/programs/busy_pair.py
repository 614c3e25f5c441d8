# SPDX-License-Identifier: Apache-2.0
"""A server and its clients in forked processes with many threads.

usage: busy_pair.py CERTIFICATE KEY CONNECTIONS ROUNDS

The first process accepts and passes each connection's descriptor to one of the server's processes,
which serves it, duplicated, in a thread; each client is a thread, too. They are forked from one
process, so that their SSL objects have the same addresses. Waits for a line on standard input, and
then prints one line of JSON: for each connection its ends at the client, as getsockname and
getpeername name them, and the ids of both processes. Ends when standard input does.
"""

import json
import os
import socket
import ssl
import sys
import threading

SERVERS = 4
CLIENTS = 2


def content(number, round_number):
    """What is sent and answered on a connection: up to 40 KB, the same in every run."""
    return (b"%d/%d " % (number, round_number)) * (1 + number * 131 % 8000)


def receive(connection, buffer):
    """The head and body of the next HTTP message; what follows stays in `buffer`."""
    while b"\r\n\r\n" not in buffer:
        if not (piece := connection.recv(16384)):
            return None
        buffer += piece
    head, _, rest = bytes(buffer).partition(b"\r\n\r\n")
    length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
    while len(rest) < length:
        rest += connection.recv(16384)
    buffer[:] = rest[length:]
    return head, rest[:length]


def serve(context, descriptor):
    """Answers each request with its own body."""
    plain = socket.socket(fileno=os.dup(descriptor))
    os.close(descriptor)
    connection = context.wrap_socket(plain, server_side=True)
    buffer = bytearray()
    while message := receive(connection, buffer):
        head, body = message
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nX-Target: %s\r\nX-Process: %d\r\nContent-Length: %d\r\n\r\n%s"
            % (head.split()[1], os.getpid(), len(body), body)
        )
    connection.close()


def run_server(context, channel):
    """Serves every descriptor that comes over the channel."""
    while True:
        _, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
        if not descriptors:
            os._exit(0)
        threading.Thread(target=serve, args=(context, descriptors[0]), daemon=True).start()


def talk(context, port, number, rounds, report):
    """One connection of a client."""
    connection = context.wrap_socket(socket.create_connection(("127.0.0.1", port)))
    buffer = bytearray()
    for round_number in range(rounds):
        body = content(number, round_number)
        connection.sendall(
            b"POST /%d/%d HTTP/1.1\r\nHost: pair\r\nContent-Length: %d\r\n\r\n%s"
            % (number, round_number, len(body), body)
        )
        head, answer = receive(connection, buffer)
        assert answer == body
    report[number] = {
        "ends": [connection.getsockname(), connection.getpeername()],
        "client": os.getpid(),
        "server": int(head.split(b"X-Process: ")[1].split(b"\r\n")[0]),
    }
    connection.close()


def run_client(context, port, numbers, rounds, channel):
    """All its connections at once, when told to."""
    channel.recv(1)
    report = {}
    threads = [
        threading.Thread(target=talk, args=(context, port, number, rounds, report))
        for number in numbers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    channel.sendall(json.dumps(report).encode())
    os._exit(0)


def fork(run, *arguments):
    """Runs `run(*arguments, channel)` in a child; this end of the channel."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        try:
            run(*arguments, theirs)
        finally:
            os._exit(1)
    theirs.close()
    return ours


def main():
    """The whole exchange."""
    certificate, key = sys.argv[1:3]
    connections, rounds = map(int, sys.argv[3:])
    identity = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    identity.load_cert_chain(certificate, key)
    trust = ssl.create_default_context(cafile=certificate)
    trust.check_hostname = False
    listener = socket.create_server(("127.0.0.1", 0), backlog=connections)
    port = listener.getsockname()[1]
    servers = [fork(run_server, identity) for _ in range(SERVERS)]
    clients = [
        fork(run_client, trust, port, range(which, connections, CLIENTS), rounds)
        for which in range(CLIENTS)
    ]
    sys.stdin.readline()
    for channel in clients:
        channel.sendall(b"g")
    for count in range(connections):
        accepted, _ = listener.accept()
        socket.send_fds(servers[count % SERVERS], [b"c"], [accepted.fileno()])
        accepted.close()
    report = {}
    for channel in clients:
        report.update(json.loads(b"".join(iter(lambda: channel.recv(65536), b""))))
    print(json.dumps(report), flush=True)
    sys.stdin.read()
    for channel in servers:
        channel.shutdown(socket.SHUT_RDWR)


main()
