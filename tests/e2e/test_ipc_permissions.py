# SPDX-License-Identifier: Apache-2.0
"""Who may listen to an agent and command it: root, members of a group, everybody."""

import grp
import stat
import subprocess

import pytest

import ipc
import tlscope
from deadlines import DEADLINE_S
from programs_under_trace import as_user
from tlscope import DONE, NOT_POSSIBLE, check_refused

NOBODY = 65534
GROUP = "users"  # Debian's base-passwd makes it
STATUS_TOPIC = "control.health.#"
COMMANDS = (["pause"], ["resume"], ["stop"], ["reload"], ["set", "tsize", "4"])


@pytest.fixture(name="member")
def _member(unprivileged):
    """Words that run the program as a user who is in GROUP besides."""
    user = [word for word in unprivileged if word != "--clear-groups"]
    return (*user, f"--groups={grp.getgrnam(GROUP).gr_gid}")


def mode(path):
    """The permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def permissions(site):
    """Of the agent's folder, of its socket and of its lock."""
    socket = site.socket()
    return tuple(mode(path) for path in (socket.parent, socket, socket.parent / "lock"))


def check_commands_are_refused(site, launcher, *words):
    """None of the commands that change something is carried out."""
    before = site.status()
    for command in COMMANDS:
        check_refused(site.ctl(*command, launcher=launcher), NOT_POSSIBLE, command[0], *words)
    after = site.status()
    assert after["stage"] == "capturing"
    assert after["settings"] == before["settings"]


def test_by_default_only_root_gets_in(site, unprivileged, https_client):
    with site.capture("--pid", str(https_client.pid)):
        assert permissions(site) == (0o700, 0o600, 0o600)
        assert mode(site.runtime_dir) == 0o755
        for refused in (
            site.ctl("status", launcher=unprivileged),
            site.subscribe(STATUS_TOPIC, launcher=unprivileged),
        ):
            check_refused(refused, NOT_POSSIBLE, str(site.socket()), "root", "--ipc-group")
        assert site.status()["clients"] == 1


def test_everybody_may_hear_how_a_public_agent_is(site, unprivileged, https_client):
    with site.capture("--pid", str(https_client.pid), "--ipc-public", heartbeat=1) as agent:
        assert permissions(site) == (0o755, 0o666, 0o600)
        words = ("--count", "1", "--kind", "Heartbeat", "--format", "json", STATUS_TOPIC)
        heard = site.subscribe(*words, launcher=unprivileged)
        assert (heard.returncode, heard.stderr) == (DONE, "")
        (beat,) = ipc.events_in(heard.stdout.encode())
        assert beat["heartbeat"]["stage"] == "capturing"

        for topics in (["events.#"], ["events.http.request"], ["#"], [STATUS_TOPIC, "events.#"]):
            refused = site.subscribe(*topics, launcher=unprivileged)
            check_refused(refused, NOT_POSSIBLE, "topic 'events.", "by root only", STATUS_TOPIC)
        refused = site.subscribe("control.agent.#", launcher=unprivileged)
        check_refused(refused, NOT_POSSIBLE, "topic 'control.agent.", "by root only")
        check_refused(
            site.ctl("status", launcher=unprivileged), NOT_POSSIBLE, "status", "by root only"
        )
        check_commands_are_refused(site, unprivileged, "by root only")
        assert agent.stop().status == DONE


def test_members_of_a_group_read_and_do_not_command(
    site, unprivileged, member, nginx, https_client
):
    with site.capture("--pid", str(https_client.pid), "--ipc-group", GROUP) as agent:
        assert permissions(site) == (0o750, 0o660, 0o600)
        group = grp.getgrnam(GROUP).gr_gid
        assert site.socket().stat().st_gid == site.socket().parent.stat().st_gid == group

        https_client.connect(nginx.port)
        exchange = https_client.request("GET", "/connection")
        words = ("--history", "9", "--count", "1", "--format", "json", ipc.REQUEST_TOPIC)
        heard = site.subscribe(*words, launcher=member)
        assert (heard.returncode, heard.stderr) == (DONE, "")
        (request,) = ipc.events_in(heard.stdout.encode())
        assert request["message_decoded"]["head"].encode() == exchange.sent_head

        status = site.ctl("status", launcher=member)
        assert (status.returncode, status.stderr) == (DONE, "")
        assert f"process {agent.pid} on" in status.stdout
        refused = site.subscribe("control.agent.#", launcher=member)
        check_refused(refused, NOT_POSSIBLE, "topic 'control.agent.", "by root only", STATUS_TOPIC)
        check_commands_are_refused(site, member, "by root only")
        refused = site.subscribe("events.#", launcher=unprivileged)
        check_refused(refused, NOT_POSSIBLE, str(site.socket()), "group")
        assert agent.stop().status == DONE


def test_beside_a_group_everybody_hears_how_the_agent_is(
    site, unprivileged, member, https_client
):
    options = ("--ipc-group", GROUP, "--ipc-public")
    with site.capture("--pid", str(https_client.pid), *options):
        assert permissions(site) == (0o755, 0o666, 0o600)
        who = f"by root and the group '{GROUP}' only"
        check_refused(site.subscribe("events.#", launcher=unprivileged), NOT_POSSIBLE, who)
        check_refused(site.ctl("status", launcher=unprivileged), NOT_POSSIBLE, who)
        assert site.ctl("status", launcher=member).returncode == DONE


def test_a_group_that_does_not_exist_is_refused(site, https_client):
    arguments = ("--pid", str(https_client.pid), "--instance", "named")
    agent = site.capture(*arguments, "--ipc-group", "no-such-group").wait_for_exit()
    assert agent.status == tlscope.MISUSED
    assert "no-such-group" in agent.stderr and "getent group" in agent.stderr
    assert not site.socket("named").exists()


def test_a_folder_that_others_write_to_is_not_trusted(site, https_client):
    site.runtime_dir.mkdir(mode=0o777)
    site.runtime_dir.chmod(0o777)
    arguments = ("--pid", str(https_client.pid), "--instance", "named")
    agent = site.capture(*arguments).wait_for_exit()
    assert agent.status == NOT_POSSIBLE
    assert "another user can write to it" in agent.stderr and "--runtime-dir" in agent.stderr


def test_a_folder_that_another_user_made_is_not_used(site, https_client):
    site.runtime_dir.mkdir()
    site.runtime_dir.chmod(0o1777)  # as /tmp
    folder = site.socket("named").parent
    subprocess.run([*as_user(NOBODY), "mkdir", str(folder)], check=True, timeout=DEADLINE_S)
    arguments = ("--pid", str(https_client.pid), "--instance", "named")
    agent = site.capture(*arguments).wait_for_exit()
    assert agent.status == NOT_POSSIBLE
    assert f"it belongs to user id {NOBODY}" in agent.stderr and "--instance" in agent.stderr
