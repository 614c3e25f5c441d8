# SPDX-License-Identifier: Apache-2.0
"""Where tlscope and llhttp's strict mode part on purpose, and why.

llhttp guards a server and refuses what is risky to act upon; tlscope shows what was said and
follows what the peers made of it. A difference looks at the place where two readings part and at
the bytes there, so that it explains this parting and no other.
"""

import dataclasses
import re
from collections.abc import Callable

from cases import REQUEST, RESPONSE
from readings import CLEAN, HIDDEN, PARTIAL, UPGRADE

_KNOWN_METHODS = frozenset(
    b"GET POST PUT HEAD DELETE OPTIONS PATCH TRACE CONNECT PROPFIND M-SEARCH".split()
)
_BLANK = b" \t"


@dataclasses.dataclass(frozen=True)
class Difference:
    """Something that the two read differently."""

    name: str
    reason: str
    applies: Callable


def explain(parting, llhttp_major):
    """The Difference that explains a Parting from this version of llhttp; None without one."""
    known = DIFFERENCES + (FAULTS_OF_LLHTTP_6 if llhttp_major <= 6 else ())
    return next((difference for difference in known if difference.applies(parting)), None)


def _values(message, name):
    fields = message.fields if message else ()
    return tuple(value for field, value in fields if field.lower() == name)


def _chunked(message):
    return any(b"chunked" in value.lower() for value in _values(message, b"transfer-encoding"))


def _fault(parting):
    """The places where llhttp may have found fault: it names the byte at fault or the next."""
    return [at for at in (parting.theirs.at, parting.theirs.at - 1) if at >= 0]


def _any_byte(parting, wanted):
    """Whether a byte at the place of llhttp's fault satisfies `wanted(data, at)`."""
    return parting.they_reject and any(wanted(parting.case.data, at) for at in _fault(parting))


def _line(parting):
    """The line in which llhttp finds fault, without its end."""
    data, at = parting.case.data, parting.theirs.at
    if data[at - 1 : at] == b"\n" and at == len(data):
        at -= 1
    begin = data.rfind(b"\n", 0, at) + 1
    end = data.find(b"\n", at)
    return data[begin : end if end >= 0 else len(data)].removesuffix(b"\r")


def _bare_lf(data, at):
    return data[at : at + 1] == b"\n" and data[at - 1 : at] != b"\r"


def _bare_cr(data, at):
    return data[at : at + 1] == b"\r" and data[at + 1 : at + 2] != b"\n"


def _fold(data, at):
    return data[at : at + 1] in (b" ", b"\t") and data[at - 1 : at] == b"\n"


def _control(data, at):
    return data[at : at + 1] != b"" and (data[at] < 0x20 or data[at] == 0x7F)


def _is_bare_lf(parting):
    if not parting.they_reject or not parting.we_go_on:
        return False
    if any(_bare_lf(parting.case.data, at) for at in _fault(parting)):
        return True
    # A chunk whose last byte is a CR, and then a bare LF.
    theirs = parting.their_message
    return _chunked(theirs) and theirs.body.endswith(b"\r") and parting.theirs.at > 0


def _is_bare_cr(parting):
    return parting.we_go_on and _any_byte(parting, _bare_cr)


def _is_fold(parting):
    return parting.we_go_on and _any_byte(parting, _fold)


def _is_indented_first_line(parting):
    start_line = rb"(^|\n)(HTTP/1\.\d [^\n]*|[^\n]* HTTP/1\.\d *\r?)\n$"

    def indented(data, at):
        return _fold(data, at) and re.search(start_line, data[:at]) is not None

    return parting.we_go_on and _any_byte(parting, indented)


def _is_control(parting):
    return (
        parting.we_go_on
        and parting.theirs.code in ("HPE_INVALID_HEADER_TOKEN", "HPE_INVALID_CHARACTER")
        and _any_byte(parting, _control)
    )


def _is_unfinished(parting):
    if not parting.they_reject or parting.ours.end != PARTIAL:
        return False
    return parting.our_message is None or b"\n" not in parting.case.data[parting.theirs.at :]


def _is_space_before_colon(parting):
    if parting.case.role != RESPONSE or not parting.they_reject or not parting.we_go_on:
        return False
    before, after = parting.case.data[: parting.theirs.at], parting.case.data[parting.theirs.at :]
    blank = before[-1:] in (b" ", b"\t") or after[:1] in (b" ", b"\t")
    return blank and after.lstrip(_BLANK).startswith(b":")


def _is_unknown_method(parting):
    ours = parting.our_message
    return (
        parting.they_reject
        and parting.theirs.code in ("HPE_INVALID_METHOD", "HPE_INVALID_CONSTANT")
        and ours is not None
        and ours.method not in _KNOWN_METHODS
    )


def _is_minor_version(parting):
    return (
        parting.they_reject
        and parting.our_message is not None
        and parting.theirs.code == "HPE_INVALID_VERSION"
        and re.search(rb"HTTP/1\.[2-9]", _line(parting)) is not None
    )


def _is_other_version(parting):
    line = parting.ours.refused.split(b"\n", 1)[0]
    of_http1 = rb"\S+ +\S+ +HTTP/1\.\d *\r?|HTTP/1\.\d( .*)?\r?"
    return parting.we_reject and not re.fullmatch(of_http1, line, re.DOTALL)


def _is_target(parting):
    return (
        parting.they_reject
        and parting.our_message is not None
        and parting.theirs.code == "HPE_INVALID_URL"
    )


def _is_space_after_version(parting):
    return (
        parting.they_reject
        and parting.our_message is not None
        and parting.theirs.code == "HPE_INVALID_VERSION"
        and re.search(rb"HTTP/1\.\d +$", _line(parting)) is not None
    )


def _is_low_status(parting):
    return parting.we_reject and re.match(rb"HTTP/1\.\d 0\d\d", parting.ours.refused) is not None


def _is_after_close(parting):
    return parting.theirs.code == "HPE_CLOSED_CONNECTION" and parting.index == len(
        parting.theirs.messages
    )


def _bodiless(parting):
    """Our response has no body, whatever its fields say."""
    ours = parting.our_message
    if ours is None or parting.case.role != RESPONSE:
        return False
    methods = [head.split(b" ")[0] for head in parting.case.requests.split(b"\r\n\r\n")]
    finals = sum(message.status >= 200 for message in parting.ours.messages[: parting.index])
    method = methods[finals] if finals < len(methods) else b""
    by_status = ours.status < 200 or ours.status in (204, 304)
    return by_status or method == b"HEAD" or (method == b"CONNECT" and ours.status < 300)


def _is_framing_of_no_body(parting):
    codes = ("HPE_INVALID_CONTENT_LENGTH", "HPE_UNEXPECTED_CONTENT_LENGTH")
    codes += ("HPE_INVALID_TRANSFER_ENCODING",)
    return parting.they_reject and parting.theirs.code in codes and _bodiless(parting)


def _is_coding_and_length(parting):
    codes = ("HPE_INVALID_CONTENT_LENGTH", "HPE_UNEXPECTED_CONTENT_LENGTH")
    codes += ("HPE_INVALID_TRANSFER_ENCODING",)
    ours = parting.our_message
    both = _values(ours, b"transfer-encoding") and _values(ours, b"content-length")
    return parting.they_reject and parting.theirs.code in codes and bool(both)


def _is_repeated_length(parting):
    if not parting.they_reject or "CONTENT_LENGTH" not in parting.theirs.code:
        return False
    lengths = [
        length.strip()
        for value in _values(parting.our_message, b"content-length")
        for length in value.split(b",")
    ]
    return len(lengths) > 1 and all(length.isdigit() for length in lengths) and (
        len(set(map(int, lengths))) == 1
    )


def _is_tab_after_length(parting):
    return (
        parting.they_reject
        and parting.our_message is not None
        and parting.theirs.code == "HPE_INVALID_CONTENT_LENGTH"
        and re.search(rb":[ \t]*\d+[ \t]+\r*$", _line(parting)) is not None
    )


def _is_identity(parting):
    ours = parting.our_message
    return any(b"identity" in value.lower() for value in _values(ours, b"transfer-encoding"))


def _is_empty_element(parting):
    ours = parting.our_message
    values = _values(ours, b"transfer-encoding")
    elements = [element.strip() for value in values for element in value.split(b",")]
    return bool(values) and b"" in elements


def _is_chunk_line(parting):
    codes = ("HPE_INVALID_CHUNK_SIZE", "HPE_STRICT", "HPE_INTERNAL", "HPE_CR_EXPECTED")
    codes += ("HPE_LF_EXPECTED",)
    theirs = parting.their_message
    if parting.theirs.code == HIDDEN:
        blanks = re.search(rb"\n[0-9a-fA-F]+[ \t;]", parting.case.data)
        return parting.we_go_on and _chunked(theirs) and blanks is not None
    return (
        parting.they_reject
        and parting.we_go_on
        and parting.theirs.code in codes
        and _chunked(theirs)
        and re.match(rb"[0-9a-fA-F]+[ \t]*(;|$)", _line(parting)) is not None
    )


def _is_unasked_switch(parting):
    theirs = parting.theirs
    return theirs.end == UPGRADE and theirs.messages[-1].status == 101 and (
        parting.index == len(theirs.messages)
    )


def _is_connect_with_content(parting):
    """llhttp has read a CONNECT with framing fields as if it had none."""
    if parting.case.role != REQUEST:
        return False
    for index in (parting.index, parting.index - 1):
        theirs = parting.theirs.messages[index : index + 1]
        if index >= 0 and theirs and theirs[0].method == b"CONNECT" and theirs[0].body == b"":
            framing = (b"content-length", b"transfer-encoding")
            return any(_values(theirs[0], name) for name in framing)
    return False


def _is_nul(parting):
    head = re.split(rb"\n\r?\n", parting.ours.refused, maxsplit=1)[0]
    return parting.we_reject and b"\0" in head


def _is_chunked_twice(parting):
    values = _values(parting.our_message, b"transfer-encoding")
    return parting.theirs.code == "HPE_INVALID_TRANSFER_ENCODING" and (
        sum(value.lower().endswith(b"chunked") for value in values) > 1
    )


def _is_tab_after_coding(parting):
    coding = rb"(?i)transfer-encoding:[ \t]*chunked[ \t]*\t"
    return _chunked(parting.our_message) and re.search(coding, parting.case.data) is not None


def _is_framing_in_trailers(parting):
    theirs = parting.their_message
    return (
        parting.they_reject
        and parting.we_go_on
        and theirs is not None
        and re.match(rb"(?i)(content-length|transfer-encoding):", _line(parting)) is not None
    )


def _is_unknown_head(parting):
    ours, theirs = parting.our_message, parting.their_message
    if not ours or not theirs or parting.case.role != RESPONSE:
        return False
    finals = sum(message.status >= 200 for message in parting.ours.messages[: parting.index])
    asked = parting.case.requests.count(b"\r\n\r\n")
    status_line = b"HTTP/1."
    begins = theirs.body[: len(status_line)] == status_line[: len(theirs.body)]
    return finals >= asked and ours.body == b"" and begins


def _is_cr_after_reason(parting):
    reason = rb"HTTP/1\.\d \d{3}[^\r\n]*\r[^\n]"
    return parting.case.role == RESPONSE and re.search(reason, parting.case.data) is not None


def _is_end_of_chunk(parting):
    ours, theirs = parting.our_message, parting.their_message
    return _chunked(ours) and theirs is not None and b"\r" in ours.body


def _is_cr_for_line_end(parting):
    return re.search(rb"\r(?!\n)", parting.case.data) is not None


def _is_body_of_none(parting):
    theirs = parting.their_message
    framing = (b"content-length", b"transfer-encoding")
    return theirs is not None and _bodiless(parting) and (
        any(_values(theirs, name) for name in framing)
    )


def _is_body_of_interim(parting):
    return _is_body_of_none(parting) and 103 < parting.our_message.status < 200


def _is_status_of_other_digits(parting):
    status = re.match(rb"HTTP/1\.\d (\d*)", parting.ours.refused)
    return parting.we_reject and status is not None and len(status[1]) != 3


def _is_name_no_token(parting):
    """llhttp takes, or goes on reading, a field name with a blank in it."""
    theirs = parting.their_message
    if theirs and any(not name or set(name) & set(_BLANK) for name, _ in theirs.fields):
        return True
    blank = rb"\n(:|[^:\r\n]*[ \t][^:\r\n]*:)"
    if parting.we_reject and not parting.they_reject:
        return re.search(blank, parting.case.data) is not None
    return parting.they_reject and _line(parting)[:1] in (b" ", b"\t")


def _is_sum_of_lengths(parting):
    ours, theirs = parting.our_message, parting.their_message
    if not ours or not theirs or not theirs.body.startswith(ours.body):
        return False
    earlier = parting.ours.messages[: parting.index]
    unused = [
        value
        for one in earlier
        for value in (() if one.body else _values(one, b"content-length"))
        + tuple(value for name, value in one.trailers if name.lower() == b"content-length")
    ]
    return ours.fields == theirs.fields and any(value != b"0" for value in unused)


def _is_silence_after_close(parting):
    return parting.theirs.end == CLEAN and 0 < parting.index == len(parting.theirs.messages)


def _is_switch_without_field(parting):
    last = parting.ours.messages[parting.index - 1 : parting.index]
    return parting.ours.end == UPGRADE and bool(last) and last[0].status == 101 and (
        not _values(last[0], b"upgrade")
    )


DIFFERENCES = (
    Difference(
        "end of input within a head or a line",
        "tlscope judges them when they are whole, llhttp byte by byte",
        _is_unfinished,
    ),
    Difference(
        "bare line feed",
        "RFC 9112 2.2 lets a recipient take LF for a line's end; nginx, Apache and curl do",
        _is_bare_lf,
    ),
    Difference(
        "indented line after the start line",
        "RFC 9112 2.2: reject, or consume the line without further processing, as tlscope does",
        _is_indented_first_line,
    ),
    Difference(
        "obsolete line folding",
        "RFC 9112 5.2: user agents and proxies must read a folded value on; peers still send them",
        _is_fold,
    ),
    Difference(
        "bare carriage return",
        "RFC 9112 2.2: invalid or a space; tlscope shows it as sent and lets the peer judge",
        _is_bare_cr,
    ),
    Difference(
        "carriage return after a reason",
        "RFC 9112 2.2: a bare CR ends no line; llhttp lets it end this one",
        _is_cr_after_reason,
    ),
    Difference(
        "control byte in a value or reason",
        "RFC 9110 5.5: recipients may retain them; only NUL, CR and LF are dangerous",
        _is_control,
    ),
    Difference(
        "space before a colon in a response",
        "RFC 9112 5.1: a proxy removes it from responses; a server must refuse it in requests",
        _is_space_before_colon,
    ),
    Difference(
        "method not in llhttp's list",
        "RFC 9110 16.1: methods are extensible; any token is one",
        _is_unknown_method,
    ),
    Difference(
        "minor version above 1",
        "RFC 9110 2.5: a higher minor version is processed as the highest one known",
        _is_minor_version,
    ),
    Difference(
        "no HTTP/1.x in the start line",
        "llhttp reads HTTP/0.9 and 2.0, RTSP and ICE too; the parser is for HTTP/1.x",
        _is_other_version,
    ),
    Difference(
        "spaces after the version",
        "RFC 9112 3: trailing whitespace may be ignored; nginx does",
        _is_space_after_version,
    ),
    Difference(
        "target that is no URI",
        "browsers send bytes a URI may not have; the target is shown as sent, its form not judged",
        _is_target,
    ),
    Difference(
        "NUL in a reason",
        "RFC 9110 5.5: NUL is dangerous; bytes that have it are shown as bytes",
        _is_nul,
    ),
    Difference(
        "status below 100",
        "RFC 9110 15: a status code is from 100 to 599",
        _is_low_status,
    ),
    Difference(
        "message after `Connection: close` or HTTP/1.0",
        "llhttp's caller has closed by then; in a capture the bytes were really sent",
        _is_after_close,
    ),
    Difference(
        "broken framing of no body",
        "RFC 9112 6.3 (1), (2): such a response has no body, whatever its fields say",
        _is_framing_of_no_body,
    ),
    Difference(
        "body of a 1xx that llhttp does not know",
        "RFC 9110 15.2: no 1xx has a body",
        _is_body_of_interim,
    ),
    Difference(
        "framing field among the trailers",
        "RFC 9110 6.5.1: trailers cannot frame the message; they are shown as sent",
        _is_framing_in_trailers,
    ),
    Difference(
        "Transfer-Encoding with Content-Length",
        "RFC 9112 6.3 (3): Transfer-Encoding overrides Content-Length",
        _is_coding_and_length,
    ),
    Difference(
        "repeated Content-Length of one value",
        "RFC 9110 8.6: it may be taken for that one value",
        _is_repeated_length,
    ),
    Difference(
        "tab after a Content-Length",
        "RFC 9110 5.6.3: optional whitespace is SP or HTAB",
        _is_tab_after_length,
    ),
    Difference(
        "Transfer-Encoding: identity",
        "RFC 2616 3.6 had it for no coding at all, and it still is sent",
        _is_identity,
    ),
    Difference(
        "chunked named twice",
        "RFC 9112 6.3 (4): what counts is that the final coding is chunked",
        _is_chunked_twice,
    ),
    Difference(
        "tab after a transfer coding",
        "RFC 9110 5.6.3: optional whitespace is SP or HTAB",
        _is_tab_after_coding,
    ),
    Difference(
        "empty element in Transfer-Encoding",
        "RFC 9110 5.6.1.2: a recipient ignores empty list elements",
        _is_empty_element,
    ),
    Difference(
        "blanks or extension after a chunk size",
        "RFC 9112 7.1.1: unknown extensions are ignored; servers pad sizes with blanks",
        _is_chunk_line,
    ),
    Difference(
        "101 that no request asked for",
        "RFC 9110 7.8: a server must not switch to a protocol that the client did not name",
        _is_unasked_switch,
    ),
    Difference(
        "CONNECT with content",
        "RFC 9112 6: Content-Length or Transfer-Encoding signals a body, for every method",
        _is_connect_with_content,
    ),
    Difference(
        "response to a request that was not seen",
        "it may answer HEAD: a status line in place of its body shows that it has none",
        _is_unknown_head,
    ),
)

# What Node.js 18 ships; later versions of llhttp read these as tlscope does.
FAULTS_OF_LLHTTP_6 = (
    Difference(
        "llhttp 6: body of a response that has none",
        "RFC 9112 6.3 (1): 1xx, 204 and 304 have no body, whatever their fields say",
        _is_body_of_none,
    ),
    Difference(
        "llhttp 6: length that counts on",
        "a Content-Length that framed nothing (HEAD, trailers) lengthens the next one",
        _is_sum_of_lengths,
    ),
    Difference(
        "llhttp 6: silence after `Connection: close`",
        "it drops what comes then and reports no error; in a capture the bytes were really sent",
        _is_silence_after_close,
    ),
    Difference(
        "llhttp 6: status of other than three digits",
        "RFC 9112 4: status-code = 3DIGIT",
        _is_status_of_other_digits,
    ),
    Difference(
        "llhttp 6: field name that is no token",
        "RFC 9112 5.1: a name has no blanks, and none come before its colon",
        _is_name_no_token,
    ),
    Difference(
        "llhttp 6: 101 without an Upgrade field",
        "RFC 9110 15.2.2: the status switches; it reads HTTP/1.x on",
        _is_switch_without_field,
    ),
    Difference(
        "llhttp 6: carriage return for a line's end",
        "RFC 9112 2.2: a bare CR ends no line",
        _is_cr_for_line_end,
    ),
    Difference(
        "llhttp 6: any two bytes after the data of a chunk",
        "it does not look whether they are a line's end; after a CR in the data LF alone is one",
        _is_end_of_chunk,
    ),
)
