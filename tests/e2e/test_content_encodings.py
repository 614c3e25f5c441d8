# SPDX-License-Identifier: Apache-2.0
"""Bodies that a real server sends compressed are shown as what they hold."""

import gzip
import subprocess
import zlib

import pytest

import conversation
from conversation import RESPONSE, shown

TEXT = "".join(f"{number}: the quick brown fox, {number * number}\n" for number in range(3000))
CONTENT = TEXT.encode()


def _by_command(*command):
    def compress(data):
        return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout

    return compress


_CODINGS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": _by_command("brotli", "--stdout", "--quality=6"),
    "zstd": _by_command("zstd", "--stdout", "--quiet"),
}


def coded(codings, content=CONTENT):
    """The content with codings applied in the order of the list."""
    for coding in codings:
        content = _CODINGS[coding](content)
    return content


def fetch(agent, nginx, curl, target):
    """Has curl fetch what it does not decode; the transfer and both ends' captured responses."""
    (transfer,) = curl.run(nginx.url(target))
    ends = (transfer.end, transfer.end.peer(nginx.worker_pid, "nginx"))
    responses = []
    for end in ends:
        messages = conversation.wait_for(agent, end, 2)
        (response,) = [message for message in messages if message.name == RESPONSE]
        responses.append(response)
    return transfer, responses


@pytest.mark.parametrize(
    "codings", [["gzip"], ["deflate"], ["br"], ["zstd"], ["gzip", "br"], ["zstd", "deflate", "gzip"]]
)
def test_a_coded_body_is_shown_decoded_at_both_ends(capture, nginx, curl, codings):
    body = coded(codings)
    nginx.add_file("coded-text", body)
    with capture() as agent:
        target = f"/coded/coded-text?coding={','.join(codings)}"
        transfer, responses = fetch(agent, nginx, curl, target)
        assert transfer.body == body
        for response in responses:
            assert response.whole and response.decode_error is None
            assert (response.decoded, response.sent) == ("+".join(codings), len(body))
            assert response.head == transfer.response_head
            assert shown(response.content) == shown(CONTENT)


def test_a_body_that_the_server_compresses_while_it_sends_is_shown_decoded(capture, nginx, curl):
    nginx.add_file("plain-text", CONTENT)
    with capture() as agent:
        curl_options = ("--compressed",)
        (transfer,) = curl.run(nginx.url("/gzipped/plain-text"), options=curl_options)
        assert b"Transfer-Encoding: chunked\r\n" in transfer.response_head
        assert b"Content-Encoding: gzip\r\n" in transfer.response_head
        messages = conversation.wait_for(agent, transfer.end, 2)
        (response,) = [message for message in messages if message.name == RESPONSE]
        assert (response.decoded, response.decode_error) == ("gzip", None)
        assert response.sent < len(CONTENT)
        assert shown(response.content) == shown(CONTENT)


def test_raw_body_keeps_bodies_as_they_were_sent(capture, nginx, curl):
    body = coded(["gzip"])
    nginx.add_file("coded-text", body)
    with capture("--raw-body", "--binary=show") as agent:
        _, responses = fetch(agent, nginx, curl, "/coded/coded-text?coding=gzip")
        for response in responses:
            assert response.decoded is None
            assert shown(response.content) == shown(body)


def test_a_broken_body_is_shown_as_far_as_it_is_right(capture, nginx, curl):
    body = coded(["gzip"])
    nginx.add_file("broken", body[: len(body) // 2])
    with capture() as agent:
        _, responses = fetch(agent, nginx, curl, "/coded/broken?coding=gzip")
        for response in responses:
            assert response.decode_error == "gzip: ends early"
            assert len(response.content) > 1000
            assert CONTENT.startswith(response.content)


def test_a_body_that_is_not_coded_is_shown_as_it_is(capture, nginx, curl):
    nginx.add_file("not-coded", CONTENT)
    with capture() as agent:
        _, responses = fetch(agent, nginx, curl, "/coded/not-coded?coding=gzip")
        for response in responses:
            assert (response.decoded, response.decode_error) == (None, "not gzip: kept as sent")
            assert shown(response.content) == shown(CONTENT)


def test_a_bomb_ends_where_the_limit_is(capture, nginx, curl):
    bomb = coded(["zstd"], bytes(256 << 20))
    assert len(bomb) < 64 << 10
    nginx.add_file("bomb", bomb)
    with capture("--tsize", "1KiB", "--binary=show") as agent:
        (transfer,) = curl.run(nginx.url("/coded/bomb?coding=zstd"))
        assert transfer.body == bomb
        outcome = agent.stop()
    ends = (transfer.end, transfer.end.peer(nginx.worker_pid, "nginx"))
    messages = [m for end in ends for m in conversation.at(outcome.messages, end)]
    responses = [message for message in messages if message.name == RESPONSE]
    assert len(responses) == 2
    for response in responses:
        assert response.decode_error.startswith("inflates beyond ")
        assert response.content == bytes(1024)
        assert response.cut > 1 << 20
