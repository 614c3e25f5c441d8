# SPDX-License-Identifier: Apache-2.0
"""Programs in C and C++ linked with one TLS library or another: the client and server of
programs/tls_peer.c, and whatever else is there."""

import dataclasses
import lzma
import os
import pathlib
import shutil
import subprocess

from conversation import check_exchanges
from deadlines import DEADLINE_S, Deadline, LineReader
from programs_under_trace import End, comm_of
from text_format import Endpoint

_HERE = pathlib.Path(__file__).resolve().parent
_PEER = "tls_peer.c"
_FETCH = _HERE.parents[1] / "scripts/fetch_libraries"
_FETCH_DEADLINE_S = 300  # it may have to download some 10 MB


@dataclasses.dataclass(frozen=True)
class Build:
    """The program linked with one library, and the file that has the library's functions."""

    program: pathlib.Path
    functions_in: pathlib.Path
    environment: dict = dataclasses.field(default_factory=dict)


def _run(*command):
    command = list(map(str, command))
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=_FETCH_DEADLINE_S, check=False
    )
    assert result.returncode == 0, f"{command}: {result.stderr}"
    return result.stdout


class Builder:
    """Makes programs in a directory, each once."""

    names = (
        "openssl-1.1.1",
        "openssl-3.0",
        "openssl-3.5",
        "boringssl",
        "static-symtab",
        "static-dynsym",
        "static-debugdata",
    )

    def __init__(self, directory):
        self._directory = directory
        self._made = {}

    # With OpenSSL inside and no symbols, so that nobody finds what to probe. Not one of `names`.
    hidden = "static-hidden"

    def build(self, name, source=_PEER):
        """The Build with one of `names`, or `hidden`, of a file of programs/."""
        if (name, source) not in self._made:
            make = self._static if name.startswith("static-") else self._shared
            self._made[name, source] = make(name, source)
        return self._made[name, source]

    def copy(self, name, directory):
        """A Build of its own: the library and what it needs, or the program, in `directory`."""
        build = self.build(name)
        if build.functions_in == build.program:
            program = shutil.copy(build.program, directory)
            return Build(pathlib.Path(program), pathlib.Path(program))
        own = directory / build.functions_in.name
        for library in (build.functions_in, *build.functions_in.parent.glob("libcrypto.so.*")):
            shutil.copy(library, directory)
        return Build(build.program, own, {"LD_LIBRARY_PATH": str(directory)})

    def _compile(self, name, source, *arguments):
        source = _HERE / "programs" / source
        program = self._directory / (name if source.name == _PEER else f"{source.stem}-{name}")
        compiler = "g++" if source.suffix == ".cc" else "gcc"
        _run(compiler, "-O1", "-pthread", "-o", program, source, *arguments)
        return program

    def _shared(self, name, source):
        if name == "openssl-3.0":  # this machine's own
            program = self._compile(name, source, "-lssl", "-lcrypto")
            (library,) = (
                line.split()[2] for line in _run("ldd", program).splitlines() if "libssl" in line
            )
            return Build(program, pathlib.Path(library).resolve())
        folder = pathlib.Path(_run(_FETCH).strip()) / name / "usr/lib/x86_64-linux-gnu"
        if name == "boringssl":
            folder /= "android"
        (library,) = (path for path in folder.glob("libssl.so.*") if not path.is_symlink())
        how = [library, *folder.glob("libcrypto.so.*"), "-Wl,--allow-shlib-undefined"]
        if (loader := folder / "ld-linux-x86-64.so.2").exists():
            how.append(f"-Wl,--dynamic-linker={loader}")
        program = self._compile(name, source, *how)
        return Build(program, library, {"LD_LIBRARY_PATH": str(folder)})

    def _static(self, name, source):
        how = {"static-dynsym": "-rdynamic", self.hidden: "-s"}.get(name, "-O1")
        program = self._compile(name, source, how, "-l:libssl.a", "-l:libcrypto.a")
        if name == "static-debugdata":
            _move_symbols_to_debugdata(program)
        elif name == "static-dynsym":
            _run("strip", "--strip-all", program)
        return Build(program, program)


def _move_symbols_to_debugdata(program):
    """As Fedora's packages are made (gdb manual, "MiniDebugInfo")."""
    mini = program.with_suffix(".mini")
    _run("objcopy", "--only-keep-debug", program, mini)
    packed = program.with_suffix(".xz")
    packed.write_bytes(lzma.compress(mini.read_bytes()))
    _run("strip", "--strip-all", program)
    _run("objcopy", f"--add-section=.gnu_debugdata={packed}", program)
    mini.unlink()
    packed.unlink()


class NativePeer:
    """Either end of a TLS connection over loopback; see programs/tls_peer.c."""

    def __init__(self, build, credentials, launcher=(), program=None):
        self._credentials = credentials
        self._process = subprocess.Popen(
            [*launcher, str(program or build.program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **build.environment},
        )
        self._answers = LineReader(self._process.stdout.fileno())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    @property
    def pid(self):
        """Of the process."""
        return self._process.pid

    def tell(self, *words):
        """Gives a command; its answer is to be fetched later."""
        self._process.stdin.write((" ".join(map(str, words)) + "\n").encode())
        self._process.stdin.flush()

    def answer(self):
        """The words of the answer to the earliest command not yet answered."""
        line = self._answers.read_line(Deadline())
        assert line is not None, f"the program ended: {self._process.wait(DEADLINE_S)}"
        return line.decode().split()

    def use(self, functions):
        """From now on sends and receives by these; whether its library has them."""
        self.tell("by", functions)
        return self.answer() == ["1"]

    def listen(self):
        """Opens a port; its number."""
        self.tell("listen", self._credentials.certificate, self._credentials.key)
        return int(self.answer()[0])

    def end(self):
        """The End that an earlier `accept` or `connect` led to."""
        local, local_port, remote, remote_port, fd = self.answer()
        return End(
            pid=self.pid,
            comm=comm_of(self.pid),
            local=Endpoint(local, int(local_port)),
            remote=Endpoint(remote, int(remote_port)),
            fd=int(fd),
        )


def connect(client, server):
    """Connects two NativePeers; the End of each."""
    port = server.listen()
    server.tell("accept")
    client.tell("connect", port)
    return client.end(), server.end()


def transfer(sender, receiver, data):
    """Sends `data` in one call from one peer to the other, and checks that it arrived."""
    receiver.tell("receive", len(data))
    sender.tell("send", data.hex())
    assert sender.answer() == [str(len(data))]
    assert bytes.fromhex(receiver.answer()[0]) == data


class Pair:
    """A client and a server with the same library, connected. Both use `functions`, which their
    library must have."""

    def __init__(self, build, credentials, stack, launcher=(), functions="SSL_write"):
        self.build = build
        self.client = stack.enter_context(NativePeer(build, credentials, launcher))
        self.server = stack.enter_context(NativePeer(build, credentials, launcher))
        for peer in (self.client, self.server):
            assert peer.use(functions), f"{build.functions_in} has no {functions}"
        self.client_end, self.server_end = connect(self.client, self.server)
        self.said = []

    def talk(self, agent, body=b"hello"):
        """Exchanges a request and a response, and checks that everything said since the first time
        was captured, at both ends."""
        self.say(body)
        self.check(agent)

    def say(self, body=b"hello"):
        """Exchanges a request and a response."""
        request = b"POST /%d HTTP/1.1\r\nHost: peer\r\n" % self.client.pid
        request += b"Content-Length: %d\r\n\r\n" % len(body) + body
        response = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body[::-1]
        transfer(self.client, self.server, request)
        transfer(self.server, self.client, response)
        self.said.append((request, response))

    def check(self, agent):
        """Checks that everything said was captured, at both ends."""
        check_exchanges(agent, self.client_end, self.server_end, self.said)
