# SPDX-License-Identifier: Apache-2.0
"""Waiting, always for something and never for ever."""

import os
import select
import threading
import time

# Generous, for slow and busy machines: it is only ever waited out by a test that fails.
DEADLINE_S = 30.0

# Between two looks at a state whose changes nothing announces.
_POLL_S = 0.02


class Deadline:
    """A moment by which something must have happened."""

    def __init__(self, seconds=DEADLINE_S):
        self._end = time.monotonic() + seconds

    def remaining(self):
        """Seconds left, never negative."""
        return max(0.0, self._end - time.monotonic())

    def passed(self):
        """Whether the moment has come."""
        return self.remaining() == 0.0


def eventually(condition, what):
    """Waits until `condition()` is true, for states that can only be looked at; its last value."""
    deadline = Deadline()
    pause = threading.Event()
    while not (result := condition()):
        assert not deadline.passed(), f"waited in vain: {what}"
        pause.wait(_POLL_S)
    return result


class LineReader:
    """Lines from a pipe's descriptor, each awaited with a deadline."""

    def __init__(self, descriptor):
        self._descriptor = descriptor
        self._buffer = bytearray()

    def read_line(self, deadline):
        """The next line without its newline; None when the pipe has ended."""
        while (end := self._buffer.find(b"\n")) < 0:
            readable, _, _ = select.select([self._descriptor], [], [], deadline.remaining())
            if not readable:
                raise TimeoutError("no line came in time")
            piece = os.read(self._descriptor, 1 << 16)
            if not piece:
                return None
            self._buffer += piece
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line
