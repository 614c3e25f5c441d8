# SPDX-License-Identifier: Apache-2.0
"""Every OpenSSL and BoringSSL, as a library or inside a program, is found and captured."""

import contextlib
import os
import subprocess

import pytest

import conversation
import native_peers
from conversation import REQUEST, RESPONSE, shown
from programs_under_trace import missing_programs

_BODY = os.urandom(30000).hex().encode()  # four TLS records


def test_all_libraries_are_captured_at_once_in_processes_that_ran_before(
    capture, builder, credentials
):
    with contextlib.ExitStack() as stack:
        builds = [builder.build(name) for name in builder.names]
        pairs = [native_peers.Pair(build, credentials, stack) for build in builds]
        with capture() as agent:
            for pair in pairs:
                agent.wait_for_line(f"attached to {pair.build.functions_in}")
            for pair in pairs:
                pair.talk(agent, _BODY)
            outcome = agent.stop()
        attached = [line for line in outcome.stderr.splitlines() if "attached to /" in line]
        assert len(attached) == len(set(attached)), "each file once"


def test_all_libraries_are_attached_to_as_they_are_mapped(capture, builder, credentials):
    with capture("--wait") as agent, contextlib.ExitStack() as stack:
        for name in builder.names:
            pair = native_peers.Pair(builder.build(name), credentials, stack)
            agent.wait_for_line(f"attached to {pair.build.functions_in}")
            pair.talk(agent, _BODY)


def test_the_public_functions_serve_as_well(capture, builder, credentials):
    with contextlib.ExitStack() as stack:
        pair = native_peers.Pair(builder.build("boringssl"), credentials, stack)
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
        "const answer = (_, response) => response.end('x'.repeat(50000));"
        "const server = https.createServer(options, answer);"
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
    build = builder.copy("static-symtab", scratch)
    with capture("--libssl", str(build.program)) as agent, contextlib.ExitStack() as stack:
        agent.wait_for_line(f"attached to {build.program}")
        pair = native_peers.Pair(build, credentials, stack)
        pair.talk(agent, _BODY)
