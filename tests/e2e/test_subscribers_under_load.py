# SPDX-License-Identifier: Apache-2.0
"""Many subscribers, of whom some do not read and some send nonsense, harm nobody else."""

import contextlib
import pathlib

import pytest

import raw_client
from deadlines import eventually
from ipc import EXCHANGE_TOPIC, REQUEST_TOPIC, RESPONSE_TOPIC
from programs_under_trace import PYTHON, programs_directory, working_program
from raw_client import RawClient, Tally
from tlscope import DONE

pytestmark = pytest.mark.host_wide

SUBSCRIBERS = 50
# Of other subscribers.
READERS = 10
STALLED = 10
CONNECTIONS = 200
# A message says its number up to 8000 times, about 50 MiB in all: the bus's ring of 16 MiB is
# written over several times, so that whoever does not read loses something.
ROUNDS = 3
# At one end; both are captured, and of a request and its response an exchange is made.
MESSAGES = 2 * CONNECTIONS * ROUNDS
EVENTS = 3 * MESSAGES
# All that is said fits, should the agent get no time while it is said.
RING_MIB = "128"
# What those who do not read may make the agent grow: 1 MiB that waits for each, one event beside
# (processor/ipc/ipc_limits.h) and the buffer that this outgrew; and for each who reads what its two
# buffers differ by between two loads; and what the allocator keeps of both, which is more on a
# busy machine. A queue of all there is to read, though they share it, would take 50 MiB.
GROWTH_BOUND_KIB = (3 * STALLED + READERS) << 10
TOPICS = (REQUEST_TOPIC, RESPONSE_TOPIC, EXCHANGE_TOPIC)


@pytest.fixture(scope="session", name="protocol")
def _protocol(session_directory):
    return raw_client.Protocol(session_directory)


def most_memory_kib(pid):
    """The most memory a process has had resident since this was asked before."""
    process = pathlib.Path(f"/proc/{pid}")
    status = (process / "status").read_text(encoding="ascii")
    (process / "clear_refs").write_text("5", encoding="ascii")  # proc(5)
    return int(status.split("VmHWM:")[1].split()[0])


@contextlib.contextmanager
def load(credentials):
    """A program and its children, to be captured; what makes them speak, and their report."""
    program = str(programs_directory() / "busy_pair.py")
    files = (str(credentials.certificate), str(credentials.key))
    with working_program(PYTHON, program, *files, str(CONNECTIONS), str(ROUNDS)) as (process, work):
        yield process, work


def wait_until_all_is_published(endpoint, loads):
    """So that the load is over."""
    count = loads * EVENTS
    eventually(lambda: published(endpoint) >= count, f"{count} events")


def published(endpoint):
    """How many events of TOPICS the agent says there were."""
    samples = endpoint.samples()
    name = "tlscope_bus_events_published_total"
    return sum(samples[f'{name}{{topic="{topic}"}}'] for topic in TOPICS)


def test_who_reads_in_time_misses_nothing(site, nginx, https_client, protocol):
    requests = 200
    with contextlib.ExitStack() as stack:
        agent = stack.enter_context(site.capture("--pid", https_client.pid))
        clients = subscribed(site, protocol, stack, SUBSCRIBERS)
        tallies = [Tally(client) for client in clients]
        https_client.connect(nginx.port)
        for _ in range(requests):
            https_client.request("GET", "/connection")
        assert [tally.wait_for(3 * requests) for tally in tallies] == [0] * SUBSCRIBERS
        outcome = agent.stop()
    assert outcome.status == DONE
    assert outcome.summary.messages == 2 * requests
    assert outcome.summary.lost_bytes == missed_told_by(outcome.stderr) == 0


def subscribed(site, protocol, stack, count):
    """So many RawClients that have subscribed and read nothing yet."""
    clients = [stack.enter_context(RawClient(site.socket(), protocol)) for _ in range(count)]
    for client in clients:
        client.subscribe(*TOPICS)
    return clients


def test_who_does_not_read_harms_nobody(site, endpoint, credentials, protocol, scratch):
    with contextlib.ExitStack() as stack:
        # Into a file, which is never behind: what waits for a pipe is the agent's memory, too.
        printed = stack.enter_context(open(scratch / "printed", "wb"))
        loads = [stack.enter_context(load(credentials)) for _ in range(2)]
        pids = [word for process, _ in loads for word in ("--pid", process.pid)]
        options = (*pids, "--ring-mib", RING_MIB, "--metrics", endpoint.address)
        agent = stack.enter_context(site.capture(*options, stdout=printed))
        readers = subscribed(site, protocol, stack, READERS)
        (_, work), (_, work_again) = loads
        # Whoever reads begins when there is more to read than may wait, so that as much waits for
        # each as ever may: what the agent grows by later is not theirs.
        work()
        wait_until_all_is_published(endpoint, loads=1)
        tallies = [Tally(client) for client in readers]
        for tally in tallies:
            tally.wait_for(EVENTS)
        before = most_memory_kib(agent.pid)

        stalled = subscribed(site, protocol, stack, STALLED)
        assert site.status()["subscriptions"] == READERS + STALLED
        work_again()
        wait_until_all_is_published(endpoint, loads=2)
        missed = [tally.wait_for(2 * EVENTS) for tally in tallies]
        growth = most_memory_kib(agent.pid) - before
        # These read at last, and are told what they missed.
        missed_by_stalled = [Tally(client).wait_for(EVENTS) for client in stalled]
        assert published(endpoint) == 2 * EVENTS
        outcome = agent.stop()
    assert outcome.status == DONE
    assert outcome.summary.lost_bytes == 0
    assert outcome.summary.dropped == 0
    assert outcome.summary.messages == outcome.summary.written.events == 2 * 2 * MESSAGES
    assert min(missed_by_stalled) > 0
    assert missed_told_by(outcome.stderr) == sum(missed) + sum(missed_by_stalled)
    assert growth < GROWTH_BOUND_KIB


def missed_told_by(diagnostics):
    """How many events the agent says that subscribers missed."""
    line = next(line for line in diagnostics.splitlines() if "missed by subscribers" in line)
    return int(line.split(", ")[1].split()[0])


def test_nonsense_ends_only_who_sends_it(site, nginx, https_client, protocol):
    requests = 20
    with site.capture("--pid", str(https_client.pid)) as agent, contextlib.ExitStack() as stack:
        reader = stack.enter_context(RawClient(site.socket(), protocol))
        reader.subscribe(REQUEST_TOPIC)
        tally = Tally(reader)
        https_client.connect(nginx.port)

        half = stack.enter_context(RawClient(site.socket(), protocol))
        half.send(raw_client.varint(100) + b"half of it")
        too_long = raw_client.varint((64 << 10) + 1) + bytes((64 << 10) + 1)
        http = b"GET / HTTP/1.1\r\nHost: agent\r\n" + b"X-Filler: longer than G says\r\n" * 4
        for nonsense in (http, b"\xff" * 4096, b"\x05\xff\xff\xff\xff\xff", too_long):
            https_client.request("GET", "/connection")
            with RawClient(site.socket(), protocol) as client:
                assert client.receive().WhichOneof("body") == "welcome"
                client.send(nonsense)
                answer = client.receive()
                assert answer.error.code == protocol.Error.INVALID
                assert client.receive() is None
        for _ in range(200):
            with RawClient(site.socket(), protocol):
                pass
        for _ in range(requests - 4):
            https_client.request("GET", "/connection")
        status = site.status()
        assert (status["stage"], status["subscriptions"]) == ("capturing", 1)
        assert tally.wait_for(requests) == 0
        outcome = agent.stop()
    assert outcome.status == DONE
    assert outcome.summary.lost_bytes == 0
