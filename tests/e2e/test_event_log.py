# SPDX-License-Identifier: Apache-2.0
"""`--event-log` writes every event as a line of JSON: nothing missing, nothing secret unasked."""

import collections
import datetime
import gzip
import json
import os
import pathlib
import shutil
import stat
import subprocess

import pytest

from conversation import REQUEST, RESPONSE
from deadlines import DEADLINE_S
from tlscope import DONE, FAILED

SECRET = b"s3cret-of-the-body"
ROTATE_BYTES = 64 << 10
REQUESTS = 150
README = pathlib.Path(__file__).parents[2] / "README.md"


@pytest.fixture(name="run_jq")
def _run_jq():
    """Runs jq as people do; its output."""
    if not shutil.which("jq"):
        pytest.skip("jq is not installed")

    def run(*words, shown=None):
        assert (shown or words[1]) in README.read_text(encoding="utf-8")
        command = ["jq", *words]
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout

    return run


def records_of(path):
    """Every line of a log, compressed or not."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    assert data.endswith(b"\n")
    return [json.loads(line) for line in data.splitlines()]


def check_frame(records):
    """The log says when it began and when it ended; the events between."""
    started, *events, ended = records
    assert started["record"] == "log_started" and ended["record"] == "log_ended"
    assert not any("record" in event for event in events)
    return events


def check_sequences(events):
    """Of no topic and publisher an event is missing."""
    agent = {event["correlation"]["root_id"] for event in events if event["topic"].startswith("c")}
    assert len(agent) == 1
    sequences = collections.defaultdict(list)
    for event in events:
        publisher = event["correlation"]["root_id"] in agent
        sequences[event["topic"], publisher].append(event["sequence"])
    for found in sequences.values():
        assert found == list(range(1, len(found) + 1))


def log_of_three(site, nginx, https_client, log, *options):
    """What is logged of three requests, the agent's beginning and end included."""
    nginx.add_file("secret", SECRET)
    with site.capture("--pid", str(https_client.pid), "--event-log", str(log), *options) as agent:
        https_client.connect(nginx.port)
        for target in ("/secret", "/secret?again", "/missing"):
            https_client.request("GET", target, headers={"X-Key": SECRET.decode()[::-1]})
        https_client.ask("close")
        outcome = agent.stop()
    assert outcome.status == DONE
    return outcome, records_of(log)


def test_a_log_has_every_event_and_no_bodies(site, nginx, https_client, scratch):
    log = scratch / "events.jsonl"
    outcome, records = log_of_three(site, nginx, https_client, log)
    events = check_frame(records)
    check_sequences(events)
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert (records[0]["instance"], records[0]["host"]) == ("default", os.uname().nodename)
    assert (records[-1]["events"], records[-1]["missed"]) == (len(events), 0)
    assert f"event log: {len(events)} events written" in outcome.stderr
    kinds = collections.Counter(event["kind"] for event in events)
    assert (kinds["CONNECTION_OPENED"], kinds["CONNECTION_CLOSED"]) == (1, 1)
    assert (kinds["MESSAGE_DECODED"], kinds["EXCHANGE_COMPLETED"]) == (6, 3)
    assert kinds["CAPTURE_STARTED"] == kinds["CAPTURE_COMPLETED"] == 1
    text = log.read_bytes()
    assert SECRET not in text and SECRET[::-1] not in text
    for event in events:
        assert not {"head", "body", "trailers"} & event.get("message_decoded", {}).keys()
    times = [event["time_unix_ns"] for event in events if event["topic"].startswith("control.")]
    assert times == sorted(times)


def test_a_log_has_bodies_when_they_are_asked_for(site, nginx, https_client, scratch):
    log = scratch / "events.jsonl"
    _, records = log_of_three(site, nginx, https_client, log, "--event-log-payload")
    messages = [record["message_decoded"] for record in records if "message_decoded" in record]
    assert messages[0]["head"].startswith("GET /secret HTTP/1.1\r\n")
    assert SECRET.decode()[::-1] in messages[0]["head"]
    assert [message.get("body") for message in messages[1:4:2]] == [SECRET.decode()] * 2
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_files_are_begun_anew_without_losing_an_event(site, nginx, https_client, scratch):
    folder = scratch / "logs"
    folder.mkdir()
    log = folder / "events.jsonl"
    options = ("--event-log", str(log), "--event-log-rotate", str(ROTATE_BYTES))
    with site.capture("--pid", str(https_client.pid), *options, "--event-log-gzip") as agent:
        https_client.connect(nginx.port)
        for number in range(REQUESTS):
            https_client.request("GET", f"/connection?{number}")
        outcome = agent.stop()
    assert outcome.summary.messages_by_name == {REQUEST: REQUESTS, RESPONSE: REQUESTS}
    files = sorted(folder.iterdir(), key=lambda path: records_of(path)[0]["time"])
    assert len(files) > 3
    events = []
    for path in files:
        records = records_of(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert len(b"".join(json.dumps(each).encode() for each in records)) < 2 * ROTATE_BYTES
        events += check_frame(records)
    # The end waits for compression, but not for as long as a busy machine may take.
    plain = sum(path.suffix != ".gz" for path in files[:-1])
    assert plain == 0 or f"cannot compress {plain} ended file" in outcome.stderr
    check_sequences(events)
    exchanges = [event for event in events if event["kind"] == "EXCHANGE_COMPLETED"]
    targets = [exchange["exchange_completed"]["target"] for exchange in exchanges]
    assert targets == [f"/connection?{number}" for number in range(REQUESTS)]
    ended = records_of(files[-1])[-1]
    assert (ended["record"], ended["missed"]) == ("log_ended", 0)
    assert ended["events"] == len(events)
    (said,) = [line for line in outcome.stderr.splitlines() if "event log: " in line]
    assert said.endswith(" 0 dropped")


def test_the_oldest_files_are_removed(site, nginx, https_client, scratch):
    folder = scratch / "logs"
    folder.mkdir()
    options = ("--event-log", str(folder / "events.jsonl"), "--event-log-keep", "2")
    options += ("--event-log-rotate", str(ROTATE_BYTES))
    with site.capture("--pid", str(https_client.pid), *options) as agent:
        https_client.connect(nginx.port)
        for number in range(REQUESTS):
            https_client.request("GET", f"/connection?{number}")
        agent.stop()
    files = list(folder.iterdir())
    assert len(files) == 3  # the current one, too
    kinds = [event["kind"] for path in files for event in check_frame(records_of(path))]
    assert "CAPTURE_STARTED" not in kinds and "CAPTURE_COMPLETED" in kinds


def test_the_name_may_tell_the_day(site, https_client, scratch):
    before = datetime.datetime.now(datetime.timezone.utc)
    pattern = scratch / "%Y-%j of %%.jsonl"
    with site.capture("--pid", str(https_client.pid), "--event-log", str(pattern)) as agent:
        agent.stop()
    after = datetime.datetime.now(datetime.timezone.utc)
    (log,) = scratch.glob("*.jsonl")
    assert log.name in {f"{moment:%Y-%j} of %.jsonl" for moment in (before, after)}
    check_sequences(check_frame(records_of(log)))


def test_without_its_folder_there_is_no_capture(site, https_client, scratch):
    log = scratch / "missing" / "events.jsonl"
    agent = site.capture("--pid", str(https_client.pid), "--event-log", str(log)).wait_for_exit()
    assert agent.status == FAILED
    (line,) = agent.stderr.splitlines()
    for word in (str(log.parent), "No such file", "mkdir"):
        assert word in line
    assert not log.parent.exists()


def test_jq_reads_it_as_the_manual_says(site, nginx, https_client, scratch, run_jq):
    log = scratch / "events.jsonl"
    _, records = log_of_three(site, nginx, https_client, log)
    rows = run_jq(
        "-r",
        'select(.kind=="EXCHANGE_COMPLETED") | [.time, .connection.comm, '
        ".exchange_completed.method, .exchange_completed.target, .exchange_completed.status] | "
        "@tsv",
        str(log),
    )
    exchanges = [record for record in records if record.get("kind") == "EXCHANGE_COMPLETED"]
    wanted = [("/secret", "200"), ("/secret?again", "200"), ("/missing", "404")]
    assert [tuple(row.split("\t")) for row in rows.splitlines()] == [
        (record["time"], record["connection"]["comm"], "GET", *of_exchange)
        for record, of_exchange in zip(exchanges, wanted, strict=True)
    ]

    counts = run_jq(
        "-s",
        'map(select(.kind=="EXCHANGE_COMPLETED")) | group_by(.exchange_completed.status) | '
        "map({status: .[0].exchange_completed.status, count: length})",
        str(log),
    )
    assert json.loads(counts) == [{"status": 200, "count": 2}, {"status": 404, "count": 1}]

    root = exchanges[0]["correlation"]["root_id"]
    by_root = 'select(.correlation.root_id=="{}")'
    shown = by_root.format("65e2beabf8cce3a9")
    of_root = run_jq("-c", by_root.format(root), str(log), shown=shown)
    # jq 1.6 rounds numbers as large as time_unix_ns.
    assert [json.loads(line)["time"] for line in of_root.splitlines()] == [
        record["time"] for record in records if record.get("correlation", {}).get("root_id") == root
    ]
    assert "CONNECTION_OPENED" in of_root and "CONNECTION_CLOSED" in of_root
