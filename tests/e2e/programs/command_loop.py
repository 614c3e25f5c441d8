# SPDX-License-Identifier: Apache-2.0
"""A program that does as it is told: one JSON command a line on stdin, one JSON answer a line."""

import base64
import json
import sys
import traceback


def encode(data):
    """Bytes as text for an answer."""
    return base64.b64encode(data).decode()


def bytes_of(command):
    """The bytes a command carries, itself or in the file it names."""
    if "file" in command:
        with open(command["file"], "rb") as file:
            return file.read()
    return base64.b64decode(command["bytes"])


class Actor:
    """What every such program can do. A command `x` is a method `x`."""

    def rename(self, command):
        """Takes another comm."""
        with open("/proc/self/comm", "wb") as comm:
            comm.write(command["comm"].encode())

    def library(self, _):
        """The libssl that this process has mapped."""
        with open("/proc/self/maps", encoding="utf-8") as maps:
            return {"path": next(line.split()[-1] for line in maps if "libssl" in line)}


def serve(actor):
    """Calls the method of `actor` that each command's `do` names, until stdin ends."""
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = getattr(actor, command["do"])(command) or {}
        except Exception:  # whatever went wrong is the answer
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)
