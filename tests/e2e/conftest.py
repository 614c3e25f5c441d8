# SPDX-License-Identifier: Apache-2.0
"""What the tests share: where they may run, a place for files, certificates, nginx, the agent."""

import os
import pathlib
import shutil
import tempfile

import pytest

import ipc
import native_peers
import programs_under_trace
import prometheus
import servers
import tlscope

_CAPABILITIES = {"CAP_SYS_ADMIN": 21, "CAP_PERFMON": 38, "CAP_BPF": 39}
_PROGRAMS = ("nginx", "curl", "openssl", "bpftool", "setpriv", "unshare", "brotli", "zstd", "gcc")


def pytest_configure(config):
    """Makes the mark known."""
    config.addinivalue_line(
        "markers", "host_wide: looks at the whole host, or loads it: runs while no other test does"
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """For `-n auto`: these tests wait, mostly for the kernel, more than half of their time."""
    return 2 * (os.cpu_count() or 1)


def _what_is_missing():
    """Why capturing cannot be tested here; empty when it can."""
    if os.geteuid() != 0:
        return "it takes root to capture"
    status = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
    effective = int(status.split("CapEff:")[1].split()[0], 16)
    if absent := [name for name, bit in _CAPABILITIES.items() if not effective >> bit & 1]:
        return f"this root lacks {', '.join(absent)}"
    if not pathlib.Path("/sys/kernel/btf/vmlinux").exists():
        return "the kernel has no BTF"
    if absent := programs_under_trace.missing_programs(*_PROGRAMS):
        return f"not installed: {', '.join(absent)}"
    return ""


@pytest.fixture(scope="session", name="able_to_capture")
def _able_to_capture():
    """Skips where capturing is impossible."""
    if missing := _what_is_missing():
        pytest.skip(missing)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    """In CI what would be skipped fails."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("CI") == "true":
        *_, reason = report.longrepr
        report.outcome, report.longrepr = "failed", f"in CI every test has to run: {reason}"


def pytest_terminal_summary(terminalreporter):
    """Says in one line why tests were left out."""
    if "skipped" in terminalreporter.stats and (missing := _what_is_missing()):
        terminalreporter.write_line(f"capturing was not tested: {missing}")


def _make_directory():
    directory = tempfile.TemporaryDirectory(prefix="tlscope-e2e-")
    path = pathlib.Path(directory.name)
    path.chmod(0o755)  # programs that run as another user read it
    return directory, path


@pytest.fixture(scope="session", name="session_directory")
def _session_directory():
    directory, path = _make_directory()
    with directory:
        yield path


@pytest.fixture(name="scratch")
def _scratch():
    """A directory that every user can read and that is gone after the test."""
    directory, path = _make_directory()
    with directory:
        yield path


@pytest.fixture(scope="session", name="credentials")
def _credentials(session_directory):
    return servers.Credentials.make(session_directory)


@pytest.fixture(scope="session", name="nginx")
def _nginx(able_to_capture, session_directory, credentials):
    prefix = session_directory / "nginx"
    prefix.mkdir()
    with servers.Nginx(prefix, credentials) as nginx:
        yield nginx


@pytest.fixture(scope="session", name="builder")
def _builder(able_to_capture, session_directory):
    directory = session_directory / "native"
    directory.mkdir()
    return native_peers.Builder(directory)


@pytest.fixture(name="capture")
def _capture(able_to_capture):
    """Starts the agent: `with capture("--pid", "1") as agent`."""
    return tlscope.Agent


@pytest.fixture(name="curl")
def _curl(credentials, scratch):
    return programs_under_trace.Curl(credentials, scratch)


@pytest.fixture(name="https_client")
def _https_client(credentials):
    with programs_under_trace.HttpsClient(credentials) as client:
        yield client


@pytest.fixture(name="tls_client")
def _tls_client(credentials):
    with programs_under_trace.TlsPeer(credentials) as peer:
        yield peer


@pytest.fixture(name="tls_server")
def _tls_server(credentials):
    with programs_under_trace.TlsPeer(credentials) as peer:
        yield peer


@pytest.fixture(name="site")
def _site(able_to_capture, scratch):
    return ipc.Site(scratch / "run")


@pytest.fixture(name="unprivileged")
def _unprivileged(able_to_capture, scratch, monkeypatch):
    """Words that run the program as a user without privileges."""
    copied = scratch / "tlscope"  # the build folder may be closed to that user
    shutil.copy(tlscope.binary(), copied)
    monkeypatch.setenv("TLSCOPE_BINARY", str(copied))
    return programs_under_trace.as_user(65534)


@pytest.fixture(name="endpoint")
def _endpoint():
    """Where an agent may serve its metrics: `--metrics endpoint.address`."""
    return prometheus.Endpoint.unused()
