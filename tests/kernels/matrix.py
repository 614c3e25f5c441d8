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
class Strategy:
    """A value of --attach-strategy."""

    in_tests: str  # what the BPF tests call it; empty for what they run without one
    since: tuple = (0,)  # the first kernel that has it


STRATEGIES = {
    "auto": Strategy(""),
    "tp_btf": Strategy("TpBtf", (6, 3)),
    "fentry": Strategy("Fentry"),
    "kprobe": Strategy("Kprobe"),
    "syscall": Strategy("Syscall"),
}


class Failure(Exception):
    """A kernel did not do what it should."""


def judge_tests(run, strategy, expected):
    """How many BPF tests of a strategy passed; of auto, those that are of none."""
    section = _section(run, "bpf-tests")
    results = {"OK": [], "FAILED": [], "SKIPPED": []}
    for outcome, name in re.findall(
        rb"^\[ *(OK|FAILED|SKIPPED) *\] ([\w./]+).*\(\d+ ms\)$", section.output, re.MULTILINE
    ):
        test = name.decode()
        of_strategy = test.rpartition("/")[2] if test.startswith("Kernel/") else ""
        if of_strategy == STRATEGIES[strategy].in_tests:
            results[outcome.decode()].append(test)
    if results["FAILED"]:
        for test in results["FAILED"]:
            print(_words_of(test, section.output), file=sys.stderr)
        raise Failure(f"BPF tests {' '.join(results['FAILED'])}")
    if not results["OK" if expected else "SKIPPED"] or results["SKIPPED" if expected else "OK"]:
        counts = ", ".join(f"{len(tests)} {outcome}" for outcome, tests in results.items())
        raise Failure(f"BPF tests: {counts}")
    return len(results["OK"])


def _words_of(test, output):
    """What a test printed."""
    return output.partition(f"] {test}\n".encode())[2].partition(b"\n[")[0].decode(errors="replace")


def judge_capture(run, strategy, expected):
    """Checks the capture of both ends of two exchanges; the strategy that it went by."""
    section, log = _section(run, f"capture-{strategy}"), _section(run, f"log-{strategy}")
    if not expected:
        if section.status != 3 or b" which takes " not in section.output:
            raise Failure(f"capture: not refused, status {section.status}")
        return ""
    if section.status:
        raise Failure(f"capture: status {section.status}")
    by_program = {"curl": [], "nginx": []}
    try:
        reader = TextReader()
        for message in reader.feed(section.output) + reader.finish():
            by_program[message.comm].append(message)
    except FormatError as error:
        raise Failure(f"capture: {error}") from error
    for program, messages in by_program.items():
        _check_messages(program, messages)
    used = re.search(rb"sockets are found by (\w+)", log.output)[1].decode()
    if strategy not in ("auto", used):
        raise Failure(f"capture: sockets were found by {used}")
    return used


def _section(run, name):
    if name not in run.sections:
        raise Failure(f"the guest did not get to the end of {name}")
    return run.sections[name]


def _check_messages(program, messages):
    spoken = sorted((message.name, message.content) for message in messages)
    expected = [("HTTPRequest", b"")] * 2
    expected += [("HTTPResponse", f"you asked for {path}\n".encode()) for path in ("/first", "/second")]
    if spoken != expected or not all(message.whole for message in messages):
        raise Failure(f"capture: {program} said {spoken}")
    ends = {(str(message.src), str(message.dest)) for message in messages}
    if len(ends) != 1 or {end[program == "curl"] for end in ends} != {_SERVER}:
        raise Failure(f"capture: {program} has addresses {ends}")


def judge(run, version, strategy):
    """The cell of the table for a strategy."""
    expected = kernel_packages.numbers(version) >= STRATEGIES[strategy].since
    try:
        passed = judge_tests(run, strategy, expected)
        used = judge_capture(run, strategy, expected)
    except Failure as failure:
        return f"FAILED: {failure}"
    if not expected:
        return "not there"
    return f"{passed} tests, capture" + (f" by {used}" if strategy == "auto" else "")


def test(kernel, archive, logs):
    """Boots one kernel; its row of the table."""
    started = time.monotonic()
    run = virtual_machine.run(kernel, archive)
    log = logs / f"{kernel.version}.log"
    log.write_bytes(run.console)
    cells = [judge(run, kernel.version, strategy) for strategy in STRATEGIES]
    failed = any(cell.startswith("FAILED") for cell in cells)
    state = f"FAILED, see {log}" if failed else "passed"
    print(f"{kernel.version}: {state} in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return [kernel.version, *cells]


def main():
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="scripts/kernels", description=__doc__)
    parser.add_argument(
        "--all", action="store_true", help=f"all kernels, not just {', '.join(kernel_packages.USUAL)}"
    )
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
        wanted = arguments.kernels
        if not wanted:
            wanted = kernel_packages.WANTED if arguments.all else kernel_packages.USUAL
        kernels = kernel_packages.fetch(wanted, arguments.update)
    except kernel_packages.KernelError as error:
        print(f"scripts/kernels: {error}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="tlscope-kernels-") as directory:
        archive = pathlib.Path(directory) / "initramfs"
        ours = ("tlscope", "tests/tlscope_bpf_tests", "tests/libtlscope_stub_ssl.so")
        initramfs.build(archive, [build / name for name in ours])
        # A guest waits for the kernel as much as it computes.
        with concurrent.futures.ThreadPoolExecutor(2 * os.cpu_count()) as pool:
            rows = list(pool.map(lambda kernel: test(kernel, archive, logs), kernels))

    header = ["kernel", *STRATEGIES]
    for cells in (header, ["---"] * len(header), *rows):
        print(f"| {' | '.join(cells)} |")
    return 1 if any(cell.startswith("FAILED") for row in rows for cell in row) else 0


if __name__ == "__main__":
    sys.exit(main())
