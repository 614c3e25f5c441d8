# SPDX-License-Identifier: Apache-2.0
"""Runs the agent: starts it, waits until it is ready, follows what it prints, stops it."""

import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import threading

from deadlines import DEADLINE_S, Deadline
from text_format import FormatError, TextReader

# Exit statuses.
DONE, FAILED, MISUSED, NOT_POSSIBLE = 0, 1, 2, 3

_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def binary():
    """The program under test."""
    path = pathlib.Path(os.environ.get("TLSCOPE_BINARY", _REPOSITORY / "build/release/tlscope"))
    assert path.is_file(), f"{path} is not there: build it, or name it in TLSCOPE_BINARY"
    return path


@dataclasses.dataclass(frozen=True)
class Count:
    """How often something happened, and the bytes concerned."""

    events: int
    bytes: int


_SUMMARY = re.compile(
    r"tlscope: events seen: (?P<seen>\d+) \((?P<seen_bytes>\d+) bytes\)\n"
    r"tlscope: delivered: (?P<delivered>\d+) records \((?P<delivered_bytes>\d+) bytes\)\n"
    r"tlscope: messages: (?P<messages>\d+) "
    r"\((?P<by_name>none|[A-Za-z0-9]+ \d+(?:, [A-Za-z0-9]+ \d+)*)\)\n"
    r"tlscope: lost: ring full (?P<ring_full>\d+) \((?P<ring_full_bytes>\d+) bytes\), "
    r"map full (?P<map_full>\d+) \((?P<map_full_bytes>\d+) bytes\), "
    r"unreadable memory (?P<unreadable>\d+) \((?P<unreadable_bytes>\d+) bytes\), "
    r"over --max-payload (?P<over_max>\d+) \((?P<over_max_bytes>\d+) bytes\), "
    r"sent by SSL_sendfile (?P<sendfile>\d+) \((?P<sendfile_bytes>\d+) bytes\), "
    r"paused (?P<paused>\d+) \((?P<paused_bytes>\d+) bytes\)"
    r", unfinished writes (?P<unfinished>\d+) \((?P<unfinished_bytes>\d+) bytes\), "
    r"calls that began unseen (?P<unseen>\d+) \((?P<unseen_bytes>\d+) bytes\)\n"
    r"tlscope: also lost: [^\n]*\n"
    r"tlscope: evicted: (?P<evicted>\d+) SSL objects, [^\n]*\n"
    r"tlscope: filtered: [^\n]*\n"
    r"tlscope: output to standard output: (?P<written>\d+) messages written \((?P<written_bytes>\d+) bytes\), "
    r"(?P<dropped>\d+) dropped"
)


@dataclasses.dataclass(frozen=True)
class Summary:
    """What the agent says of its work when it ends."""

    seen: Count
    delivered: Count
    messages: int
    messages_by_name: dict
    ring_full: Count
    map_full: Count
    unreadable: Count
    over_max_payload: Count
    sendfile: Count
    paused: Count
    unfinished: Count  # writes that sent something and never ended well; bytes at most
    unseen: Count  # ends of calls that were under way when the capture began; bytes as far as known
    written: Count
    dropped: int
    evicted: int

    @staticmethod
    def parse(text):
        """The summary that `text`, the agent's diagnostics, ends with."""
        match = _SUMMARY.search(text)
        assert match, f"no summary on stderr:\n{text}"
        parts = match.groupdict()
        by_name = re.findall(r"([A-Za-z0-9]+) (\d+)", parts.pop("by_name"))
        parts = {key: int(value) for key, value in parts.items()}

        def count(name):
            return Count(parts[name], parts[f"{name}_bytes"])

        return Summary(
            seen=count("seen"),
            delivered=count("delivered"),
            messages=parts["messages"],
            messages_by_name={name: int(number) for name, number in by_name},
            ring_full=count("ring_full"),
            map_full=count("map_full"),
            unreadable=count("unreadable"),
            over_max_payload=count("over_max"),
            sendfile=count("sendfile"),
            paused=count("paused"),
            unfinished=count("unfinished"),
            unseen=count("unseen"),
            written=count("written"),
            dropped=parts["dropped"],
            evicted=parts["evicted"],
        )

    @property
    def lost_bytes(self):
        """Bytes that were moved and not delivered, whatever the cause."""
        kernel = (self.ring_full, self.map_full, self.unreadable, self.over_max_payload)
        causes = (*kernel, self.sendfile, self.paused, self.unfinished, self.unseen)
        return sum(cause.bytes for cause in causes)


_FILTERS = {"--pid", "--comm", "--uid", "--cgroup", "--port"}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """All that a run of the agent left."""

    status: int
    messages: list
    stderr: str
    filtered: bool

    @property
    def summary(self):
        """The numbers it ended with. Unfiltered they count what tests that run beside it do."""
        alone = "PYTEST_XDIST_WORKER" not in os.environ
        assert self.filtered or alone, "sums of the whole host: capture with --pid or --port"
        return Summary.parse(self.stderr)


class Agent:
    """A running `tlscope capture`. `launcher` is a command that runs it, such as setpriv."""

    def __init__(self, *arguments, launcher=(), stdout=None):
        self._changed = threading.Condition()
        self._filtered = any(argument in _FILTERS for argument in arguments)
        self._messages = []
        self._stderr_lines = []
        self._format_error = None
        self._stderr_ended = False
        self._process = subprocess.Popen(
            [*launcher, str(binary()), "capture", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        followers = [self._follow_stderr]
        if stdout is None:
            followers.append(self._follow_stdout)
        self._threads = [threading.Thread(target=follow, daemon=True) for follow in followers]
        for thread in self._threads:
            thread.start()

    def __enter__(self):
        try:
            return self.wait_until_ready()
        except BaseException:
            self._end()
            raise

    def __exit__(self, *_):
        self._end()

    @property
    def pid(self):
        """Of the process that was started."""
        return self._process.pid

    def wait_until_ready(self):
        """Returns once the agent has said that everything is attached."""
        self._wait(
            lambda: any("ready: attached to" in line for line in self._stderr_lines),
            "the line that says `ready`",
        )
        return self

    def wait_for_line(self, text):
        """Waits until a line of its diagnostics ends with `text`, and returns it."""
        return self._wait(
            lambda: next((line for line in self._stderr_lines if line.endswith(text)), None),
            f"the line that ends with `{text}`",
        )

    def count_lines(self, text):
        """How many lines of its diagnostics so far end with `text`."""
        with self._changed:
            return sum(line.endswith(text) for line in self._stderr_lines)

    def wait_for(self, find, what):
        """Waits until `find`, given all messages so far, returns something true, and returns it."""
        return self._wait(lambda: find(self._messages), what)

    def seen(self, find):
        """What `find` makes of all messages so far."""
        with self._changed:
            return find(self._messages)

    def running(self):
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def pause(self):
        """Stops it in its tracks, as a debugger would, until `resume`."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self):
        """Lets it go on after `pause`."""
        os.killpg(self.pid, signal.SIGCONT)

    def ask(self, number):
        """Sends it a signal that does not end it."""
        os.killpg(self.pid, number)

    def stop(self, with_signal=signal.SIGINT):
        """Signals it and its launcher, as a terminal does, and returns all it left at its end."""
        os.killpg(self.pid, with_signal)
        return self.wait_for_exit()

    def wait_for_exit(self):
        """Waits until it ends by itself; all it left."""
        self._process.wait(DEADLINE_S)
        for thread in self._threads:
            thread.join(DEADLINE_S)
        if self._format_error:
            raise self._format_error
        stderr = "\n".join(self._stderr_lines)
        return Outcome(self._process.returncode, list(self._messages), stderr, self._filtered)

    def _wait(self, find, what):
        deadline = Deadline()
        with self._changed:
            while not (result := find()):
                if self._format_error:
                    raise self._format_error
                in_time = self._changed.wait(deadline.remaining()) and not deadline.passed()
                alive = not self._stderr_ended
                assert in_time and alive, f"waited in vain: {what}\n{self._story()}"
            return result

    def _story(self):
        state = "running" if self.running() else f"ended with status {self._process.returncode}"
        headers = "\n".join(message.header for message in self._messages[-40:])
        diagnostics = "\n".join(self._stderr_lines[-40:])
        count = len(self._messages)
        return f"agent: {state}\nstderr:\n{diagnostics}\nmessages ({count}):\n{headers}"

    def _follow_stdout(self):
        reader = TextReader()
        try:
            while piece := os.read(self._process.stdout.fileno(), 1 << 18):
                self._add(reader.feed(piece))
            if self._process.wait() == 0:  # what was killed may stop within a message
                self._add(reader.finish())
        except FormatError as error:
            with self._changed:
                self._format_error = error
                self._changed.notify_all()
            while os.read(self._process.stdout.fileno(), 1 << 18):
                pass  # a pipe that is not read would hold the agent up

    def _add(self, messages):
        if messages:
            with self._changed:
                self._messages.extend(messages)
                self._changed.notify_all()

    def _follow_stderr(self):
        for line in self._process.stderr:
            with self._changed:
                self._stderr_lines.append(line.decode(errors="replace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._stderr_ended = True
            self._changed.notify_all()

    def _end(self):
        if self.running():
            os.killpg(self.pid, signal.SIGCONT)
            self._process.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join(DEADLINE_S)
        self._process.stderr.close()
        if self._process.stdout:
            self._process.stdout.close()


def run(*arguments, launcher=()):
    """Runs the program to its end, for command lines that end by themselves."""
    return subprocess.run(
        [*launcher, str(binary()), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def check_refused(result, status, *words):
    """The program said one line, with these words, and ended with this status."""
    assert result.returncode == status, result.stderr
    assert not result.stdout
    (line,) = result.stderr.splitlines()
    for word in words:
        assert word.lower() in line.lower()
