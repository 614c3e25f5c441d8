# SPDX-License-Identifier: Apache-2.0
"""Programs that leave SSL calls by other ways than a return, or go on elsewhere within them, do as
they do without an agent, and what they say is shown."""

import contextlib
import pathlib
import re

import pytest

from conversation import REQUEST
from tlscope import Count
from unharmed import Waiting, check_said, check_unharmed

LIBRARIES = ("openssl-1.1.1", "openssl-3.0", "openssl-3.5", "static-symtab")


@pytest.fixture(name="check")
def _check(capture, builder, nginx):
    """Checks a program of programs/, linked with a library, that is given nginx's port and words."""

    def check(source, library, *words, left_writes=None):
        words = (nginx.port, *words)
        build = builder.build(library, source)
        hidden = builder.build(builder.hidden, source)
        messages, told = check_unharmed(
            capture,
            lambda: Waiting(build.program, *words, environment=build.environment),
            lambda: Waiting(hidden.program, *words),
            left_writes,
        )
        check_said(messages, nginx.port, told)

    return check


@pytest.mark.parametrize("library", LIBRARIES)
def test_exceptions_pass_through_ssl_calls(check, library):
    check("exceptions.cc", library)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_cancelled_thread_runs_its_destructors(check, library):
    check("cancelled_threads.cc", library)


@pytest.mark.parametrize("library", LIBRARIES)
def test_jumps_leave_ssl_calls(check, library):
    check("jumps.c", library)


@pytest.mark.parametrize("library", ["openssl-1.1.1", "openssl-3.5"])
def test_jumps_leave_writes_that_have_sent_something(check, library):
    """Nobody knows how much: at most all they were to send."""
    check("left_writes.c", library, left_writes=Count(events=4, bytes=4 * 40000))


@pytest.mark.parametrize("stack", ["above", "below"])
def test_a_signal_stack_is_within_an_ssl_call(check, stack):
    """Its handler makes an SSL call, too."""
    check("signal_stacks.c", "openssl-3.0", stack)


@pytest.mark.parametrize("order", ["rising", "falling"])
@pytest.mark.parametrize("count", [1, 2, 8])
def test_coroutines_yield_within_ssl_calls(check, count, order):
    check("coroutines.c", "openssl-3.0", count, order, 1, 256)


@pytest.mark.parametrize("order", ["rising", "falling"])
@pytest.mark.parametrize("stack_kib", [32, 64])
def test_calls_on_small_stacks_are_not_taken_for_nested(check, stack_kib, order):
    check("coroutines.c", "openssl-3.0", 8, order, 1, stack_kib)


@pytest.mark.parametrize("order", ["rising", "falling"])
@pytest.mark.parametrize("threads", [2, 3])
def test_coroutines_go_on_in_other_threads(check, threads, order):
    check("coroutines.c", "openssl-3.0", 8, order, threads, 256)


def test_greenlets_yield_within_ssl_calls(capture, credentials):
    """They copy their stacks away, so that calls meet at one stack pointer: what is shown, somebody
    said just so; not all can be shown."""
    program = pathlib.Path(__file__).parent / "programs/greenlets.py"
    words = ("/usr/bin/python3", program, credentials.certificate, credentials.key)
    with Waiting(*words) as alone:
        expected = alone.run()
    assert (expected.status, expected.stderr) == (0, "")
    with Waiting(*words) as greenlets, capture("--pid", str(greenlets.pid)) as agent:
        assert greenlets.run() == expected
        messages = agent.stop().messages
    assert messages
    for message in messages:
        if message.name == REQUEST and message.whole:
            word = re.match(rb"POST /(\d+/\d+) ", message.body)[1] + b" "
            repeated = word * (len(message.content) // len(word) + 1)
            assert message.content == repeated[: len(message.content)]


def _kinds_of_links(pid):
    """What the kernel calls the BPF links that a process holds."""
    kinds = []
    for descriptor in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it opens and closes some all the time
            text = descriptor.read_text(encoding="ascii")
            kinds += re.findall(r"^link_type:\t(\S+)$", text, re.M)
    return kinds


def test_no_probe_is_a_return_probe(capture, nginx):
    with capture() as agent:
        kinds = _kinds_of_links(agent.pid)
    if "uprobe_multi" not in kinds and "uretprobe_multi" not in kinds:
        pytest.skip("this kernel does not say which links are of uprobes")
    assert "uretprobe_multi" not in kinds
