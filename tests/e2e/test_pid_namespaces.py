# SPDX-License-Identifier: Apache-2.0
"""In a PID namespace of its own, as in a container, the agent goes by the numbers that processes have
there: for what is to be captured, for what is shown, and for itself."""

import contextlib
import pathlib
import socket
import ssl
import threading

import pytest

import tlscope
from deadlines import eventually

_NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")

# Fetches a URL again and again, each time by a child that leaves its number in a file, beside a
# command that is told the number of the process whose children those are.
_FETCHING = """
while sleep 0.1; do
  sh -c 'echo $$ >> "$0"; exec curl -s --http1.1 --cacert "$1" -o /dev/null "$2"' "$1" "$2" "$3"
done &
shift 3
exec "$@" --pid $!
"""


def fetching(numbers, credentials, nginx):
    """Words that run a command in a namespace in which something is fetched."""
    fetched = (str(numbers), str(credentials.certificate), nginx.url("/connection"))
    return (*_NAMESPACE, "sh", "-c", _FETCHING, "sh", *fetched)


def test_a_pid_is_that_of_the_namespace(capture, nginx, credentials, scratch):
    numbers = scratch / "numbers"
    with capture(launcher=fetching(numbers, credentials, nginx)) as agent:
        agent.wait_for(lambda seen: len(seen) >= 6, "several exchanges")
        outcome = agent.stop()
    inside = {int(line) for line in numbers.read_text(encoding="ascii").split()}
    assert {message.comm for message in outcome.messages} == {"curl"}
    assert {message.pid for message in outcome.messages} <= inside


def test_a_process_outside_of_the_namespace_cannot_be_named(able_to_capture):
    unused = 4_000_000  # but for a host that has started so many
    assert not pathlib.Path(f"/proc/{unused}").exists()
    result = tlscope.run("capture", "--pid", str(unused), launcher=_NAMESPACE)
    tlscope.check_refused(result, tlscope.FAILED, str(unused), "in this PID namespace")


def test_a_proc_of_another_namespace_is_told_of(able_to_capture):
    launcher = ("unshare", "--pid", "--fork", "--kill-child")
    result = tlscope.run("capture", "--pid", "1", launcher=launcher)
    tlscope.check_refused(result, tlscope.MISUSED, "/proc", "another PID namespace")


class Collector:
    """Receives over TLS, and counts the bytes."""

    def __init__(self, credentials):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(credentials.certificate, credentials.key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.received = 0
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                accepted = self._listener.accept()[0]
                with self._context.wrap_socket(accepted, server_side=True) as connection:
                    while data := connection.recv(1 << 16):
                        self.received += len(data)

    def close(self):
        """Ends it."""
        self._listener.close()


@pytest.mark.parametrize("launcher", [(), _NAMESPACE], ids=["first namespace", "its own"])
def test_the_agent_does_not_capture_itself(capture, nginx, curl, credentials, launcher):
    collector = Collector(credentials)
    output = f"tls://127.0.0.1:{collector.port}"
    options = ("-o", output, "--tls-ca", str(credentials.certificate), "-o", "text:-")
    ports = ("--port", str(collector.port), "--port", str(nginx.port))
    with contextlib.closing(collector), capture(*options, *ports, launcher=launcher) as agent:
        transfers = curl.run(*[nginx.url("/connection")] * 3)
        agent.wait_for(
            lambda seen: len([one for one in seen if one.comm == "curl"]) >= 2 * len(transfers),
            "what curl said",
        )
        eventually(lambda: collector.received > 0, "something at the collector")
        outcome = agent.stop()
    # What the agent wrote would be among what it saw, and what it wrote of that, and so on.
    assert not [one for one in outcome.messages if one.comm == "tlscope"]
