# SPDX-License-Identifier: Apache-2.0
"""Agents that can be asked: where their sockets are, and the commands that listen to and command
them."""

import contextlib
import dataclasses
import json
import pathlib
import subprocess
import threading
import time

import tlscope
from deadlines import DEADLINE_S, Deadline, eventually

REQUEST_TOPIC = "events.http.request"
RESPONSE_TOPIC = "events.http.response"
EXCHANGE_TOPIC = "events.http.exchange"


def now():
    """This moment, as --since and --until take it."""
    ns = time.time_ns()
    return f"@{ns // 1_000_000_000}.{ns % 1_000_000_000:09}"


class Pipe:
    """What comes through a pipe, collected until it ends."""

    def __init__(self, pipe):
        self._pipe = pipe
        self._changed = threading.Condition()
        self._bytes = bytearray()
        self._ended = False
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def wait_for(self, find, what):
        """Waits until `find`, given all bytes so far, returns something true, and returns it."""
        deadline = Deadline()
        with self._changed:
            while not (result := find(bytes(self._bytes))):
                ended = self._ended
                in_time = self._changed.wait(deadline.remaining()) and not deadline.passed()
                latest = bytes(self._bytes[-4000:])
                assert in_time and not ended, f"waited in vain: {what}\n{latest}"
            return result

    def all(self):
        """Waits until it ends; all bytes."""
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive(), "the pipe was not closed"
        return bytes(self._bytes)

    def _follow(self):
        with self._pipe:
            while piece := self._pipe.read1(1 << 16):
                with self._changed:
                    self._bytes += piece
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


def events_in(data):
    """The JSON objects in the whole lines of `data`."""
    return [json.loads(line) for line in data[: data.rfind(b"\n") + 1].splitlines()]


class Subscriber:
    """A running `tlscope subscribe`."""

    def __init__(self, process):
        self.process = process
        self.stdout = Pipe(process.stdout)
        self.stderr = Pipe(process.stderr)

    def wait_for_events(self, find, what):
        """Waits until `find`, given all events printed as JSON, returns something true."""
        return self.stdout.wait_for(lambda data: find(events_in(data)), what)

    def wait_for_exit(self):
        """Waits until it ends by itself; its status, standard output and diagnostics."""
        status = self.process.wait(DEADLINE_S)
        return status, self.stdout.all(), self.stderr.all().decode()


@dataclasses.dataclass(frozen=True)
class Site:
    """A folder of agents' sockets, and the commands that use it."""

    runtime_dir: pathlib.Path

    def socket(self, instance="default"):
        """Where the socket of an agent is."""
        return self.runtime_dir / instance / "control.sock"

    def capture(self, *arguments, heartbeat=0, **how):
        """An agent with its socket here; its heartbeat would fill the history."""
        return tlscope.Agent(*self._words("--heartbeat", heartbeat, *arguments), **how)

    def ctl(self, *words, launcher=()):
        """Runs `tlscope ctl`."""
        return tlscope.run("ctl", *self._words(*words), launcher=launcher)

    def status(self, instance="default"):
        """What an agent says of itself."""
        result = self.ctl("--instance", instance, "--json", "status")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def subscribe(self, *words, launcher=()):
        """Runs `tlscope subscribe` to its end, which `words` must bring about."""
        return tlscope.run("subscribe", *self._words(*words), launcher=launcher)

    def history(self, *words):
        """The events kept by the agent that `words` select."""
        result = self.subscribe("--history", "1000", "--until", now(), "--format", "json", *words)
        assert (result.returncode, result.stderr) == (0, "")
        return [json.loads(line) for line in result.stdout.splitlines()]

    @contextlib.contextmanager
    def subscribers(self, *command_lines, instance="default"):
        """Running subscribers, one for each list of words; all of them have subscribed."""
        before = self.status(instance)["subscriptions"]
        with contextlib.ExitStack() as stack:
            started = []
            for words in command_lines:
                command = [str(tlscope.binary()), "subscribe", *self._words(*words)]
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
                stack.callback(process.wait)
                stack.callback(process.kill)
                started.append(Subscriber(process))
            eventually(
                lambda: self.status(instance)["subscriptions"] >= before + len(started),
                "everybody has subscribed",
            )
            yield started

    def _words(self, *words):
        return ["--runtime-dir", str(self.runtime_dir), *map(str, words)]


class HeadPipeline:
    """`command | head -1`, as a shell makes it."""

    def __init__(self, command):
        self._command = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._head = subprocess.Popen(
            ["head", "-1"], stdin=self._command.stdout, stdout=subprocess.PIPE
        )
        self._command.stdout.close()

    def running(self):
        """Whether the command has not ended yet."""
        return self._command.poll() is None

    def finish(self):
        """Waits for both; the command's status, what head printed, and the diagnostics."""
        printed, _ = self._head.communicate(timeout=DEADLINE_S)
        status = self._command.wait(DEADLINE_S)
        return status, printed, self._command.stderr.read().decode()

    def end(self):
        """Whatever they do."""
        for process in (self._command, self._head):
            process.kill()
            process.wait()
        self._command.stderr.close()
        self._head.stdout.close()


@contextlib.contextmanager
def piped_to_head(command):
    """A running HeadPipeline."""
    pipeline = HeadPipeline(command)
    try:
        yield pipeline
    finally:
        pipeline.end()
