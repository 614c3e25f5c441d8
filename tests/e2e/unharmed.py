# SPDX-License-Identifier: Apache-2.0
"""Whether programs end as they do without an agent, and whether what they said is shown."""

import collections
import dataclasses
import os
import re
import subprocess

import conversation
from conversation import REQUEST, RESPONSE
from deadlines import DEADLINE_S
from tlscope import Count

# What every capture here that leaves a program out would capture: nobody has this name.
LEFT_OUT = ("--comm", "nobody-s-name")

_TARGET = re.compile(rb"GET /connection\?(\d+)\.(\d+)\.(\d+) HTTP/1\.1\r\nHost: x\r\n\r\n")
_ANSWER = re.compile(rb"127\.0\.0\.1 (\d+) 127\.0\.0\.1 (\d+) \d+")
_TALE = re.compile(r"connection (\d+): (\d+) requests, (\d+) answers")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a program ended."""

    status: int
    stdout: str
    stderr: str


class Waiting:
    """A program that has started and waits for a line on stdin, with which it begins."""

    def __init__(self, *command, environment=None):
        self._process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})},
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self):
        """Of the process."""
        return self._process.pid

    def run(self):
        """Lets it begin and waits until it has ended."""
        stdout, stderr = self._process.communicate("begin\n", timeout=DEADLINE_S)
        return Outcome(self._process.returncode, stdout, stderr)


def check_unharmed(capture, start, control, left_writes=None):
    """The Waiting that `start()` makes ends as that of `control()`, which no agent can see, both
    when an agent leaves it out and when it captures it. What was captured of it, and what it
    printed. Nothing is lost but the Count of `left_writes`, which had sent something by then."""
    with control() as program:
        expected = program.run()
    assert (expected.status, expected.stderr) == (0, ""), f"without an agent: {expected}"
    with start() as program, capture(*LEFT_OUT) as agent:
        left_out = program.run()
        assert left_out == expected, f"left out by an agent: {left_out}"
        assert not agent.stop().messages
    with start() as program, capture("--pid", str(program.pid)) as agent:
        captured = program.run()
        assert captured == expected, f"captured by an agent: {captured}"
        outcome = agent.stop()  # all that it said until then is captured and printed
    left = left_writes or Count(0, 0)
    assert outcome.summary.unfinished == left, outcome.stderr
    assert outcome.summary.lost_bytes == left.bytes, outcome.stderr
    return conversation.of_process(outcome.messages, program.pid), expected.stdout


def check_said(messages, port, told):
    """`messages` are those that a program says in `told` to have said to the server at `port` and to
    have heard of it, each once, with the right ends or none."""
    expected, answers = [], collections.Counter()
    for number, requests, heard in _TALE.findall(told):
        expected += [(int(number), index) for index in range(int(requests))]
        answers[int(number)] = int(heard)
    said, number_of, heard = [], {}, []
    for message in messages:
        assert message.whole, message.header
        if message.name == REQUEST:
            number, index, own_port = map(int, _TARGET.fullmatch(message.body).groups())
            said.append((number, index))
            number_of[own_port] = number
        else:
            assert message.name == RESPONSE
            own_port, servers_port = map(int, _ANSWER.fullmatch(message.content).groups())
            assert servers_port == port
            heard.append(own_port)
        if message.src is not None:
            ends = (message.src.port, message.dest.port)
            assert ends == (own_port, port), f"another's ends: {message.header}"
    assert sorted(said) == sorted(expected), f"said {sorted(expected)}, shown {sorted(said)}"
    counted = collections.Counter(number_of[own_port] for own_port in heard)
    assert counted == +answers, f"heard {answers}, shown {counted}"
