# SPDX-License-Identifier: Apache-2.0
"""An asyncio server and its clients on one thread, over memory BIOs.

usage: asyncio_pair.py CERTIFICATE KEY CONNECTIONS ROUNDS

Waits for a line on standard input; then all connections exchange `ROUNDS` requests and responses at
once; number 7 asks for host7.example. Prints one line of JSON: the connections, as getsockname and getpeername name their ends at the
client. Ends when standard input does.
"""

import asyncio
import json
import ssl
import sys


async def read_message(reader):
    """The head and body of an HTTP message with a Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    return head, await reader.readexactly(length)


async def serve(reader, writer):
    """Answers each request with its own body."""
    try:
        while True:
            head, body = await read_message(reader)
            target = head.split()[1]
            writer.write(
                b"HTTP/1.1 200 OK\r\nX-Target: %s\r\nContent-Length: %d\r\n\r\n%s"
                % (target, len(body), body)
            )
            await writer.drain()
    except asyncio.IncompleteReadError:
        writer.close()


async def talk(port, trust, number, rounds):
    """One client; the ends of its connection."""
    name = f"host{number}.example"
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=trust, server_hostname=name
    )
    body = b"x" * (number * 37 % 20011)
    for round_number in range(rounds):
        target = b"/%d/%d" % (number, round_number)
        writer.write(
            b"POST %s HTTP/1.1\r\nHost: pair\r\nContent-Length: %d\r\n\r\n%s"
            % (target, len(body), body)
        )
        head, answer = await read_message(reader)
        assert target in head and answer == body
    ends = writer.get_extra_info("sockname"), writer.get_extra_info("peername")
    writer.close()
    await writer.wait_closed()
    return ends


async def main():
    """The whole exchange."""
    certificate, key, connections, rounds = sys.argv[1:]
    identity = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    identity.load_cert_chain(certificate, key)
    trust = ssl.create_default_context(cafile=certificate)
    trust.check_hostname = False
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=identity, backlog=512)
    port = server.sockets[0].getsockname()[1]
    talks = [talk(port, trust, number, int(rounds)) for number in range(int(connections))]
    print(json.dumps(await asyncio.gather(*talks)), flush=True)


sys.stdin.readline()
asyncio.run(main())
sys.stdin.read()
