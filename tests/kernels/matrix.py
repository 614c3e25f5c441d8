#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the BPF tests and a capture on every kernel and prints what came of it, as a table."""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import sys
import tempfile
import time

_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_REPOSITORY / "tests/e2e"))

import initramfs  # noqa: E402
import kernel_packages  # noqa: E402
import virtual_machine  # noqa: E402
from text_format import FormatError, TextReader  # noqa: E402

_SERVER = "127.0.0.1:8443"


@dataclasses.dataclass(frozen=True)
class Row:
    """What a kernel did; a cell that starts with `FAILED` says what was wrong."""

    kernel: str
    tests: str
    capture: str

    @property
    def passed(self):
        """Whether all is as it should be."""
        return not any(cell.startswith("FAILED") for cell in (self.tests, self.capture))


def judge_tests(section):
    """What the BPF tests came to."""
    if section is None:
        return "FAILED: the guest did not get to the end of them"
    passed = len(re.findall(rb"^\[       OK \]", section.output, re.MULTILINE))
    failed = set(re.findall(rb"^\[  FAILED  \] (\S+?),? .*\(\d+ ms\)$", section.output, re.MULTILINE))
    if section.status or failed or not passed:
        names = " ".join(sorted(name.decode() for name in failed))
        return f"FAILED: {names or f'status {section.status}'}"
    return f"{passed} passed"


def judge_capture(section):
    """What the capture came to: both ends of both exchanges, with their addresses."""
    if section is None:
        return "FAILED: the guest did not get to the end of it"
    if section.status:
        return f"FAILED: tlscope ended with status {section.status}"
    try:
        reader = TextReader()
        messages = reader.feed(section.output) + reader.finish()
    except FormatError as error:
        return f"FAILED: {error}"
    by_program = {"curl": [], "nginx": []}
    for message in messages:
        by_program[message.comm].append(message)
    for program, seen in by_program.items():
        if complaint := _complaint_about(program, seen):
            return f"FAILED: {program}: {complaint}"
    return f"{len(messages)} messages"


def _complaint_about(program, messages):
    spoken = sorted((message.name, message.content) for message in messages)
    expected = [("HTTPRequest", b"")] * 2
    expected += [("HTTPResponse", f"you asked for {path}\n".encode()) for path in ("/first", "/second")]
    if spoken != expected or not all(message.whole for message in messages):
        return f"captured {spoken}"
    ends = {(str(message.src), str(message.dest)) for message in messages}
    if len(ends) != 1:
        return f"one connection has several addresses: {ends}"
    ((own, peer),) = ends
    if (peer if program == "curl" else own) != _SERVER:
        return f"wrong addresses: {own} to {peer}"
    return ""


def test(kernel, archive, logs):
    """Boots one kernel; its row of the table."""
    started = time.monotonic()
    run = virtual_machine.run(kernel, archive)
    log = logs / f"{kernel.version}.log"
    log.write_bytes(run.console)
    row = Row(
        kernel.version,
        judge_tests(run.sections.get("bpf-tests")),
        judge_capture(run.sections.get("capture-auto")),
    )
    state = "passed" if row.passed else f"FAILED, see {log}"
    print(f"{kernel.version}: {state} in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return row


def main():
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/kernels", description=__doc__)
    parser.add_argument("--update", action="store_true", help="look for newer kernels at Debian")
    parser.add_argument(
        "kernels", nargs="*", metavar="KERNEL", help=f"of {', '.join(kernel_packages.WANTED)}"
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.kernels) - set(kernel_packages.WANTED):
        parser.error(f"not among the kernels to test: {', '.join(unknown)}")

    build = _REPOSITORY / "build/release"
    logs = build / "kernels"
    logs.mkdir(parents=True, exist_ok=True)
    try:
        kernels = kernel_packages.fetch(arguments.kernels or kernel_packages.WANTED, arguments.update)
    except kernel_packages.KernelError as error:
        print(f"scripts/kernels: {error}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="tlscope-kernels-") as directory:
        archive = pathlib.Path(directory) / "initramfs"
        initramfs.build(archive, (build / "tlscope", build / "tests/tlscope_bpf_tests"))
        # A guest waits for the kernel more than it computes.
        with concurrent.futures.ThreadPoolExecutor(2 * os.cpu_count()) as pool:
            rows = list(pool.map(lambda kernel: test(kernel, archive, logs), kernels))

    print("| kernel | BPF tests | capture |\n|---|---|---|")
    for row in rows:
        print(f"| {row.kernel} | {row.tests} | {row.capture} |")
    return 0 if all(row.passed for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
