# SPDX-License-Identifier: Apache-2.0
"""Captures into a pcapng file, and has tshark say what is in one."""

import pathlib
import shutil
import struct
import subprocess

from deadlines import DEADLINE_S
from tlscope import Agent

# Wireshark's numbers of severities (epan/proto.h, PI_ERROR).
_SEVERITY_ERROR = 0x00800000

# Wireshark's number of a checksum that is right (epan/proto.h, PROTO_CHECKSUM_E_GOOD).
_GOOD = "1"

# What tshark is to check that it takes for granted otherwise.
_CHECKSUMS = ("-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE")


def tools_missing():
    """Of the programs needed here, those that are not installed."""
    return [name for name in ("tshark", "capinfos") if not shutil.which(name)]


class Capture:
    """A running agent that writes a file. Read the file once `stop` has returned."""

    def __init__(self, path, *arguments):
        self.path = pathlib.Path(path)
        self._agent = Agent("-o", f"pcapng:{self.path}", *arguments)

    def __enter__(self):
        self._agent.__enter__()
        return self

    def __exit__(self, *what):
        self._agent.__exit__(*what)

    @property
    def agent(self):
        """The agent itself."""
        return self._agent

    def stop(self):
        """Stops the agent, which writes all that happened before; what tshark makes of it."""
        outcome = self._agent.stop()
        assert outcome.status == 0, outcome.stderr
        dissection = Dissection(self.path)
        dissection.check()
        return dissection


class Dissection:
    """A file as tshark sees it, without any setting unless `options` hold some."""

    def __init__(self, path, *options):
        self._command = ["tshark", "-n", "-r", str(path), *_CHECKSUMS, *options]

    def run(self, *arguments):
        """tshark with more arguments; how it ended."""
        return subprocess.run(
            [*self._command, *arguments],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=DEADLINE_S,
            check=False,
        )

    def rows(self, display_filter, *fields):
        """These fields of the packets that match, each a list of values."""
        arguments = ["-Y", display_filter, "-T", "fields", "-E", "aggregator=\x01"]
        arguments += ["-E", "separator=\x02"]
        for field in fields:
            arguments += ["-e", field]
        result = self.run(*arguments)
        assert result.returncode == 0, result.stderr.decode()
        lines = result.stdout.decode().splitlines()
        return [tuple(_values(cell) for cell in line.split("\x02")) for line in lines]

    def values(self, display_filter, field):
        """All values of one field of the packets that match."""
        return [value for (row,) in self.rows(display_filter, field) for value in row]

    def count(self, display_filter):
        """How many packets match."""
        return len(self.rows(display_filter, "frame.number"))

    def http_objects(self, directory):
        """The bodies of HTTP/1 responses and requests, as tshark writes them into `directory`."""
        directory.mkdir()
        assert self.run("-q", "--export-objects", f"http,{directory}").returncode == 0
        return {path.name: path.read_bytes() for path in directory.iterdir()}

    def check(self):
        """Nothing is malformed, no checksum is wrong, and capinfos can read it, too."""
        sums = ("ip.checksum.status", "tcp.checksum.status")
        rows = self.rows("frame", "_ws.malformed", "_ws.expert.severity", *sums)
        assert any(tcp_sums for *_, tcp_sums in rows)
        for malformed, severities, ip_sums, tcp_sums in rows:
            assert not malformed
            assert all(int(severity) < _SEVERITY_ERROR for severity in severities)
            assert set(ip_sums + tcp_sums) <= {_GOOD}
        result = subprocess.run(
            ["capinfos", self._command[3]], capture_output=True, timeout=DEADLINE_S, check=False
        )
        assert result.returncode == 0, result.stderr


def _values(cell):
    return cell.split("\x01") if cell else []


def blocks(data):
    """The blocks of a file that is whole: type, first byte, byte after the last."""
    at = 0
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        yield kind, at, at + size
        at += size


def without_notes(data):
    """The same file without the packets of the second interface."""
    kept = b""
    for kind, start, end in blocks(data):
        if kind != 6 or struct.unpack_from("<I", data, start + 8) == (0,):
            kept += data[start:end]
    return kept
