# SPDX-License-Identifier: Apache-2.0
"""`tlscope subscribe` prints what a running agent has to say, as it comes and from its history."""

import signal

import pytest

import ipc
import tlscope
from conversation import REQUEST, RESPONSE
from deadlines import eventually
from ipc import EXCHANGE_TOPIC, REQUEST_TOPIC, RESPONSE_TOPIC
from tlscope import DONE, FAILED, MISUSED, check_refused

TRAFFIC_KINDS = {
    "CONNECTION_OPENED",
    "MESSAGE_DECODED",
    "EXCHANGE_COMPLETED",
    "CONNECTION_CLOSED",
}
JSON = ("--format", "json")
MESSAGES = (REQUEST_TOPIC, RESPONSE_TOPIC)


def of_process(events, pid):
    """The events of the connections of a process."""
    return [event for event in events if event.get("connection", {}).get("pid") == pid]


def whole_story(events, pid):
    """The events of a process whose connection was closed again; None until then."""
    found = of_process(events, pid)
    return found if TRAFFIC_KINDS <= {event["kind"] for event in found} else None


def history_of_curl(site, nginx, curl):
    """Has curl fetch something; its process id and the events of it that the agent kept."""
    (transfer,) = curl.run(nginx.url("/connection"))
    pid = transfer.end.pid
    story = eventually(lambda: whole_story(site.history("events.#"), pid), "the connection's end")
    return pid, story


def test_the_events_of_a_request_belong_together(site, nginx, curl):
    with site.capture("--comm", "curl", "--tag", "site=here"):
        with site.subscribers([*JSON, "events.#"]) as (subscriber,):
            (transfer,) = curl.run(nginx.url("/connection"))
            pid = transfer.end.pid
            story = subscriber.wait_for_events(
                lambda events: whole_story(events, pid), "the connection from its start to its end"
            )
    by_kind = {event["kind"]: event for event in story}
    request, response = (event for event in story if event["kind"] == "MESSAGE_DECODED")
    opened, exchange = by_kind["CONNECTION_OPENED"], by_kind["EXCHANGE_COMPLETED"]
    closed = by_kind["CONNECTION_CLOSED"]
    root = opened["correlation"]["id"]

    assert (request["topic"], response["topic"]) == MESSAGES
    assert request["message_decoded"]["head"].encode() == transfer.request_head
    assert response["message_decoded"]["body"].encode() == transfer.body
    for event in (request, response):
        assert event["correlation"]["id"] == exchange["correlation"]["id"] != root
        assert event["correlation"]["parent_id"] == root
        assert event["connection"]["uuid"].rsplit("_", 1)[1].rjust(16, "0") == root
    assert exchange["exchange_completed"]["status"] == 200
    assert exchange["exchange_completed"]["method"] == "GET"
    assert closed["correlation"]["id"] == root
    for event in story:
        assert event["correlation"]["root_id"] == root
        assert event["correlation"]["tags"] == ["site=here"]
        assert event["connection"]["comm"] == "curl"
        assert event["connection"]["local"] == str(transfer.end.local)
    sequences = [event["correlation"]["sequence"] for event in story]
    assert sequences == sorted(set(sequences))
    assert story.index(opened) == 0 and story[-1] == closed


@pytest.mark.parametrize(
    "output, topics",
    [("text", MESSAGES), ("line", (EXCHANGE_TOPIC, "events.tls.lost"))],
)
def test_messages_are_printed_as_capture_prints_them(
    site, nginx, https_client, scratch, output, topics
):
    nginx.add_file("long", bytes(range(32, 127)) * 2000)
    captured = scratch / "captured"
    with open(captured, "wb") as file:
        pid = ("--pid", str(https_client.pid))
        with site.capture(*pid, "--format", output, stdout=file) as agent:
            with site.subscribers(["--format", output, "--no-reconnect", *topics]) as (subscriber,):
                https_client.connect(nginx.port)
                for target in ("/connection", "/long", "/chunked/long", "/missing"):
                    https_client.request("GET", target)
                assert agent.stop().status == DONE
                status, printed, diagnostics = subscriber.wait_for_exit()
    assert (status, diagnostics) == (DONE, "tlscope: the agent 'default' has ended\n")
    assert printed.count(b" 200 ") >= 3
    assert printed == captured.read_bytes()


def test_only_what_is_asked_for_is_printed(site, nginx, curl):
    of_curl = ("--comm", "curl", "--port", nginx.port)
    with site.capture(*of_curl, "--tag", "tier=edge"):
        before = ipc.now()
        pid, story = history_of_curl(site, nginx, curl)
        between = ipc.now()
        later_pid, _ = history_of_curl(site, nginx, curl)

        def pids(*words, topic="events.#"):
            events = site.history(*words, topic)
            return {event["connection"]["pid"] for event in events if "connection" in event}

        exchange = next(event for event in story if event["kind"] == "EXCHANGE_COMPLETED")
        of_exchange = site.history("--correlation", exchange["correlation"]["id"], "events.#")
        assert {event["kind"] for event in of_exchange} == {"MESSAGE_DECODED", "EXCHANGE_COMPLETED"}
        assert {event["connection"]["pid"] for event in of_exchange} == {pid}
        of_root = site.history("--correlation", "0x" + exchange["correlation"]["root_id"], "#")
        assert of_root == story

        kinds = ("--kind", "ConnectionOpened", "--kind", "ConnectionClosed")
        assert {event["kind"] for event in site.history(*kinds, "#")} == {
            "CONNECTION_OPENED",
            "CONNECTION_CLOSED",
        }
        assert pids("--tag", "comm=curl") == {pid, later_pid}
        assert pids("--tag", "comm=curl", "--tag", f"pid={pid}") == {pid}
        assert pids("--tag", "tier=edge", "--tag", "comm=curl") == {pid, later_pid}
        assert not site.history("--tag", "comm=wget", "#")
        assert not site.history("--tag", "tier=core", "#")
        assert pids("--stage", "capturing") == {pid, later_pid}
        assert not pids("--stage", "attaching")
        assert pids("--since", before) == {pid, later_pid}
        assert pids("--since", between) == {later_pid}
        # The last --until counts: site.history gives one, too.
        assert pids("--until", between) == {pid}
        assert not pids("--until", before)
        assert pids("--since", "-1h", topic=EXCHANGE_TOPIC) == {pid, later_pid}


        def latest(history, count, topic):
            words = ("--history", history, "--count", count, *JSON, topic)
            return ipc.events_in(site.subscribe(*words).stdout.encode())

        (exchange,) = latest(1, 1, EXCHANGE_TOPIC)
        assert exchange["connection"]["pid"] == later_pid
        assert len(latest(9, 3, "events.+.+")) == 3


@pytest.mark.parametrize(
    "words, told",
    [
        (["events.#.data"], ("events.#.data",)),
        (["events..data"], ("events..data",)),
        (["nothing.here"], ("nothing.here",)),
        (["--kind", "MessageSent", "#"], ("MessageSent", "MessageDecoded")),
        (["--correlation", "xyz", "#"], ("xyz", "hexadecimal")),
        (["--since", "yesterday", "#"], ("yesterday", "-5m")),
        (["--format", "xml", "#"], ("xml", "json")),
        ([], ("topic",)),
    ],
    ids=["hash", "empty level", "no topic", "kind", "id", "time", "format", "nothing"],
)
def test_a_wish_that_makes_no_sense_is_refused(site, https_client, words, told):
    with site.capture("--pid", str(https_client.pid)):
        check_refused(site.subscribe(*words), MISUSED, *told)


def test_where_no_agent_is_the_remedy_is_told(site):
    socket = str(site.socket())
    check_refused(site.subscribe("events.#"), FAILED, socket, "tlscope capture", "--instance")
    check_refused(site.ctl("status"), FAILED, socket, "tlscope capture", "--instance")


def test_a_reader_that_goes_ends_the_subscriber_quietly(site, nginx, https_client):
    with site.capture("--pid", str(https_client.pid)):
        https_client.connect(nginx.port)
        command = [str(tlscope.binary()), "subscribe", "--runtime-dir", str(site.runtime_dir)]
        with ipc.piped_to_head([*command, *JSON, REQUEST_TOPIC]) as pipeline:
            eventually(
                lambda: https_client.request("GET", "/connection") and not pipeline.running(),
                "the subscriber notices that nobody reads",
            )
            status, printed, diagnostics = pipeline.finish()
    assert (status, diagnostics) == (DONE, "")
    (request,) = ipc.events_in(printed)
    assert request["message_decoded"]["target"] == "/connection"


def test_subscribers_outlive_an_agent_that_is_killed(site, nginx, https_client):
    pid = ("--pid", str(https_client.pid))
    line_of_loss = "tlscope: the agent 'default' has gone; waiting until it is back\n"
    https_client.connect(nginx.port)

    def requested(target, events):
        wanted = [event for event in events if event["message_decoded"].get("target") == target]
        return {event["topic"] for event in wanted} == {REQUEST_TOPIC}

    with site.capture(*pid) as first, site.subscribers(*[[*JSON, *MESSAGES]] * 3) as subscribers:
        https_client.request("GET", "/connection?first")
        for subscriber in subscribers:
            subscriber.wait_for_events(
                lambda events: requested("/connection?first", events), "the first request"
            )
        first.stop(signal.SIGKILL)
        assert site.socket().is_socket()
        for subscriber in subscribers:
            subscriber.stderr.wait_for(lambda said: said.decode() == line_of_loss, line_of_loss)
        with site.capture(*pid) as second:
            back = line_of_loss + "tlscope: the agent 'default' is back\n"
            for subscriber in subscribers:
                subscriber.stderr.wait_for(lambda said: said.decode() == back, back)
            https_client.request("GET", "/connection?second")
            for subscriber in subscribers:
                subscriber.wait_for_events(
                    lambda events: requested("/connection?second", events), "the second request"
                )
            outcome = second.stop()
    assert outcome.status == DONE
    assert outcome.summary.messages_by_name == {REQUEST: 1, RESPONSE: 1}
    assert not site.socket().exists()
