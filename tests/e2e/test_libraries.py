# SPDX-License-Identifier: Apache-2.0
"""Every OpenSSL and BoringSSL, as a library or inside a program, is found and captured."""

import contextlib
import os
import pathlib
import subprocess

import pytest

import conversation
import native_peers
from conversation import REQUEST, RESPONSE, check_exchanges, shown
from programs_under_trace import missing_programs

_BODY = os.urandom(30000).hex().encode()  # four TLS records


@pytest.fixture(scope="module", name="builder")
def _builder(able_to_capture, session_directory):
    directory = session_directory / "native"
    directory.mkdir()
    return native_peers.Builder(directory)


class Pair:
    """A client and a server with the same library, connected."""

    def __init__(self, build, credentials, stack):
        self.build = build
        self.client = stack.enter_context(native_peers.NativePeer(build, credentials))
        self.server = stack.enter_context(native_peers.NativePeer(build, credentials))
        self.client_end, self.server_end = native_peers.connect(self.client, self.server)

    def talk(self, agent):
        """Exchanges a request and a response, and checks that both were captured at both ends."""
        request = b"POST /%d HTTP/1.1\r\nHost: peer\r\n" % self.client.pid
        request += b"Content-Length: %d\r\n\r\n" % len(_BODY) + _BODY
        response = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(_BODY) + _BODY[::-1]
        native_peers.transfer(self.client, self.server, request)
        native_peers.transfer(self.server, self.client, response)
        check_exchanges(agent, self.client_end, self.server_end, [(request, response)])


def test_all_libraries_are_captured_at_once_in_processes_that_ran_before(
    capture, builder, credentials
):
    with contextlib.ExitStack() as stack:
        pairs = [Pair(builder.build(name), credentials, stack) for name in builder.names]
        with capture() as agent:
            for pair in pairs:
                agent.wait_for_line(f"attached to {pair.build.functions_in}")
            for pair in pairs:
                pair.talk(agent)
            outcome = agent.stop()
        assert outcome.summary.lost_bytes == 0
        attached = [line for line in outcome.stderr.splitlines() if "attached to /" in line]
        assert len(attached) == len(set(attached)), "each file once"


def test_all_libraries_are_attached_to_as_they_are_mapped(capture, builder, credentials):
    with capture("--wait") as agent, contextlib.ExitStack() as stack:
        for name in builder.names:
            pair = Pair(builder.build(name), credentials, stack)
            agent.wait_for_line(f"attached to {pair.build.functions_in}")
            pair.talk(agent)


@pytest.mark.parametrize("name", ["openssl-1.1.1", "boringssl", "static-debugdata"])
def test_the_public_functions_serve_as_well(capture, builder, credentials, name):
    with contextlib.ExitStack() as stack:
        pair = Pair(builder.build(name), credentials, stack)
        with capture("--attach", "public", "--pid", str(pair.client.pid)) as agent:
            request = b"GET / HTTP/1.1\r\nHost: peer\r\n\r\n"
            native_peers.transfer(pair.client, pair.server, request)
            (message,) = conversation.wait_for(agent, pair.client_end, 1)
            assert message.body == request


def test_node_needs_no_option(capture, curl, credentials, scratch):
    if missing_programs("node"):
        pytest.skip("node is not installed")
    script = (
        "const https = require('https'), fs = require('fs');"
        "const options = {key: fs.readFileSync(process.argv[1]),"
        "                 cert: fs.readFileSync(process.argv[2])};"
        "const server = https.createServer(options, (_, response) => response.end('x'.repeat(50000)));"
        "server.listen(0, '127.0.0.1', () => console.log(server.address().port));"
    )
    command = ["node", "-e", script, str(credentials.key), str(credentials.certificate)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as node:
        try:
            port = int(node.stdout.readline())
            with capture() as agent:
                (transfer,) = curl.run(f"https://localhost:{port}/node")

                def find(messages):
                    found = conversation.of_process(messages, node.pid)
                    return found if len(found) >= 2 else None

                request, response = agent.wait_for(find, "node's two messages")
                assert (request.name, response.name) == (REQUEST, RESPONSE)
                assert request.whole and response.whole
                assert request.body == transfer.request_head
                assert shown(response.content) == shown(transfer.body)
        finally:
            node.kill()


def test_a_library_is_named_by_hand(capture, builder, credentials, scratch):
    """Nobody maps it yet, and it lies where nobody would look."""
    build = builder.build("static-symtab")
    copy = scratch / "program"
    copy.write_bytes(pathlib.Path(build.program).read_bytes())
    copy.chmod(0o755)
    with capture("--libssl", str(copy)) as agent, contextlib.ExitStack() as stack:
        agent.wait_for_line(f"attached to {copy}")
        pair = Pair(native_peers.Build(copy, copy), credentials, stack)
        pair.talk(agent)
