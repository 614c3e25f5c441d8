# SPDX-License-Identifier: Apache-2.0
"""Files with OpenSSL in them are found wherever processes map them, each once, and left again."""

import contextlib
import os
import re
import shutil
import subprocess

import pytest

import conversation
from deadlines import DEADLINE_S, eventually
from native_peers import Build, Pair

pytestmark = pytest.mark.host_wide

# Runs a command where a folder that is empty for everybody else holds a copy of a library.
_OWN_MOUNTS = 'mount -t tmpfs none "$1" && cp "$2" "$1" && shift 2 && exec "$@"'


def attached(text):
    """The files that the diagnostics say were attached to, in order."""
    return re.findall(r"attached to (/.*)", text)


def in_own_mounts(directory, library):
    """The words before a command that run it in a mount namespace of its own, in which `directory`
    holds the library."""
    return ("unshare", "--mount", "sh", "-c", _OWN_MOUNTS, "sh", str(directory), str(library))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_library_only_a_mount_namespace_has_is_captured(
    capture, builder, credentials, scratch, when
):
    library = builder.build("openssl-3.0").functions_in
    build = Build(
        builder.build("openssl-3.0").program,
        scratch / library.name,
        {"LD_LIBRARY_PATH": str(scratch)},
    )
    with contextlib.ExitStack() as stack:
        launcher = in_own_mounts(scratch, library)
        if when == "before":
            pair = Pair(build, credentials, stack, launcher)
        agent = stack.enter_context(capture())
        if when == "after":
            pair = Pair(build, credentials, stack, launcher)
        assert not build.functions_in.exists()
        for peer in (pair.client, pair.server):  # each has a namespace, and so a file, of its own
            agent.wait_for_line(f"{build.functions_in} (as process {peer.pid} sees it)")
        pair.talk(agent)


def test_containers_of_one_image_share_one_attachment(capture, builder, credentials, scratch):
    image, empty, root = (scratch / name for name in ("image", "empty", "root"))
    for directory in (image, empty, root):
        directory.mkdir()
    build = builder.copy("static-symtab", image)
    mount = 'mount -t overlay -o "lowerdir=$1" none "$2" && shift 2 && exec "$@"'
    launcher = ("unshare", "--mount", "sh", "-c", mount, "sh", f"{image}:{empty}", str(root))
    inside = Build(root / build.program.name, root / build.program.name)
    with contextlib.ExitStack() as stack:
        pairs = [Pair(inside, credentials, stack, launcher) for _ in range(2)]
        agent = stack.enter_context(capture())
        for pair in pairs:
            pair.talk(agent)
        outcome = agent.stop()
    found = [name for name in attached(outcome.stderr) if str(root) in name]
    assert len(found) == 1
    assert "calls that began unseen 0 " in outcome.stderr


def test_a_file_of_many_names_is_attached_to_once(capture, builder, credentials, scratch):
    build = builder.copy("static-symtab", scratch)
    other = scratch / "hard-link"
    os.link(build.program, other)
    with contextlib.ExitStack() as stack:
        pairs = [Pair(Build(name, name), credentials, stack) for name in (build.program, other)]
        agent = stack.enter_context(capture("--libssl", str(other)))
        for pair in pairs:
            pair.talk(agent)
        outcome = agent.stop()
    found = [name for name in attached(outcome.stderr) if str(scratch) in name]
    assert found == [str(other)]


def test_a_deleted_library_and_the_one_in_its_place_are_captured(
    capture, builder, credentials, scratch
):
    build = builder.copy("openssl-3.0", scratch)

    def replace():  # as a package upgrade does
        fresh = scratch / "fresh"
        shutil.copy(build.functions_in, fresh)
        fresh.rename(build.functions_in)

    with contextlib.ExitStack() as stack:
        first = Pair(build, credentials, stack)
        replace()
        with capture() as agent:
            agent.wait_for_line(f"attached to {build.functions_in} (deleted)")
            first.talk(agent)
            second = Pair(build, credentials, stack)
            agent.wait_for_line(f"attached to {build.functions_in}")
            second.talk(agent)
            replace()
            third = Pair(build, credentials, stack)
            agent.wait_for(
                lambda _: agent.count_lines(f"attached to {build.functions_in}") == 2,
                "the file that replaced a library is attached to",
            )
            for pair in (first, second, third):
                pair.talk(agent)


def test_a_process_that_ends_at_once_brings_its_library_along(
    capture, builder, credentials, scratch
):
    build = builder.copy("static-debugdata", scratch)
    with capture() as agent, contextlib.ExitStack() as stack:
        # Without input it ends as soon as it has started: within milliseconds.
        subprocess.run([build.program], stdin=subprocess.DEVNULL, check=True, timeout=DEADLINE_S)
        agent.wait_for_line(f"attached to {build.functions_in}")
        Pair(build, credentials, stack).talk(agent)


def test_what_nobody_maps_any_longer_is_left_and_found_again(
    capture, builder, credentials, scratch, nginx, https_client
):
    build = builder.copy("openssl-3.0", scratch)
    attached_to = f"attached to {build.functions_in}"
    detached_from = f"detached from {build.functions_in}: no process maps it any more"
    with capture("--detach-after", "1") as agent:
        client = https_client.connect(nginx.port)
        done = []

        def talk_until_detached(times):
            done.append(https_client.request("GET", "/connection"))
            return agent.count_lines(detached_from) == times

        for times in (1, 2):
            with contextlib.ExitStack() as stack:
                pair = Pair(build, credentials, stack)
                agent.wait_for(
                    lambda _, times=times: agent.count_lines(attached_to) == times, attached_to
                )
                pair.talk(agent)
                assert agent.count_lines(detached_from) == times - 1
            eventually(lambda times=times: talk_until_detached(times), detached_from)
        outcome = agent.stop()
    # Meanwhile not a byte of others was missed.
    captured = [message.body for message in conversation.at(outcome.messages, client)]
    assert captured == [part for one in done for part in (one.sent_bytes, one.received_bytes)]


PROCESSES_OF_STORM = 1500
LOOKS = 'tlscope_bus_events_published_total{topic="control.agent.task"}'


def test_a_storm_of_processes_costs_few_looks(site, endpoint, builder, credentials, scratch):
    build = builder.copy("static-symtab", scratch)
    storm = f"i=0; while [ $i -lt {PROCESSES_OF_STORM} ]; do /bin/true; i=$((i+1)); done"
    with contextlib.ExitStack() as stack:
        agent = stack.enter_context(site.capture("--metrics", endpoint.address))
        # The agent tells of each look at all processes.
        before = eventually(lambda: endpoint.samples().get(LOOKS), "the first look is told of")
        subprocess.run(["sh", "-c", storm], check=True, timeout=DEADLINE_S * 4)
        Pair(build, credentials, stack)
        agent.wait_for_line(f"attached to {build.functions_in}")
        looks = endpoint.samples()[LOOKS] - before
    # One for each process would cost many times as much as they do.
    assert looks < PROCESSES_OF_STORM / 10
