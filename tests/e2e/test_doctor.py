# SPDX-License-Identifier: Apache-2.0
"""`tlscope doctor` says what the host can do, what is attached to and why a capture stays empty."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import threading

import tlscope
from deadlines import DEADLINE_S, eventually
from native_peers import NativePeer, Pair, transfer
from programs_under_trace import WITHOUT_CAP_LEASE, as_user

WORKS, MISSING = 0, 3

_WAITS = "#include <stdio.h>\nint main(void) { return getchar(); }"


# As OpenSSL's, but that there is nothing behind them that both of a kind call.
_APART = """
#include <stddef.h>
int SSL_read(void* ssl, void* buf, int num) { return ssl && buf ? num : -1; }
int SSL_read_ex(void* ssl, void* buf, size_t num, size_t* read) { return ssl && (*read = num); }
int SSL_write(void* ssl, const void* buf, int num) { return ssl && buf ? num : -1; }
int SSL_write_ex(void* ssl, void* buf, size_t num, size_t* sent) { return ssl && (*sent = num); }
void* BIO_f_ssl(void) { return NULL; }
"""


def diagnose(*options, launcher=()):
    """Runs it; the status and the parsed report."""
    result = tlscope.run("doctor", "--json", *options, launcher=launcher)
    assert not result.stderr
    return result.returncode, json.loads(result.stdout)


def of_all(status, report, count):
    """What was diagnosed, once so many processes are in it; None before."""
    return (status, report) if len(report["processes"]) == count else None


def pids(*processes):
    """The options that limit the report to these."""
    return [word for process in processes for word in ("--pid", str(process.pid))]


def check_points(library):
    """Each function has its entry, each of those that carry data also an exit."""
    ends = {}
    for point in library["points"]:
        assert point["cost"] in ("emulated", "stepped") and point["offset"] > 0
        ends.setdefault(point["function"], []).append(point["end"])
    for function, found in ends.items():
        assert found[0] == "entry" and set(found[1:]) <= {"exit"}, function
    for function in ("SSL_read", "SSL_write"):
        assert "exit" in ends[function]


def check_boundaries(library):
    """Each point is where another disassembler has an instruction begin; in this library code lies in
    the file at its address."""
    listing = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", library["path"]],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    begins = {
        int(line.split(":")[0], 16) for line in listing.splitlines() if line.startswith("  ")
    }
    assert {point["offset"] for point in library["points"]} <= begins


def test_each_library_is_named_with_version_symbols_and_place(
    able_to_capture, builder, credentials
):
    expected = {
        "openssl-1.1.1": ("OpenSSL 1.1.1", "inner", "inner"),
        "openssl-3.0": ("OpenSSL 3.0.", "inner", "inner"),
        "openssl-3.5": ("OpenSSL 3.5.", "inner", "inner"),
        "boringssl": ("BoringSSL", "public", "public"),
        # Nothing of what it links says its version.
        "static-debugdata": ("unknown", "inner", "inner"),
    }
    with contextlib.ExitStack() as stack:
        peers = {
            name: stack.enter_context(NativePeer(builder.build(name), credentials))
            for name in expected
        }
        for peer in peers.values():
            peer.listen()  # so that it has loaded everything
        status, report = diagnose("--seconds", "0", *pids(*peers.values()))
    assert status == WORKS and report["works"]
    assert all(check["passed"] for check in report["checks"] if check["required"])
    assert report["trial"] is None
    libraries = {library["path"]: library for library in report["libraries"]}
    processes = {process["pid"]: process for process in report["processes"]}
    for name, (version, *points) in expected.items():
        path = str(builder.build(name).functions_in)
        library = libraries[path]
        assert library["attached"] and not library["error"], name
        assert library["version"].startswith(version), name
        assert {"SSL_read", "SSL_write"} <= set(library["symbols"])
        assert ("SSL_read_ex" in library["missing"]) == (name == "boringssl")
        assert [library["read_point"], library["write_point"]] == points, name
        assert processes[peers[name].pid]["libraries"] == [path]
        assert not library["refused"], name
        check_points(library)
    check_boundaries(libraries[str(builder.build("openssl-3.0").functions_in)])


def test_a_trial_counts_calls_by_library_and_known_peers(able_to_capture, builder, credentials):
    with contextlib.ExitStack() as stack:
        pair = Pair(builder.build("static-dynsym"), credentials, stack)
        stop = threading.Event()

        def talk():
            while not stop.wait(0.02):
                transfer(pair.client, pair.server, b"hello")

        thread = threading.Thread(target=talk)
        thread.start()
        try:
            status, report = diagnose("--seconds", "1", *pids(pair.client, pair.server))
        finally:
            stop.set()
            thread.join()
    (library,) = report["libraries"]
    assert status == WORKS
    assert library["hits"] > 0 and library["shared_hits"] == 0
    assert sum(process["hits"] for process in report["processes"]) == library["hits"]
    assert report["trial"]["peer_known_share"] > 0
    assert all(process["peer_known_share"] > 0 for process in report["processes"])
    assert any("The capture works" in sentence for sentence in report["conclusions"])


def test_other_tls_is_named(able_to_capture, scratch):
    source = scratch / "other.c"
    source.write_text(_WAITS)
    note = scratch / "note"
    note.write_bytes(b"made by Go")
    library, go = scratch / "libgnutls.so.30", scratch / "go-program"
    subprocess.run(["gcc", "-shared", "-o", library, "-x", "c", "/dev/null"], check=True)
    program = scratch / "program"
    subprocess.run(
        ["gcc", "-o", program, source, "-Wl,--no-as-needed", library, f"-Wl,-rpath,{scratch}"],
        check=True,
    )
    add = f"--add-section=.gopclntab={note}"
    subprocess.run(["gcc", "-o", scratch / "bare", source], check=True)
    subprocess.run(["objcopy", add, scratch / "bare", go], check=True)
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            )
            for path in (program, go)
        ]
        try:
            status, report = eventually(
                lambda: of_all(*diagnose("--seconds", "0", *pids(*running)), len(running)),
                "both programs have been started in full",
            )
        finally:
            for process in running:
                process.kill()
    assert status == WORKS
    assert [process["other_tls"] for process in report["processes"]] == [
        ["GnuTLS"],
        ["Go's crypto/tls"],
    ]
    text = "\n".join(report["conclusions"])
    assert f"TLS by GnuTLS is not captured: program ({running[0].pid})." in text
    assert f"TLS by Go's crypto/tls is not captured: go-program ({running[1].pid})." in text
    assert "No process maps OpenSSL or BoringSSL now" in text


def test_calls_that_are_not_seen_are_named_with_the_reason(able_to_capture, scratch):
    library, program = scratch / "libssl.so.3", scratch / "program"
    (scratch / "apart.c").write_text(_APART)
    (scratch / "waits.c").write_text(_WAITS)
    make = ["gcc", "-O1", "-fPIC", "-shared", "-o", library, scratch / "apart.c"]
    subprocess.run(make, check=True)
    link = ["-Wl,--no-as-needed", library, f"-Wl,-rpath,{scratch}"]
    subprocess.run(["gcc", "-o", program, scratch / "waits.c", *link], check=True)
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            _, report = eventually(
                lambda: of_all(*diagnose("--seconds", "0", *pids(process)), 1),
                "the program has been started in full",
            )
            text = tlscope.run("doctor", "--seconds", "0", *pids(process)).stdout
        finally:
            process.kill()
    (diagnosed,) = report["libraries"]
    assert diagnosed["path"] == str(library)
    assert (diagnosed["read_point"], diagnosed["write_point"]) == ("public", "public")
    (refused,) = diagnosed["refused"]
    assert refused["function"] == "BIO_f_ssl" and "public functions" in refused["reason"]
    assert f"BIO_f_ssl: {refused['reason']}" in text


def test_without_privileges_it_says_so_and_ends_with_3(able_to_capture):
    status, report = diagnose(launcher=as_user(65534))
    assert status == MISSING and not report["works"]
    (privileges,) = (check for check in report["checks"] if check["id"] == "privileges")
    assert not privileges["passed"] and "CAP_BPF" in privileges["detail"]
    assert report["processes_hidden"] > 0
    assert "A capture cannot work here" in report["conclusions"][0]


def test_it_says_whether_the_least_capabilities_are_enough(able_to_capture, scratch):
    """Some kernels take no uprobe without CAP_SYS_ADMIN."""
    program = shutil.copy(tlscope.binary(), scratch)  # where every user can run it
    capabilities = "-all,+bpf,+perfmon,+sys_ptrace"
    launcher = [*as_user(65534), "--inh-caps", capabilities, "--ambient-caps", capabilities]
    command = [*launcher, program, "doctor", "--json", "--seconds", "0"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    report = json.loads(result.stdout)
    (uprobes,) = (check for check in report["checks"] if check["id"] == "uprobes")
    attached = any(library["attached"] for library in report["libraries"])
    assert uprobes["passed"] == report["works"] == attached
    assert result.returncode == (WORKS if attached else MISSING)
    assert attached or "CAP_SYS_ADMIN" in report["conclusions"][0]


def test_the_text_says_the_same(able_to_capture, https_client):
    https_client.ask("library")
    result = tlscope.run("doctor", "--seconds", "0", "--pid", str(https_client.pid))
    assert result.returncode == WORKS
    library = https_client.ask("library")["path"]
    process = f"{https_client.pid} python3"
    points = "      SSL_read: entry 0x"
    for words in ("ok      privileges", library, "version: OpenSSL 3.", points, process):
        assert words in result.stdout


def test_files_that_cannot_be_leased_are_named(able_to_capture, builder, credentials, scratch):
    build = builder.copy("openssl-3.0", scratch)
    os.chown(build.functions_in, 65534, 65534)
    with NativePeer(build, credentials) as peer:
        peer.listen()  # so that it has loaded everything
        options = ("--seconds", "0", *pids(peer))
        reports = [diagnose(*options, launcher=words)[1] for words in ((), WITHOUT_CAP_LEASE)]
    leases = [
        check for report in reports for check in report["checks"] if check["id"] == "file_leases"
    ]
    assert [check["passed"] for check in leases] == [True, False]
    assert str(build.functions_in) in leases[1]["detail"] and "CAP_LEASE" in leases[1]["detail"]
    assert all(report["works"] for report in reports)


def leases(process, file):
    """Whether it has a lease of the file (proc(5), /proc/locks)."""
    locks = pathlib.Path("/proc/locks").read_text(encoding="ascii").splitlines()
    of_it = [lock for lock in locks if "LEASE" in lock and f" {process.pid} " in lock]
    return any(f":{file.stat().st_ino} " in lock for lock in of_it)


def test_a_trial_ends_when_somebody_writes_to_a_library(
    able_to_capture, builder, credentials, scratch
):
    build = builder.copy("openssl-3.0", scratch)
    with contextlib.ExitStack() as stack:
        peer = stack.enter_context(NativePeer(build, credentials))
        peer.listen()
        command = [tlscope.binary(), "doctor", "--json", "--seconds", "600", *pids(peer)]
        process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE))
        stack.callback(process.kill)
        eventually(lambda: leases(process, build.functions_in), "the library is leased")
        with open(build.functions_in, "r+b"):  # waits until the probes are out of it
            assert not leases(process, build.functions_in)
        output, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == WORKS and json.loads(output)["works"]


def test_a_process_that_is_not_there_is_an_error(able_to_capture):
    result = tlscope.run("doctor", "--pid", str(2**22 + 1))
    assert result.returncode == 1 and "No such process" in result.stderr
