# SPDX-License-Identifier: Apache-2.0
"""Metrics for Prometheus, signs of life, and what a limit on the events does."""

import re
import shutil
import socket
import subprocess

import pytest

import conversation
from conversation import REQUEST, RESPONSE
from deadlines import DEADLINE_S, eventually
from prometheus import parse
from text_format import LOST, RATE_LIMITED
from tlscope import DONE, FAILED

def test_promtool_accepts_the_metrics(site, endpoint, nginx, https_client):
    with site.capture("--pid", str(https_client.pid), "--metrics", endpoint.address):
        https_client.connect(nginx.port)
        https_client.request("GET", "/connection")
        status, text = endpoint.get("/metrics")
        assert status == 200
        assert len(parse(text)) > 50
        if not shutil.which("promtool"):
            pytest.skip("promtool is not installed")
        checked = subprocess.run(
            ["promtool", "check", "metrics"],
            input=text,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_the_counters_agree_with_the_summary(site, endpoint, nginx, https_client):
    with site.capture("--pid", str(https_client.pid), "--metrics", endpoint.address) as agent:
        client = https_client.connect(nginx.port)
        for _ in range(5):
            https_client.request("GET", "/connection")
        conversation.wait_for(agent, client, 10)

        def up_to_date():
            samples = endpoint.samples()
            written = samples['tlscope_sink_written_blocks_total{sink="standard output"}']
            responses = samples['tlscope_messages_total{parser="HTTPResponse"}']
            return samples if (responses, written) == (5, 10) else None

        # The numbers are published a moment after the messages.
        samples = eventually(up_to_date, "the metrics of five exchanges")
        summary = agent.stop().summary
    assert samples["tlscope_kernel_seen_calls_total"] == summary.seen.events
    assert samples["tlscope_kernel_seen_bytes_total"] == summary.seen.bytes
    assert samples["tlscope_data_events_total"] == summary.delivered.events
    assert samples["tlscope_data_bytes_total"] == summary.delivered.bytes
    for name in (REQUEST, RESPONSE):
        key = f'tlscope_messages_total{{parser="{name}"}}'
        assert samples[key] == summary.messages_by_name[name] == 5
    assert samples["tlscope_exchanges_total"] == 5
    assert samples['tlscope_bus_events_published_total{topic="events.http.exchange"}'] == 5
    assert samples['tlscope_sink_written_bytes_total{sink="standard output"}'] == (
        summary.written.bytes
    )
    lost = [value for key, value in samples.items() if "lost_bytes_total" in key]
    assert lost and sum(lost) == summary.lost_bytes == 0
    assert samples["tlscope_workers_active"] == 1
    assert samples["tlscope_libraries_attached"] >= 1


def test_health_follows_the_agent(site, endpoint, https_client):
    with site.capture("--pid", str(https_client.pid), "--metrics", endpoint.address) as agent:
        assert endpoint.get("/healthz") == (200, "ok\n")
        assert site.ctl("pause").returncode == DONE
        assert endpoint.get("/healthz") == (503, "paused\n")
        assert site.ctl("resume").returncode == DONE
        assert endpoint.get("/healthz") == (200, "ok\n")
        assert endpoint.get("/other")[0] == 404
        assert agent.stop().status == DONE
    with pytest.raises(ConnectionRefusedError):
        endpoint.get("/healthz")


def test_an_address_in_use_is_refused(site, https_client):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        agent = site.capture("--pid", str(https_client.pid), "--metrics", address)
        outcome = agent.wait_for_exit()
    assert outcome.status == FAILED
    (line,) = outcome.stderr.splitlines()
    for word in (address, "Address already in use", "give another port"):
        assert word in line
    assert not site.socket().exists()


def test_heartbeats_are_heard(site, https_client):
    with site.capture("--pid", str(https_client.pid), heartbeat=1) as agent:
        topic = "control.health.heartbeat"
        with site.subscribers(["--format", "json", topic]) as (subscriber,):
            events = subscriber.wait_for_events(
                lambda events: events if len(events) >= 2 else None, "two heartbeats"
            )
    assert {(event["topic"], event["kind"]) for event in events} == {(topic, "HEARTBEAT")}
    beats = [event["heartbeat"] for event in events]
    first = beats[0]["beat"]
    assert [beat["beat"] for beat in beats] == list(range(first, first + len(beats)))
    assert {beat["interval_ms"] for beat in beats} == {1000}
    assert {beat["stage"] for beat in beats} == {"capturing"}
    assert beats[0]["uptime_ns"] < beats[1]["uptime_ns"]
    assert agent.pid


def test_what_the_limit_drops_is_counted_and_marked(site, endpoint, nginx, https_client):
    requests = 50
    options = ("--max-events-per-second", "5", "--metrics", endpoint.address)
    with site.capture("--pid", str(https_client.pid), *options) as agent:
        https_client.connect(nginx.port)
        with site.subscribers(
            ["--format", "json", "--kind", "RateLimitTriggered", "#"]
        ) as (subscriber,):
            for _ in range(requests):
                https_client.request("GET", "/connection")

            def dropped():
                return endpoint.samples()["tlscope_bus_events_rate_limited_total"]

            assert eventually(dropped, "the metric of what was dropped") <= 5 * requests
            told = subscriber.wait_for_events(lambda events: events, "the limit is told of")
        outcome = agent.stop()
    match = re.search(
        r"tlscope: bus: (\d+) events dropped by --max-events-per-second", outcome.stderr
    )
    total = int(match[1])
    messages = [message for message in outcome.messages if message.name in (REQUEST, RESPONSE)]
    markers = [message for message in outcome.messages if message.name == RATE_LIMITED]
    assert total > 0 and 0 < len(messages) < 2 * requests
    assert outcome.summary.messages == 2 * requests
    assert outcome.summary.lost_bytes == 0
    assert told[0]["rate_limit_triggered"]["limit_per_second"] == 5
    assert 0 < told[0]["rate_limit_triggered"]["dropped"] <= total
    assert sum(marker.dropped for marker in markers) == total
    assert {marker.limit for marker in markers} == {5}
    assert not [message for message in outcome.messages if message.name == LOST]
