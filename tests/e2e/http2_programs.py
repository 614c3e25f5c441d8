# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 programs that tell what they send and receive: nghttp, nghttpd, h2load, curl."""

import dataclasses
import re
import socket
import subprocess

from deadlines import DEADLINE_S, eventually

_SENT = re.compile(r"send HEADERS frame <.*stream_id=(\d+)>")
_SENT_FIELD = re.compile(r" {10}(:?[a-z][a-z0-9-]*: .*)")
_RECEIVED = re.compile(r"recv \(stream_id=(\d+)\) (.*)")
_PROMISE = re.compile(r"promised_stream_id=(\d+)")


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        return chosen.getsockname()[1]


class Nghttpd:
    """nghttp2's server over a directory."""

    def __init__(self, directory, credentials, *options):
        self.port = _free_port()
        command = ["nghttpd", "-d", str(directory), *options, str(self.port)]
        self._process = subprocess.Popen(
            [*command, str(credentials.key), str(credentials.certificate)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self):
        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        eventually(listens, "nghttpd listens")
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()

    @property
    def pid(self):
        """Of the server."""
        return self._process.pid

    def url(self, target):
        """The URL of a target on this server."""
        return f"https://localhost:{self.port}{target}"


@dataclasses.dataclass
class Report:
    """Header lists as nghttp tells them, by stream: in the order in which they came."""

    pid: int
    requests: dict
    promises: dict
    responses: dict  # head and trailers in one


def run_nghttp(*urls):
    """Fetches the URLs over one connection at once; the Report."""
    process = subprocess.Popen(
        ["nghttp", "-nv", *urls], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    output, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
    return _read_report(process.pid, re.sub(r"\x1b\[[0-9;]*m", "", output.decode()))


def _read_report(pid, text):
    report = Report(pid, {}, {}, {})
    sent = None
    for line in text.splitlines():
        if match := _SENT.search(line):
            sent = report.requests.setdefault(int(match[1]), [])
        elif match := _RECEIVED.search(line):
            report.responses.setdefault(int(match[1]), []).append(match[2])
        elif match := _PROMISE.search(line):
            _move_promise(report, int(match[1]))
        elif line.startswith("["):
            sent = None
        elif sent is not None and (match := _SENT_FIELD.fullmatch(line)):
            sent.append(match[1])
    return report


def _move_promise(report, promised):
    """The fields that stand before the line which names the promised stream are its request's."""
    for fields in report.responses.values():
        if fields and fields[-4:][0].startswith(":method"):
            report.promises[promised] = fields[-4:]
            del fields[-4:]


def run_curl(credentials, url, *options):
    """Fetches one URL by HTTP/2; the process id, the request's and the response's header lines."""
    command = ["curl", "--silent", "--verbose", "--http2", "--cacert", str(credentials.certificate)]
    process = subprocess.Popen(
        [*command, *options, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    body, report = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
    lines = report.decode().splitlines()
    request = [line[8:-1] for line in lines if line.startswith("* h2h3 [")]
    response = [line[2:].rstrip() for line in lines if line.startswith("< ")]
    return process.pid, request, response[1:-1], body


def start_h2load(url, requests, streams, *options):
    """A running h2load over one connection."""
    command = ["h2load", "-n", str(requests), "-c", "1", "-m", str(streams), *options, url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
