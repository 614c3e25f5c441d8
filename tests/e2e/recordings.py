# SPDX-License-Identifier: Apache-2.0
"""Recordings: made by `tlscope record`, and written by hand after proto/tlscope/v1/recording.proto."""

import os
import signal
import subprocess
import zlib

from deadlines import DEADLINE_S, Deadline, LineReader
from text_format import TextReader
from tlscope import binary

READ, WRITE = 0, 1


class Recorder:
    """A running `tlscope record`."""

    def __init__(self, *arguments, stdout=subprocess.DEVNULL):
        self._process = subprocess.Popen(
            [str(binary()), "record", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._lines = LineReader(self._process.stderr.fileno())
        self.stderr = []

    def __enter__(self):
        try:
            while not (self.stderr and "ready: attached to" in self.stderr[-1]):
                self._read_line()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._process.stderr.close()

    def _read_line(self):
        line = self._lines.read_line(Deadline())
        assert line is not None, "\n".join(self.stderr)
        self.stderr.append(line.decode())

    def stop(self, with_signal=signal.SIGINT):
        """Ends it; its exit status. `stderr` has all it said."""
        os.killpg(self._process.pid, with_signal)
        return self.wait()

    def wait(self):
        """Waits until it ends by itself; its exit status."""
        while (line := self._lines.read_line(Deadline())) is not None:
            self.stderr.append(line.decode())
        return self._process.wait(DEADLINE_S)


def replay(path, *arguments, launcher=(), stdin=subprocess.DEVNULL):
    """Runs `tlscope replay` to its end."""
    return subprocess.run(
        [*launcher, str(binary()), "replay", str(path), *arguments],
        stdin=stdin,
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )


def messages_of(text):
    """The messages that text output holds."""
    reader = TextReader()
    return reader.feed(text) + reader.finish()


def varint(value):
    """A number as Protocol Buffers write it."""
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def number(field, value):
    """A field with a number; none for 0, as proto3 has it."""
    return varint(field << 3) + varint(value) if value else b""


def part(field, content):
    """A field with bytes, text or a message."""
    return varint(field << 3 | 2) + varint(len(content)) + content


def entry(field, content, checked=False):
    """A RecordingEntry behind its length."""
    whole = part(field, content)
    if checked:
        whole += varint(16 << 3 | 5) + zlib.crc32(whole).to_bytes(4, "little")
    return varint(len(whole)) + whole


def header(realtime_offset_ns=0, checked=False, ports=()):
    """What a recording begins with."""
    content = part(1, b"tlscope recording") + number(2, 1) + number(7, realtime_offset_ns)
    if ports:
        content += part(8, b"".join(map(varint, ports)))
    return entry(1, content, checked)


def end(entries=0, checked=False):
    """What a recording ends with."""
    return entry(15, number(4, entries), checked)


class Connection:
    """An SSL object of a process, and how far it is."""

    def __init__(self, pid, ssl, checked=False):
        self._pid = pid
        self._checked = checked
        self._place = part(1, varint(1 << 3 | 1) + ssl.to_bytes(8, "little"))
        self._offsets = [0, 0]

    def data(self, direction, content, ktime_ns):
        """The entries of one call for each piece of `content`."""
        pieces = []
        for at in range(0, len(content), 16384):
            piece = content[at : at + 16384]
            origin = number(1, ktime_ns) + number(2, self._pid) + number(3, self._pid)
            fields = part(1, origin + part(4, b"made-up")) + part(2, self._place)
            fields += number(3, direction) + number(4, self._offsets[direction])
            pieces.append(entry(2, fields + part(15, piece), self._checked))
            self._offsets[direction] += len(piece)
        return b"".join(pieces)


def long_recording(total_bytes, body_bytes=200_000, checked=False):
    """Yields a recording of about so many bytes piece by piece: 50 connections that fetch /0, /1 and
    so on."""
    yield header(checked=checked)
    connections = [Connection(1000 + n, 0x1000 + n, checked) for n in range(50)]
    response = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % body_bytes + b"b" * body_bytes
    made, fetched, ktime_ns = 0, 0, 1_000_000_000
    while made < total_bytes:
        for connection in connections:
            ktime_ns += 1_000_000
            request = b"GET /%d HTTP/1.1\r\nHost: made.up\r\n\r\n" % fetched
            fetched += 1
            piece = connection.data(WRITE, request, ktime_ns)
            piece += connection.data(READ, response, ktime_ns + 500_000)
            made += len(piece)
            yield piece
    yield end(checked=checked)
