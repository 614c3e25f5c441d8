# SPDX-License-Identifier: Apache-2.0
"""`tlscope ctl` asks and commands a running agent; several agents on a host keep apart."""

import json

import conversation
from conversation import REQUEST, RESPONSE
from deadlines import eventually
from programs_under_trace import connect_peers, transfer
from text_format import LOST
from tlscope import DONE, FAILED, MISUSED, check_refused

ASKED = b"GET /%s HTTP/1.1\r\nHost: peer\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
POSTED = b"POST /part HTTP/1.1\r\nHost: peer\r\nContent-Length: 10\r\n\r\n0123456789"
LOSSES = {
    "ring full",
    "map full",
    "unreadable memory",
    "over --max-payload",
    "sent by SSL_sendfile",
    "paused",
    "unfinished writes",
    "calls that began unseen",
    "records without plaintext (ring full)",
    "calls that never ended",
    "calls that cannot be told apart",
    "undecodable records",
    "over --tsize or --max-body",
    "unpaired halves of exchanges",
    "connections evicted",
    "handshakes evicted",
    "over --max-events-per-second",
}


def done(result):
    """What a command that worked said."""
    assert (result.returncode, result.stderr) == (DONE, "")
    return result.stdout


def test_the_status_says_how_the_agent_is(site, nginx, https_client):
    with site.capture("--pid", str(https_client.pid)) as agent:
        client = https_client.connect(nginx.port)
        exchange = https_client.request("GET", "/connection")
        moved = exchange.sent["count"] + exchange.received["count"]
        conversation.wait_for(agent, client, 2)

        def up_to_date():
            status = site.status()
            return status if status["messages"] == 2 else None

        # The numbers are published a moment after the messages.
        status = eventually(up_to_date, "a status with both messages")
        assert (status["instance"], status["pid"]) == ("default", agent.pid)
        assert (status["stage"], status["connections"]) == ("capturing", 1)
        assert status["uptime_ns"] > 0
        assert status["bytes"] == moved
        assert https_client.ask("library")["path"] in [each["path"] for each in status["libraries"]]
        assert {"pid": https_client.pid, "comm": client.comm} in status["processes"]
        assert {loss["cause"] for loss in status["losses"]} == LOSSES
        assert sum(loss["events"] + loss["bytes"] for loss in status["losses"]) == 0
        (output,) = status["sinks"]
        assert (output["name"], output["written_blocks"]) == ("standard output", 2)
        assert (status["clients"], status["subscriptions"]) == (1, 0)
        assert {"key": "heartbeat", "value": "0"} in status["settings"]

        text = done(site.ctl("status"))
        lines = [line.split(None, 1) for line in text.splitlines()]
        assert ["messages", lines[3][1]] == lines[3] and lines[3][1].startswith("2, ")
        assert lines[0][1].startswith("tlscope ") and f"process {agent.pid} on" in lines[0][1]
        for word in (f"{moved} bytes", f"{https_client.pid} {client.comm}", *LOSSES):
            assert word in text


def test_nothing_is_captured_while_paused(site, tls_client, tls_server):
    with site.capture("--pid", str(tls_client.pid)) as agent:
        client, _ = connect_peers(tls_client, tls_server)

        def exchange(name):
            transfer(tls_client, tls_server, ASKED % name)
            transfer(tls_server, tls_client, ANSWER)
            return len(ASKED % name) + len(ANSWER)

        captured = exchange(b"before")
        conversation.wait_for(agent, client, 2)
        assert done(site.ctl("pause")).startswith("paused; 1 connection is followed")
        assert site.status()["stage"] == "paused"
        assert done(site.ctl("pause")).startswith("already paused")
        paused = exchange(b"between")
        said = done(site.ctl("resume"))
        assert said == f"resumed; {paused} bytes of plaintext passed in the meantime\n"
        assert site.status()["stage"] == "capturing"
        assert done(site.ctl("resume")) == "not paused\n"
        captured += exchange(b"after")
        conversation.wait_for(agent, client, 4)
        outcome = agent.stop()
    messages = conversation.at(outcome.messages, client)
    assert conversation.names(messages) == [REQUEST, RESPONSE] * 2
    assert [message.body for message in messages] == [
        ASKED % b"before",
        ANSWER,
        ASKED % b"after",
        ANSWER,
    ]
    assert sum(message.lost for message in outcome.messages if message.name == LOST) == paused
    assert outcome.summary.paused.bytes == outcome.summary.lost_bytes == paused
    assert outcome.summary.seen.bytes == captured + paused
    assert outcome.summary.delivered.bytes == captured


def test_a_stopped_agent_writes_what_it_has(site, tls_client, tls_server, scratch):
    log = scratch / "events.jsonl"
    with site.capture("--pid", str(tls_client.pid), "--event-log", str(log)) as agent:
        client, _ = connect_peers(tls_client, tls_server)
        transfer(tls_client, tls_server, POSTED[:-4])
        assert done(site.ctl("stop")).startswith("stopping")
        outcome = agent.wait_for_exit()
    assert outcome.status == DONE
    assert outcome.summary.seen.bytes == len(POSTED) - 4
    (message,) = conversation.at(outcome.messages, client)
    assert message.incomplete and message.body == POSTED[:-4]
    events = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    (completed,) = [event for event in events if event.get("kind") == "CAPTURE_COMPLETED"]
    assert completed["capture_completed"] == {
        "messages": 1,
        "bytes": len(POSTED) - 4,
        "reason": "command",
    }
    commands = [event for event in events if event.get("kind") == "COMMAND_RECEIVED"]
    assert [event["command_received"]["command"] for event in commands] == ["stop"]


def test_options_are_set_while_it_runs(site, tls_client, tls_server):
    with site.capture("--pid", str(tls_client.pid)) as agent:
        client, _ = connect_peers(tls_client, tls_server)
        assert done(site.ctl("set", "tsize", "4")) == "tsize is 4, was 16777216\n"
        assert json.loads(done(site.ctl("--json", "set", "tsize", "4")))["text"] == (
            "tsize is already 4"
        )
        transfer(tls_client, tls_server, POSTED)
        transfer(tls_client, tls_server, ASKED % b"next")  # what is shown of the cut one ends here
        message = conversation.wait_for(agent, client, 2)[0]
        assert message.cut == 6
        assert {"key": "tsize", "value": "4"} in site.status()["settings"]

        check_refused(site.ctl("set", "port", "443"), MISUSED, "restart", "--port", "tsize")
        check_refused(site.ctl("set", "tsize", "some"), MISUSED, "some")
        check_refused(site.ctl("reload"), MISUSED, "--config")
        check_refused(site.ctl("sleep"), MISUSED, "--help")
        assert {"key": "tsize", "value": "4"} in site.status()["settings"]


def test_a_configuration_file_is_read_again(site, scratch, https_client):
    config = scratch / "tlscope.toml"
    config.write_text("tsize = 8\n", encoding="utf-8")
    with site.capture("--pid", str(https_client.pid), "--config", str(config)):
        config.write_text("tsize = 5\n", encoding="utf-8")
        assert done(site.ctl("reload")) == "reloaded; tsize is 5, was 8\n"
        config.write_text("tsize\n", encoding="utf-8")
        check_refused(site.ctl("reload"), MISUSED, str(config))
        assert {"key": "tsize", "value": "5"} in site.status()["settings"]


def test_agents_of_different_names_are_both_reachable(site, https_client):
    pid = ("--pid", str(https_client.pid))
    with site.capture(*pid, "--instance", "one") as one:
        with site.capture(*pid, "--instance", "two") as two:
            assert site.status("one")["pid"] == one.pid
            assert site.status("two")["pid"] == two.pid
            assert done(site.ctl("--instance", "one", "stop"))
            assert one.wait_for_exit().status == DONE
            assert site.status("two")["pid"] == two.pid
            check_refused(site.ctl("--instance", "one", "status"), FAILED, "'one'", "--instance")


def test_a_name_is_used_once(site, nginx, https_client):
    pid = ("--pid", str(https_client.pid))
    in_use = "is running, pid %d"
    with site.capture(*pid, "--instance", "default") as first:
        second = site.capture(*pid, "--instance", "default").wait_for_exit()
        assert second.status == FAILED
        assert in_use % first.pid in second.stderr and "--instance" in second.stderr
        assert "ready: attached" not in second.stderr

        # Nobody chose the name: to capture matters more.
        with site.capture(*pid) as third:
            warning = third.wait_for_line("; this agent cannot be controlled from outside")
            assert in_use % first.pid in warning
            assert site.status()["pid"] == first.pid
            client = https_client.connect(nginx.port)
            https_client.request("GET", "/connection")
            assert len(conversation.wait_for(third, client, 2)) == 2
            assert third.stop().status == DONE
        assert site.status()["pid"] == first.pid


def test_without_a_socket_it_captures_all_the_same(site, nginx, https_client):
    with site.capture("--pid", str(https_client.pid), "--no-ipc") as agent:
        client = https_client.connect(nginx.port)
        https_client.request("GET", "/connection")
        conversation.wait_for(agent, client, 2)
        assert not site.runtime_dir.exists()
        check_refused(site.ctl("status"), FAILED, str(site.socket()), "tlscope capture")
        assert agent.stop().status == DONE
