# SPDX-License-Identifier: Apache-2.0
"""What the agent puts into the kernel and into traced programs, seen from outside."""

import json
import os
import pathlib
import shutil
import subprocess

from deadlines import DEADLINE_S


def bpf_objects():
    """The BPF programs, maps and links there are, as (kind, id, name)."""
    tool = shutil.which("bpftool", path=os.environ.get("PATH", "") + ":/usr/sbin")
    found = set()
    for kind in ("prog", "map", "link"):
        listed = subprocess.run(
            [tool, "--json", kind, "show"], capture_output=True, check=True, timeout=DEADLINE_S
        )
        found |= {(kind, item["id"], item.get("name", "")) for item in json.loads(listed.stdout)}
    return found


def mounts():
    """The mounts of this mount namespace."""
    return set(pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines())


def patched_bytes(pid, library="libssl"):
    """How many bytes of a process's mapped library code differ from the file: a probe is a
    breakpoint instruction written into the code."""
    differing = 0
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
        fields = line.split()
        if len(fields) < 6 or library not in fields[5] or "x" not in fields[1]:
            continue
        start, end = (int(bound, 16) for bound in fields[0].split("-"))
        with open(f"/proc/{pid}/mem", "rb") as memory, open(fields[5], "rb") as file:
            memory.seek(start)
            file.seek(int(fields[2], 16))
            pairs = zip(memory.read(end - start), file.read(end - start))
            differing += sum(mapped != stored for mapped, stored in pairs)
    return differing
