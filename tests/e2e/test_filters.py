# SPDX-License-Identifier: Apache-2.0
"""What a filter names is captured, and nothing else is."""

import contextlib
import os
import pathlib
import subprocess

import pytest

import conversation
import tlscope
from conversation import RESPONSE, check_exchanges_at
from deadlines import eventually
from programs_under_trace import HttpsClient, as_user, connect_peers, transfer
from text_format import WRITE

UIDS = {"root": 0, "nobody": 65534, "daemon": 1}


@pytest.fixture(name="start")
def _start(credentials):
    """Starts an HttpsClient that lives as long as the test."""
    with contextlib.ExitStack() as clients:
        yield lambda **how: clients.enter_context(HttpsClient(credentials, **how))


def check_only(capture, nginx, filters, wanted, unwanted):
    """With `filters`, the wanted HttpsClients are captured and the others are not."""
    with capture(*filters) as agent:
        captured = []
        # Those that must not appear come first: once the others have, their chance has passed.
        for client in (*unwanted, *wanted):
            end = client.connect(nginx.port)
            exchange = client.request("GET", "/connection")
            if client in wanted:
                captured.append((end, (exchange.sent_bytes, exchange.received_bytes)))
        for end, exchange in captured:
            check_exchanges_at(conversation.wait_for(agent, end, 2), end, WRITE, [exchange])
        outcome = agent.stop()
    for client in unwanted:
        assert not conversation.of_process(outcome.messages, client.pid)
    return outcome


def test_a_pid(capture, nginx, start):
    wanted, other = start(), start()
    outcome = check_only(capture, nginx, ("--pid", str(wanted.pid)), [wanted], [other])
    assert {message.pid for message in outcome.messages} == {wanted.pid}
    assert outcome.summary.messages == 2


def test_several_pids(capture, nginx, start):
    first, second, other = start(), start(), start()
    filters = ("--pid", str(first.pid), "--pid", str(second.pid))
    outcome = check_only(capture, nginx, filters, [first, second], [other])
    assert {message.pid for message in outcome.messages} == {first.pid, second.pid}


def test_the_pid_of_a_server(capture, nginx, https_client):
    with capture("--pid", str(nginx.worker_pid)) as agent:
        client = https_client.connect(nginx.port)
        https_client.request("GET", "/connection")
        server = client.peer(nginx.worker_pid, "nginx")
        conversation.wait_for(agent, server, 2)
        outcome = agent.stop()
    assert {message.pid for message in outcome.messages} == {nginx.worker_pid}


@pytest.mark.parametrize(
    "wanted",
    [{"root"}, {"nobody"}, {"root", "nobody"}, {"nobody", "daemon"}],
    ids=lambda users: " and ".join(sorted(users)),
)
def test_users(capture, nginx, start, wanted):
    clients = {user: start(launcher=as_user(uid)) for user, uid in UIDS.items()}
    filters = [word for user in sorted(wanted) for word in ("--uid", str(UIDS[user]))]
    check_only(
        capture,
        nginx,
        filters,
        [client for user, client in clients.items() if user in wanted],
        [client for user, client in clients.items() if user not in wanted],
    )


@pytest.mark.parametrize(
    "wanted",
    [{"alpha"}, {"alpha", "fifteen-letters"}, {"with space"}],
    ids=lambda comms: " and ".join(sorted(comms)),
)
def test_comms(capture, nginx, start, wanted):
    clients = {comm: start() for comm in ("alpha", "alphabet", "fifteen-letters", "with space")}
    for comm, client in clients.items():
        client.ask("rename", comm=comm)
    filters = [word for comm in sorted(wanted) for word in ("--comm", comm)]
    outcome = check_only(
        capture,
        nginx,
        filters,
        [client for comm, client in clients.items() if comm in wanted],
        [client for comm, client in clients.items() if comm not in wanted],
    )
    assert {message.comm for message in outcome.messages} == wanted


def test_a_comm_cannot_forge_a_header_line(capture, nginx, start):
    client = start()
    client.ask("rename", comm="a\nPID:1, Comm")
    with capture("--pid", str(client.pid)) as agent:
        client.connect(nginx.port)
        client.request("GET", "/connection")
        messages = agent.wait_for(lambda seen: seen if len(seen) >= 2 else None, "an exchange")
        assert {message.pid for message in messages} == {client.pid}


def test_different_filters_must_all_agree(capture, nginx, start):
    both, only_pid, only_comm = start(), start(), start()
    both.ask("rename", comm="chosen")
    only_comm.ask("rename", comm="chosen")
    filters = ("--comm", "chosen", "--pid", str(both.pid), "--pid", str(only_pid.pid))
    check_only(capture, nginx, filters, [both], [only_pid, only_comm])


# Runs each line it is given, in a child, and says when that is over.
_SHELL = "while read -r line; do eval \"$line\"; echo done; done"


@contextlib.contextmanager
def shell():
    """A shell, and what has it run a command in a child and wait for it."""
    process = subprocess.Popen(
        ["sh", "-c", _SHELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )

    def run(line):
        process.stdin.write(line + "\n")
        assert process.stdout.readline() == "done\n"

    with process:
        yield process, run
        process.stdin.close()


def test_the_children_of_a_pid(capture, nginx, start, credentials, scratch):
    """Those that were there before the agent, those that come later, and theirs."""
    other = start()
    url = f"https://127.0.0.1:{nginx.port}/connection"
    curl = f"curl -s --http1.1 --cacert {credentials.certificate} -o /dev/null {url}"
    gate = scratch / "gate"
    os.mkfifo(gate)
    with shell() as (process, run):
        run(f"(read -r _ < {gate}; {curl}) &")
        with capture("--pid", str(process.pid)) as agent:
            other.connect(nginx.port)
            other.request("GET", "/connection")
            run(f"echo > {gate}; wait")
            run(curl)
            run(f"sh -c '{curl}; true'")

            def three_exchanges(messages):
                responses = [message for message in messages if message.name == RESPONSE]
                return responses if len(responses) == 3 else None

            agent.wait_for(three_exchanges, "what three children received")
            outcome = agent.stop()
    assert {message.comm for message in outcome.messages} == {"curl"}
    assert len({message.pid for message in outcome.messages}) == 3


@pytest.fixture(name="cgroup")
def _cgroup():
    """A control group, and one in it."""
    mounts = pathlib.Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    root = next(line.split()[1] for line in mounts if line.split()[2] == "cgroup2")
    outer = pathlib.Path(root) / f"tlscope-test-{os.getpid()}"
    inner = outer / "inner"
    inner.mkdir(parents=True)
    yield inner

    def left():
        with contextlib.suppress(OSError):
            inner.rmdir()
        return not inner.exists()

    eventually(left, "the control group is empty")
    outer.rmdir()


@pytest.mark.parametrize("name", ["path", "below the mount point"])
def test_a_control_group_and_those_below_it(capture, nginx, start, cgroup, name):
    wanted, other = start(), start()
    (cgroup / "cgroup.procs").write_text(str(wanted.pid), encoding="ascii")
    outer = cgroup.parent
    argument = str(outer) if name == "path" else outer.name
    check_only(capture, nginx, ("--cgroup", argument), [wanted], [other])
    wanted.ask("close")
    pathlib.Path(cgroup.parent.parent / "cgroup.procs").write_text(str(wanted.pid), "ascii")


def test_no_control_group(able_to_capture):
    result = tlscope.run("capture", "--cgroup", "/nowhere")
    assert result.returncode == 2
    assert "cannot watch control group /nowhere" in result.stderr


def test_ports(capture, nginx, tls_client, tls_server, https_client):
    """Of either end, and with nothing of other connections in the sums."""
    with capture("--port", str(nginx.port), "--port", "1") as agent:
        connect_peers(tls_client, tls_server)
        transfer(tls_client, tls_server, b"GET /other HTTP/1.1\r\n\r\n")
        client = https_client.connect(nginx.port)
        exchange = https_client.request("GET", "/connection")
        server = client.peer(nginx.worker_pid, "nginx")
        exchanges = [(exchange.sent_bytes, exchange.received_bytes)]
        conversation.check_exchanges(agent, client, server, exchanges)
        outcome = agent.stop()
    assert {message.pid for message in outcome.messages} == {client.pid, server.pid}
    both = 2 * (len(exchange.sent_bytes) + len(exchange.received_bytes))
    assert outcome.summary.seen.bytes == outcome.summary.delivered.bytes == both
