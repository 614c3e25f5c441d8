# SPDX-License-Identifier: Apache-2.0
"""The programs whose TLS connections are captured, and the tools they are started with."""

import base64
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess

from deadlines import DEADLINE_S, Deadline, LineReader
from text_format import Endpoint

PYTHON = "/usr/bin/python3"
_PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"


@dataclasses.dataclass(frozen=True)
class End:
    """One process's end of a connection, as that process itself reports it."""

    pid: int
    comm: str
    local: Endpoint
    remote: Endpoint
    fd: int | None = None  # None where the program does not tell

    def peer(self, pid, comm, fd=None):
        """The other end of the same connection."""
        return End(pid, comm, self.remote, self.local, fd)


def comm_of(pid):
    """The name the kernel has for a process."""
    return pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").removesuffix("\n")


def programs_directory():
    """Where the programs of ours are."""
    return _PROGRAMS


@contextlib.contextmanager
def working_program(*command):
    """A program of ours that works by itself, and what makes it do so and returns its report."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    answers = LineReader(process.stdout.fileno())

    def work():
        process.stdin.write(b"\n")
        process.stdin.flush()
        return json.loads(answers.read_line(Deadline()))

    try:
        yield process, work
    finally:
        process.stdin.close()
        process.kill()
        process.wait()
        process.stdout.close()


def as_user(uid):
    """The words before a command that run it as another user, without privileges."""
    return ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups")


# The words before a command that run it so that it is given no lease of another user's file.
WITHOUT_CAP_LEASE = ("setpriv", "--bounding-set=-lease", "--inh-caps=-lease")


def _endpoint(address, port):
    """An end as a program names it; IPv4 that came through an IPv6 socket is IPv4."""
    return Endpoint(address.removeprefix("::ffff:"), port)


class CommandedProgram:
    """A program of ours, told by JSON commands what to do."""

    def __init__(self, script, launcher=(), environment=None):
        self._process = subprocess.Popen(
            [*launcher, PYTHON, str(_PROGRAMS / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})},
        )
        self._answers = LineReader(self._process.stdout.fileno())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        try:
            self._process.wait(DEADLINE_S)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()

    @property
    def pid(self):
        """Of the process."""
        return self._process.pid

    def kill(self):
        """Ends it, whatever it is about."""
        self._process.kill()
        self._process.wait(DEADLINE_S)

    def tell(self, do, **arguments):
        """Gives a command; its answer is to be fetched later."""
        for key, value in arguments.items():
            if isinstance(value, bytes):
                arguments[key] = base64.b64encode(value).decode()
            elif isinstance(value, pathlib.Path):
                arguments[key] = str(value)
        self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        self._process.stdin.flush()

    def answer(self):
        """The answer to the earliest command not yet answered."""
        line = self._answers.read_line(Deadline())
        assert line is not None, "the program ended before it answered"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer

    def ask(self, do, **arguments):
        """Gives a command and waits for its answer."""
        self.tell(do, **arguments)
        return self.answer()

    def _end(self, answer):
        assert answer["pid"] == self.pid
        return End(
            pid=self.pid,
            comm=comm_of(self.pid),
            local=_endpoint(*answer["local"]),
            remote=_endpoint(*answer["remote"]),
            fd=answer["fd"],
        )


class TlsPeer(CommandedProgram):
    """Either end of a TLS connection; see programs/tls_peer.py."""

    def __init__(self, credentials, **how):
        super().__init__("tls_peer.py", **how)
        self._credentials = credentials

    def listen(self, address="127.0.0.1", **how):
        """Opens a port; its number."""
        how |= {"certificate": self._credentials.certificate, "key": self._credentials.key}
        return self.ask("listen", address=address, **how)["port"]

    def connect(self, port, address="127.0.0.1", **how):
        """Connects to a server, which must accept meanwhile; this End."""
        certificate = self._credentials.certificate
        return self._end(
            self.ask("connect", address=address, port=port, certificate=certificate, **how)
        )

    def accepted(self):
        """The End that an earlier `tell("accept")` led to."""
        return self._end(self.answer())

    def send(self, data):
        """Sends all of `data` in one call."""
        assert self.ask("send", bytes=data)["count"] == len(data)

    def receive(self, count, **how):
        """Receives exactly `count` bytes."""
        received = base64.b64decode(self.ask("receive", count=count, **how)["bytes"])
        assert len(received) == count
        return received

    def receive_all(self):
        """Receives until the other end closes."""
        return base64.b64decode(self.ask("receive", count=1 << 30)["bytes"])


def connect_peers(client, server, address="127.0.0.1", **how):
    """Connects two TlsPeers over loopback; the End of each."""
    port = server.listen(address)
    server.tell("accept")
    client_end = client.connect(port, address, **how)
    server_end = server.accepted()
    assert (client_end.local, client_end.remote) == (server_end.remote, server_end.local)
    return client_end, server_end


def transfer(sender, receiver, data):
    """Sends `data` in one call from one TlsPeer to the other, and checks that it arrived."""
    receiver.tell("receive", count=len(data))
    sender.send(data)
    assert base64.b64decode(receiver.answer()["bytes"]) == data


@dataclasses.dataclass(frozen=True)
class Exchange:
    """A request and its response as http.client saw them, each described by count, sha256, head
    and, unless it is long, bytes."""

    status: int
    sent: dict
    received: dict
    content: dict

    @property
    def sent_head(self):
        """The request up to its content."""
        return base64.b64decode(self.sent["head"])

    @property
    def sent_bytes(self):
        """The request as it was sent."""
        return base64.b64decode(self.sent["bytes"])

    @property
    def received_head(self):
        """The response up to its content."""
        return base64.b64decode(self.received["head"])

    @property
    def received_bytes(self):
        """The response as it was received, with transfer framing."""
        return base64.b64decode(self.received["bytes"])

    @property
    def content_bytes(self):
        """The response's content."""
        return base64.b64decode(self.content["bytes"])


class HttpsClient(CommandedProgram):
    """http.client over ssl; see programs/https_client.py."""

    def __init__(self, credentials, **how):
        super().__init__("https_client.py", **how)
        self._credentials = credentials

    def connect(self, port, address="127.0.0.1"):
        """Connects; this End."""
        certificate = self._credentials.certificate
        return self._end(self.ask("connect", address=address, port=port, certificate=certificate))

    def request(self, method, target, **how):
        """One exchange. `how` may carry a body as `bytes` or `file`, and `chunks`."""
        return Exchange(**self.ask("request", method=method, target=target, **how))


@dataclasses.dataclass(frozen=True)
class CurlTransfer:
    """One transfer of a curl run."""

    end: End
    request_head: bytes
    response_head: bytes  # the final one, where the server said `100 Continue` first
    body: bytes
    connections_opened: int


class Curl:
    """A run of curl over one or more targets of a server, HTTP/1.1 unless told otherwise."""

    def __init__(self, credentials, directory, launcher=()):
        self._certificate = credentials.certificate
        self._directory = directory
        self._launcher = launcher

    def run(self, *targets, options=()):
        """Fetches each URL in turn; a list of CurlTransfer."""
        process = self.start(*targets, options=options)
        return self.collect(process, targets)

    def start(self, *targets, options=()):
        """Starts what `run` does and returns the process, for `collect`."""
        outputs = []
        for number, _ in enumerate(targets):
            outputs += ["-o", str(self._directory / f"body{number}")]
        report = "%{local_ip} %{local_port} %{remote_ip} %{remote_port} %{num_connects}\\n"
        command = ["curl", "--silent", "--show-error", "--verbose", "--http1.1", "--max-time", "30"]
        command += ["--cacert", str(self._certificate), "--write-out", report]
        return subprocess.Popen(
            [*self._launcher, *command, *options, *outputs, *targets],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def collect(self, process, targets):
        """Waits for a started run to end; a list of CurlTransfer."""
        stdout, stderr = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0, stderr.decode(errors="replace")
        reports = [line.split() for line in stdout.decode().splitlines()]
        assert len(reports) == len(targets)
        requests, responses = _curl_heads(stderr)
        transfers = []
        for number, report in enumerate(reports):
            transfers.append(
                CurlTransfer(
                    end=End(
                        pid=process.pid,
                        comm="curl",
                        local=Endpoint(report[0], int(report[1])),
                        remote=Endpoint(report[2], int(report[3])),
                    ),
                    request_head=requests[number],
                    response_head=responses[number],
                    body=(self._directory / f"body{number}").read_bytes(),
                    connections_opened=int(report[4]),
                )
            )
        return transfers


def _curl_heads(stderr):
    """The heads of the requests sent and of the final responses, from curl's verbose output."""
    requests, responses = [], []
    for line in stderr.splitlines(keepends=True):
        match = re.match(rb"([<>]) (.*\r\n)", line)
        if not match:
            continue
        heads = requests if match[1] == b">" else responses
        if not heads or heads[-1].endswith(b"\r\n\r\n"):
            heads.append(b"")
        if match[2].startswith(b"HTTP/"):
            heads[-1] = b""  # what came before was `100 Continue`
        heads[-1] += match[2]
    return requests, responses


def established_connection(pid):
    """The one TCP connection of a process that does not tell by itself, from /proc."""
    descriptors = {}  # by inode
    for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        if match := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(link)):
            descriptors[match[1]] = int(link.name)
    rows = pathlib.Path(f"/proc/{pid}/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    row = next(fields for line in rows if (fields := line.split())[9] in descriptors)
    local, remote = _proc_endpoint(row[1]), _proc_endpoint(row[2])
    return End(pid, comm_of(pid), local, remote, descriptors[row[9]])


def _proc_endpoint(text):
    address, port = text.split(":")
    octets = bytes.fromhex(address)[::-1]  # printed as a number of this machine's byte order
    return Endpoint(".".join(str(octet) for octet in octets), int(port, 16))


def missing_programs(*names):
    """Of the named programs, those that are not installed."""
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    return [name for name in names if not shutil.which(name, path=path)]
