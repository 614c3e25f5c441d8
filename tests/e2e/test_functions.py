# SPDX-License-Identifier: Apache-2.0
"""Whichever of its library's functions a program sends and receives by, what it says is shown once,
or a warning names the function that is not seen."""

import contextlib
import re

import pytest

import conversation
import native_peers
from text_format import READ, WRITE

_BODY = b"0123456789abcdef" * 3000  # three TLS records

# Those of programs/tls_peer.c that each library has. OpenSSL has SSL_write_ex2 from 3.3 on; where
# it is, SSL_write_ex calls it.
_FUNCTIONS = {
    "openssl-1.1.1": ("SSL_write", "SSL_write_ex", "BIO_f_ssl"),
    "openssl-3.0": ("SSL_write", "SSL_write_ex", "BIO_f_ssl"),
    "openssl-3.5": ("SSL_write", "SSL_write_ex", "SSL_write_ex2", "BIO_f_ssl"),
    "boringssl": ("SSL_write", "BIO_f_ssl"),
    "static-symtab": ("SSL_write", "SSL_write_ex", "BIO_f_ssl"),
}


@pytest.fixture(name="capture_talks")
def _capture_talks(capture, builder, credentials):
    """Captures what Pairs say, one for each way to use a library; the Pairs by what they use, and
    what the agent left."""

    def run(library, attach):
        with contextlib.ExitStack() as stack:
            build = builder.build(library)
            pairs = {
                functions: native_peers.Pair(build, credentials, stack, functions=functions)
                for functions in _FUNCTIONS[library]
            }
            pids = [peer.pid for pair in pairs.values() for peer in (pair.client, pair.server)]
            options = [word for pid in pids for word in ("--pid", str(pid))]
            with capture("--attach", attach, *options) as agent:
                for pair in pairs.values():
                    pair.say(_BODY)
                    pair.say(_BODY)
                return pairs, agent.stop()  # all that was said until then is captured and printed

    return run


def check_shown(pair, outcome):
    """All that the Pair said was captured, each once."""
    for end, data_type in ((pair.client_end, WRITE), (pair.server_end, READ)):
        messages = conversation.of_process(outcome.messages, end.pid)
        conversation.check_exchanges_at(messages, end, data_type, pair.said)


def warned_of(outcome, build):
    """The functions of a library that the agent said it would not see."""
    file = re.escape(str(build.functions_in))
    return re.findall(rf"warning: calls of (\S+) in {file} are not seen: \w", outcome.stderr)


@pytest.mark.parametrize("library", _FUNCTIONS)
def test_what_is_said_is_shown_once(capture_talks, library):
    pairs, outcome = capture_talks(library, "auto")
    for pair in pairs.values():
        check_shown(pair, outcome)
        assert not warned_of(outcome, pair.build)
    assert outcome.summary.lost_bytes == 0, outcome.stderr


@pytest.mark.parametrize("library", _FUNCTIONS)
def test_the_public_functions_show_all_but_what_is_warned_of(capture_talks, library):
    pairs, outcome = capture_talks(library, "public")
    bio = pairs.pop("BIO_f_ssl")
    for pair in pairs.values():
        check_shown(pair, outcome)
    if (warned := warned_of(outcome, bio.build)) != ["BIO_f_ssl"]:
        assert not warned
        check_shown(bio, outcome)
    assert outcome.summary.lost_bytes == 0, outcome.stderr
