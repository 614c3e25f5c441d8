# SPDX-License-Identifier: Apache-2.0
"""Files that are attached to can be written over and unmounted as if they were not. Each test runs
without the agent first: what goes wrong there is not the agent's doing."""

import contextlib
import os
import pathlib
import subprocess
import threading
import time

import pytest

from deadlines import DEADLINE_S, eventually
from native_peers import Build, Pair
from programs_under_trace import WITHOUT_CAP_LEASE

pytestmark = pytest.mark.host_wide

# Some tens of milliseconds (README.md). Who is not let in waits for 45 s
# (/proc/sys/fs/lease-break-time).
WRITE_S = DEADLINE_S

# Two seconds (README.md), and more for a machine that has other things to do. What is let go for
# other reasons is so after half a minute at the earliest.
LET_GO_S = 10.0

_PADDING = 'asm(".text\\n.skip %d\\n");'
_PEER = pathlib.Path(__file__).parent / "programs/tls_peer.c"

_OTHER_USER = 65534

_FILTERS = pytest.mark.parametrize(
    "filters", [(), ("--comm", "nobody")], ids=["captured", "left out"]
)


def _gcc(made, *arguments):
    subprocess.run(["gcc", "-O1", "-o", made, *arguments], check=True, timeout=DEADLINE_S)


def _make_both(directory, *arguments):
    """The bytes of two versions of what gcc makes of these."""
    contents = []
    for size in (16, 4096):
        padding, made = directory / "padding.c", directory / "version"
        padding.write_text(_PADDING % size, encoding="ascii")
        _gcc(made, "-pthread", padding, *arguments)
        contents.append(made.read_bytes())
    return contents


class Versions:
    """Two versions of a file with OpenSSL in it, whose code is at different places, and how to run
    tls_peer with whichever is there now. `kind`: it is the program, or a library."""

    def __init__(self, kind, directory):
        static = ["-l:libssl.a", "-l:libcrypto.a"]
        if kind == "program":
            self.file = directory / "peer"
            self._contents = _make_both(directory, _PEER, *static)
            self.build = Build(self.file, self.file)
        else:
            self.file = directory / "libssl.so.3"
            whole = ["-Wl,--whole-archive", *static, "-Wl,--no-whole-archive"]
            soname = f"-Wl,-soname,{self.file.name}"
            self._contents = _make_both(directory, "-shared", soname, *whole)
        self._next = 0
        self.write()
        self.file.chmod(0o755)
        if kind == "library":
            program = directory / "peer"
            _gcc(program, "-pthread", _PEER, self.file)
            self.build = Build(program, self.file, {"LD_LIBRARY_PATH": str(directory)})

    def write(self, like_before=False):
        """Writes the other version over the file, in place; with the times it had, if so asked. How
        long that took."""
        began = time.monotonic()
        times = os.stat(self.file) if like_before else None
        with open(self.file, "r+b" if self.file.exists() else "wb") as file:
            file.write(self._contents[self._next])
            file.truncate()
        if times:
            os.utime(self.file, ns=(times.st_atime_ns, times.st_mtime_ns))
        self._next = 1 - self._next
        return time.monotonic() - began

    def start(self):
        """Runs it to its end. Its exit status."""
        environment = {**os.environ, **self.build.environment}
        done = subprocess.run(
            [self.build.program],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=DEADLINE_S,
            check=False,
        )
        return done.returncode


@contextlib.contextmanager
def load(versions, connect):
    """Meanwhile others start the programs that are not written over, and talk."""
    ended = threading.Event()
    statuses = []

    def work():
        while not ended.is_set():
            statuses.append(connect())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(DEADLINE_S)
    assert statuses and not any(statuses), versions.file


@pytest.fixture(name="versions", params=["program", "library"])
def _versions(request, able_to_capture, scratch):
    return Versions(request.param, scratch)


@pytest.fixture(name="fetch")
def _fetch(nginx, credentials):
    """Has curl fetch something; its exit status."""
    command = ["curl", "-s", "--cacert", credentials.certificate, "-o", "/dev/null"]
    command.append(nginx.url("/connection"))
    return lambda: subprocess.run(command, timeout=DEADLINE_S, check=False).returncode


def write_and_start(versions, fetch):
    """Writes over the file again and again while it is used, and starts it after each time."""
    with load(versions, fetch):
        for round_number in range(6):
            assert versions.start() == 0
            assert versions.write(like_before=round_number % 2 == 0) < WRITE_S
            for _ in range(3):
                assert versions.start() == 0, f"round {round_number}"


@_FILTERS
def test_a_file_written_over_in_place_works(capture, versions, fetch, filters):
    write_and_start(versions, fetch)
    with capture(*filters) as agent:
        write_and_start(versions, fetch)
        assert agent.count_lines(f"attached to {versions.file}") > 0
        outcome = agent.stop()
    assert outcome.status == 0


def test_what_was_written_over_is_captured_again(capture, versions, credentials):
    attached_to = f"attached to {versions.file}"
    with capture() as agent:
        for times in (1, 2, 3):
            assert versions.start() == 0
            agent.wait_for(
                lambda _, times=times: agent.count_lines(attached_to) == times, attached_to
            )
            with contextlib.ExitStack() as stack:
                Pair(versions.build, credentials, stack).talk(agent)
            assert versions.write() < WRITE_S
        detached = f"detached from {versions.file}: somebody writes to it"
        agent.wait_for(lambda _: agent.count_lines(detached) == 3, detached)


# A program that is open for writing cannot be started (ETXTBSY).
@pytest.mark.parametrize("versions", ["library"], indirect=True)
def test_nothing_is_attached_to_while_it_is_written(capture, versions, credentials):
    """The writer came before the agent, or keeps the file open."""
    attached_to = f"attached to {versions.file}"
    with contextlib.ExitStack() as stack:
        pair = Pair(versions.build, credentials, stack)
        with open(versions.file, "r+b") as writer, capture() as agent:
            assert agent.count_lines(attached_to) == 0
            writer.close()
            agent.wait_for_line(attached_to)
            pair.talk(agent)


def test_the_end_of_a_capture_lets_writers_in_at_once(capture, versions):
    with capture() as agent:
        assert versions.start() == 0
        agent.wait_for_line(f"attached to {versions.file}")
        agent.stop()
    assert versions.write() < WRITE_S
    assert versions.start() == 0


def test_without_leases_the_probes_follow_what_is_written(capture, versions, credentials):
    os.chown(versions.file, _OTHER_USER, _OTHER_USER)
    attached_to = f"attached to {versions.file}"
    with capture(launcher=WITHOUT_CAP_LEASE) as agent:
        for times in (1, 2):
            if times == 1:
                assert versions.start() == 0
            # What is started before it is attached to again may crash, and README.md says so.
            agent.wait_for(
                lambda _, times=times: agent.count_lines(attached_to) == times, attached_to
            )
            with contextlib.ExitStack() as stack:
                Pair(versions.build, credentials, stack).talk(agent)
            versions.write()
        outcome = agent.stop()
    assert "cannot lease" in outcome.stderr and "CAP_LEASE" in outcome.stderr


@pytest.fixture(name="mount")
def _mount(scratch):
    """A file system of its own."""
    folder = scratch / "mounted"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True, timeout=DEADLINE_S)
    yield folder
    subprocess.run(["umount", "-l", folder], capture_output=True, timeout=DEADLINE_S, check=False)


def unmount(folder):
    """Whether the folder could be unmounted."""
    command = ["umount", folder]
    return not subprocess.run(
        command, capture_output=True, timeout=DEADLINE_S, check=False
    ).returncode


def use_and_unmount(build, folder, on_started):
    """Runs a program with the library in the folder and unmounts it; how long it stayed busy."""
    process = subprocess.Popen(
        [build.program], stdin=subprocess.PIPE, env={**os.environ, **build.environment}
    )
    on_started()
    process.communicate(timeout=DEADLINE_S)
    began = time.monotonic()
    eventually(lambda: unmount(folder), "the folder is unmounted")
    return time.monotonic() - began


@_FILTERS
@pytest.mark.parametrize("name", ["openssl-3.0", "static-symtab"], ids=["library", "program"])
def test_a_file_system_can_be_unmounted_after_its_last_user(capture, builder, mount, name, filters):
    build = builder.copy(name, mount)
    use_and_unmount(build, mount, lambda: None)
    with capture(*filters) as agent:
        for times in (1, 2):
            subprocess.run(["mount", "-t", "tmpfs", "none", mount], check=True, timeout=DEADLINE_S)
            builder.copy(name, mount)
            attached_to = f"attached to {build.functions_in}"

            def attached(times=times, attached_to=attached_to):
                agent.wait_for(lambda _: agent.count_lines(attached_to) == times, attached_to)

            busy_s = use_and_unmount(build, mount, attached)
            assert busy_s < LET_GO_S


def test_a_library_on_a_mount_is_kept_while_one_process_uses_it(
    capture, builder, mount, credentials
):
    """Also when those that were seen to map it have ended."""
    build = builder.copy("openssl-3.0", mount)
    with contextlib.ExitStack() as stack:
        other = Pair(build, credentials, stack)
        agent = stack.enter_context(capture())
        with contextlib.ExitStack() as first:
            Pair(build, credentials, first).talk(agent)
        ended = time.monotonic()

        def long_ago():
            other.talk(agent)
            return time.monotonic() > ended + 4

        eventually(long_ago, "what is not used has been let go")
        detached = f"detached from {build.functions_in}: no process maps it any more"
        assert agent.count_lines(detached) == 0
