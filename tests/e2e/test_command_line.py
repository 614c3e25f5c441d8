# SPDX-License-Identifier: Apache-2.0
"""What goes wrong is said in one line with the remedy, and by the exit status."""

import os
import pathlib
import platform
import subprocess

import pytest

import tlscope
from tlscope import DONE, FAILED, MISUSED, NOT_POSSIBLE, check_refused

def in_namespace(preparation, *kinds):
    """Words that run a command in namespaces of its own, after a shell line prepared them."""
    return ("unshare", "--mount", *kinds, "sh", "-ec", f'{preparation}; exec "$@"', "sh")


def test_an_unprivileged_user_is_told_to_be_root(unprivileged):
    check_refused(tlscope.run("capture", launcher=unprivileged), NOT_POSSIBLE, "root")


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("capture", "--help")])
def test_help_and_version_need_no_privilege(unprivileged, arguments):
    result = tlscope.run(*arguments, launcher=unprivileged)
    assert result.returncode == DONE
    assert "tlscope" in result.stdout
    assert not result.stderr


def test_help_names_every_option():
    result = tlscope.run("capture", "--help")
    options = ("--pid", "--uid", "--comm", "--max-payload", "--tsize", "--ring-mib", "--attach")
    options += ("--config", "--instance", "--event-log", "--metrics", "--tag", "--heartbeat")
    for option in (*options, "--attach-strategy", "--libssl", "--wait", "--format", "--help"):
        assert option in result.stdout


def test_version_is_one_line():
    result = tlscope.run("--version")
    assert len(result.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments, word",
    [
        (("capture", "--no-such-flag"), "--no-such-flag"),
        (("no-such-command",), "no-such-command"),
        (("capture", "--pid"), "--pid"),
        (("capture", "--pid", "none"), "none"),
        (("capture", "--pid", "-1"), "-1"),
        (("capture", "--pid", "0"), "--pid"),
        (("capture", "--pid", "12x"), "12x"),
        (("capture", "--uid", "nobody-there"), "nobody-there"),
        (("capture", "--max-payload", "12 parsecs"), "parsecs"),
        (("capture", "--max-payload", "-1"), "-1"),
        (("capture", "--ring-mib", "0"), "--ring-mib"),
        (("capture", "--format", "no-such-format"), "no-such-format"),
        (("capture", "--comm", ""), "--comm"),
        (("capture", "--comm", "longer than any comm"), "--comm"),
        (("capture", "stray"), "stray"),
        ((), "--help"),
        (("capture", "--libssl", "/no/such/library"), "/no/such/library"),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, tuple) else "",
)
def test_a_wrong_command_line_is_refused(arguments, word):
    check_refused(tlscope.run(*arguments), MISUSED, word)


def test_a_pid_that_does_not_exist_is_named(able_to_capture):
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    result = tlscope.run("capture", "--pid", str(ended.pid))
    check_refused(result, FAILED, str(ended.pid))


def test_a_libssl_that_is_none_is_named(able_to_capture, scratch):
    wrong = scratch / "libssl.so.3"
    wrong.write_text("not a library\n", encoding="utf-8")
    own_folder = ("--runtime-dir", str(scratch / "run"))  # another agent may run
    check_refused(tlscope.run("capture", *own_folder, "--libssl", str(wrong)), FAILED, str(wrong))


@pytest.fixture(name="without_libssl")
def _without_libssl(able_to_capture, scratch):
    """Words that run a command where no TLS library is installed or in use."""
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True)
    names = [line.split(" => ")[-1].strip() for line in listed.stdout.splitlines()]
    folders = {os.path.dirname(os.path.realpath(name)) for name in names if "/libssl." in name}
    assert folders
    # Each folder is covered by itself with the libraries whited out: nothing is really deleted. The
    # agent, which sends over TLS itself, has a copy that nobody else would find.
    own = f"{scratch}/own"
    hide = [f"mount -t tmpfs none {scratch}", f"mkdir {own}", f"export LD_LIBRARY_PATH={own}"]
    for number, folder in enumerate(sorted(folders)):
        hide.append(f"cp {folder}/libssl.so.3 {own}")
        cover = f"{scratch}/{number}"
        hide.append(f"mkdir -p {cover}/upper {cover}/work")
        for library in pathlib.Path(folder).glob("libssl.so*"):
            hide.append(f"mknod {cover}/upper/{library.name} c 0 0")
        layers = f"lowerdir={folder},upperdir={cover}/upper,workdir={cover}/work"
        hide.append(f"mount -t overlay none -o {layers} {folder}")
    return in_namespace("; ".join(hide), "--pid", "--fork", "--kill-child", "--mount-proc")


def test_a_host_without_libssl_is_told_what_to_do(without_libssl, scratch):
    own_folder = ("--runtime-dir", str(scratch / "run"))  # another agent may run
    result = tlscope.run("capture", *own_folder, launcher=without_libssl)
    check_refused(result, FAILED, "libssl", "--wait")


def test_a_host_without_libssl_can_be_waited_on(capture, without_libssl):
    with capture("--wait", launcher=without_libssl) as agent:
        assert agent.stop().status == DONE


def test_a_kernel_without_btf_is_named(able_to_capture):
    release = platform.release()
    elsewhere = [f"/boot/vmlinux-{release}", f"/lib/modules/{release}/build/vmlinux"]
    hide = "mount -t tmpfs none /sys/kernel/btf"
    for copy in filter(os.path.exists, elsewhere):
        hide += f"; mount --bind /dev/null {pathlib.Path(copy).resolve()}"
    result = tlscope.run("capture", launcher=in_namespace(hide))
    check_refused(result, NOT_POSSIBLE, "BTF")
