# SPDX-License-Identifier: Apache-2.0
"""Reads the metrics that an agent serves, and refuses what Prometheus's format does not allow."""

import http.client
import re
import socket

from deadlines import DEADLINE_S

_SAMPLE = re.compile(
    r"(?P<name>[a-z_]+)(?:\{(?P<labels>[a-z_]+=\"[^\"]*\"(?:,[a-z_]+=\"[^\"]*\")*)\})? "
    r"(?P<value>[0-9.e+-]+)"
)
_COMMENT = re.compile(
    r"# (?:HELP (?P<helped>[a-z_]+) .+|TYPE (?P<typed>[a-z_]+) (?:counter|gauge))"
)


class Endpoint:
    """Where an agent serves its metrics."""

    def __init__(self, port):
        self.address = f"127.0.0.1:{port}"

    @staticmethod
    def unused():
        """One that nobody uses at this moment."""
        with socket.create_server(("127.0.0.1", 0)) as chosen:
            return Endpoint(chosen.getsockname()[1])

    def get(self, target):
        """Status and body of what is there."""
        connection = http.client.HTTPConnection(self.address, timeout=DEADLINE_S)
        try:
            connection.request("GET", target)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def samples(self):
        """Every metric's value, by its name and labels as they are written."""
        status, text = self.get("/metrics")
        assert status == 200
        return parse(text)


def parse(text):
    """The samples in Prometheus's text format, which is checked on the way."""
    assert text.endswith("\n")
    helped, typed, samples = set(), set(), {}
    for line in text.splitlines():
        if comment := _COMMENT.fullmatch(line):
            name = comment["helped"] or comment["typed"]
            known = helped if comment["helped"] else typed
            assert name not in known
            known.add(name)
            continue
        sample = _SAMPLE.fullmatch(line)
        assert sample, line
        assert sample["name"] in helped and sample["name"] in typed
        key = line.rsplit(" ", 1)[0]
        assert key not in samples
        samples[key] = float(sample["value"])
    return samples
