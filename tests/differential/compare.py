# SPDX-License-Identifier: Apache-2.0
"""Compares how tlscope's HTTP/1.x parser and llhttp, in its strict mode, read the same bytes.

Fails when they differ in a way that differences.py does not explain. The table that it prints
counts the cases of each explained difference, and how many of them llhttp's lenient mode reads as
tlscope does.
"""

import argparse
import collections
import json
import pathlib
import shutil
import subprocess
import sys

import cases
import differences
import readings

_SHOWN = 10


def _lines(command, data):
    """What a reader says of each case."""
    done = subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _version(node):
    """Of llhttp, as a text."""
    command = [node, "-p", "process.versions.llhttp"]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


def _show(parting):
    for name, value in vars(parting.case).items():
        print(f"  {name}: {value!r}")
    print(f"  at message {parting.index}\n  tlscope: {parting.ours}\n  llhttp:  {parting.theirs}")


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("http1_reader", help="the program around tlscope's parser")
    parser.add_argument("--node", default="node", help="the Node.js to compare with")
    parser.add_argument("--cases", type=int, default=20000, help="how many (default 20000)")
    parser.add_argument("--seed", type=int, default=1, help="of the generator (default 1)")
    return parser.parse_args()


def main():
    """The exit status."""
    arguments = _arguments()
    node = shutil.which(arguments.node)
    if not node:
        print(f"{arguments.node} is not installed: scripts/setup test", file=sys.stderr)
        return 1
    version = _version(node)
    script = pathlib.Path(__file__).resolve().with_name("llhttp_reader.js")
    made = cases.Generator(arguments.seed).cases(arguments.cases)
    data = b"".join(case.encoded() for case in made)
    ours = _lines([arguments.http1_reader], data)
    theirs = _lines([node, "--no-deprecation", str(script)], data)
    if not len(ours) == len(theirs) == len(made):
        print(f"{len(made)} cases, {len(ours)} and {len(theirs)} answers", file=sys.stderr)
        return 1

    explained, taken_by_lenient, unexplained = collections.Counter(), collections.Counter(), []
    for case, our_line, their_line in zip(made, ours, theirs):
        reading = readings.of_tlscope(our_line)
        strict = readings.parting(case, reading, readings.of_llhttp(their_line["strict"]))
        if not strict:
            continue
        difference = differences.explain(strict, int(version.split(".")[0]))
        if not difference:
            unexplained.append(strict)
            continue
        explained[difference] += 1
        if not readings.parting(case, reading, readings.of_llhttp(their_line["lenient"])):
            taken_by_lenient[difference] += 1

    agreed = len(made) - explained.total() - len(unexplained)
    print(f"llhttp {version}, seed {arguments.seed}: {len(made)} cases, {agreed} read alike")
    print(" cases lenient  difference: reason")
    for difference, count in explained.most_common():
        lenient = taken_by_lenient[difference]
        print(f"{count:6} {lenient:7}  {difference.name}: {difference.reason}")
    print(f"{len(unexplained)} differ for no known reason")
    for parting in unexplained[:_SHOWN]:
        _show(parting)
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
