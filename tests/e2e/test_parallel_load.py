# SPDX-License-Identifier: Apache-2.0
"""Many connections at once, of forked processes and their threads, are never mixed up."""

import collections

import pytest

from conversation import REQUEST, RESPONSE
from programs_under_trace import PYTHON, programs_directory, working_program
from text_format import READ, WRITE, Endpoint

pytestmark = pytest.mark.host_wide

CONNECTIONS = 200
ROUNDS = 3
# All that is said fits, should the agent get no time while it is said.
RING_MIB = "128"


def target_of(message):
    """The target that a request has and a response repeats."""
    head = message.body.split(b"\r\n\r\n")[0]
    if message.name == REQUEST:
        return head.split()[1]
    return head.split(b"X-Target: ")[1].split(b"\r\n")[0]


def check(message, report):
    """The message is whole, of the right process and connection, and has the right bytes."""
    _, number, round_number = target_of(message).split(b"/")
    connection = report[number.decode()]
    local, remote = (Endpoint(*end) for end in connection["ends"])
    by_client = (message.name == REQUEST) == (message.uuid.data_type == WRITE)
    expected = (local, remote) if by_client else (remote, local)
    assert (message.src, message.dest) == expected, message.header
    assert message.pid == connection["client" if by_client else "server"]
    assert message.whole
    times = 1 + int(number) * 131 % 8000
    assert message.content == b"%s/%s " % (number, round_number) * times


def test_forked_processes_with_threads_and_passed_descriptors(capture, credentials):
    program = str(programs_directory() / "busy_pair.py")
    files = (str(credentials.certificate), str(credentials.key))
    with working_program(PYTHON, program, *files, str(CONNECTIONS), str(ROUNDS)) as (process, work):
        with capture("--pid", str(process.pid), "--ring-mib", RING_MIB) as agent:
            report = work()
            every = 4 * CONNECTIONS * ROUNDS

            def all_messages(messages):
                return list(messages) if len(messages) >= every else None

            messages = agent.wait_for(all_messages, f"{every} messages")
            for message in messages:
                check(message, report)
            counts = collections.Counter(
                (message.name, message.uuid.data_type) for message in messages
            )
            kinds = [(name, way) for name in (REQUEST, RESPONSE) for way in (READ, WRITE)]
            assert counts == {kind: CONNECTIONS * ROUNDS for kind in kinds}
            assert len({message.uuid.socket for message in messages}) == 2 * CONNECTIONS
            assert agent.stop().summary.lost_bytes == 0
