# SPDX-License-Identifier: Apache-2.0
"""Options from a file, their reload at SIGHUP, and the report at SIGUSR1."""

import os
import signal

import pytest

import conversation
import tlscope
from deadlines import eventually
from programs_under_trace import connect_peers, transfer

MISUSED = 2
BODY = b"0123456789"
REQUEST = b"POST /part HTTP/1.1\r\nHost: peer\r\nContent-Length: 10\r\n\r\n" + BODY
# What is shown of a cut message ends where the next one begins.
NEXT = b"GET / HTTP/1.1\r\nHost: peer\r\n\r\n"


@pytest.fixture(name="config")
def _config(scratch):
    file = scratch / "tlscope.toml"
    file.touch()
    return file


def kept(message):
    """How many bytes of BODY are in a message, which says itself how many were cut."""
    assert not message.lost
    return len(BODY) - message.cut


def test_a_file_says_what_is_captured_and_the_command_line_goes_first(
    capture, config, tls_client, tls_server
):
    config.write_text(
        f"# who\npid = [\n  {tls_client.pid},\n  {tls_server.pid},\n]\n\n"
        '[capture]\nmax-body = "1KiB"\ntsize = 4 # of a body\n',
        encoding="utf-8",
    )
    with capture("--config", str(config), "--max-body", "3") as agent:
        client, server = connect_peers(tls_client, tls_server)
        transfer(tls_client, tls_server, REQUEST)
        transfer(tls_client, tls_server, NEXT)
        for end in (client, server):
            assert kept(conversation.wait_for(agent, end, 2)[0]) == 3
        outcome = agent.stop()
    assert outcome.status == 0
    assert {message.pid for message in outcome.messages} == {tls_client.pid, tls_server.pid}


@pytest.mark.parametrize(
    "text, words",
    [
        ("wait = true\nprot = 443\n", (":2:1: ", "'prot'", "--help")),
        ("port = 443\nport = 8443\n", (":2:", "'port'", "once")),
        ('port = "https"\n', ("--port", "https")),
        ("[doctor]\n", (":1:2: ", "[capture]")),
        (None, ("No such file",)),
    ],
    ids=["unknown key", "key twice", "wrong value", "unknown table", "missing file"],
)
def test_a_file_that_makes_no_sense_is_refused(config, text, words):
    if text is None:
        config.unlink()
    else:
        config.write_text(text, encoding="utf-8")
    result = tlscope.run("capture", "--config", str(config))
    assert result.returncode == MISUSED
    assert not result.stdout
    (line,) = result.stderr.splitlines()
    for word in (str(config), *words):
        assert word in line


def test_a_reload_changes_what_is_kept_of_bodies_and_a_broken_file_nothing(
    capture, config, tls_client, tls_server
):
    config.write_text("tsize = 8\n", encoding="utf-8")
    pid = str(tls_client.pid)
    with capture("--pid", pid, "--config", str(config)) as agent:
        client, _ = connect_peers(tls_client, tls_server)

        def kept_of_the_next():
            count = len(agent.seen(lambda messages: conversation.at(messages, client)))
            transfer(tls_client, tls_server, REQUEST)
            transfer(tls_client, tls_server, NEXT)
            return kept(conversation.wait_for(agent, client, count + 2)[count])

        assert kept_of_the_next() == 8

        config.write_text("tsize = 5\nport = 443\n", encoding="utf-8")
        agent.ask(signal.SIGHUP)
        agent.wait_for_line("reloaded; tsize is 5, was 8; port needs a restart to change")
        assert kept_of_the_next() == 5

        config.write_text("tsize = 100\nmax-body\n", encoding="utf-8")
        agent.ask(signal.SIGHUP)
        assert str(config) in agent.wait_for_line("nothing changed")
        assert kept_of_the_next() == 5

        config.write_text("tsize = 100\nmax-body = 2\n", encoding="utf-8")
        agent.ask(signal.SIGHUP)
        agent.wait_for_line("max-body is 2, was 0")
        assert kept_of_the_next() == 2

        config.write_text("headers-only = true\n", encoding="utf-8")
        agent.ask(signal.SIGHUP)
        agent.wait_for_line("headers-only is true, was false")
        assert kept_of_the_next() == 0
        assert agent.stop().status == 0


def test_sigusr1_prints_how_the_agent_is(capture, tls_client, tls_server):
    with capture("--pid", str(tls_client.pid)) as agent:
        client, _ = connect_peers(tls_client, tls_server)
        transfer(tls_client, tls_server, REQUEST)
        conversation.wait_for(agent, client, 1)

        def report_shows_the_connection():
            agent.ask(signal.SIGUSR1)
            return agent.count_lines("connections    1 followed")

        # The numbers are published a moment after the message.
        eventually(report_shows_the_connection, "a report with the connection")
        agent.wait_for_line(f"process {agent.pid} on {os.uname().nodename}")
        agent.wait_for_line(f" {tls_client.pid} {client.comm}")
        agent.wait_for_line("log-level             info")
        assert agent.stop().status == 0
