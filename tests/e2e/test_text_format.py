# SPDX-License-Identifier: Apache-2.0
"""The reader of the text format takes what is right, in any split, and refuses what is not."""

import pytest

from text_format import Endpoint, FormatError, TextReader, Uuid

REQUEST = b"GET /index.html HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
SOCKET_UUID = "sock:1234_1235_curl_5_1_127.0.0.1:54321-127.0.0.1:443_ffff8880a1b2c3d4"


def header(**changes):
    """A header line; `changes` replace its values, and `more` is appended."""
    values = {
        "PID": "1234",
        "Comm": "curl",
        "Src": "127.0.0.1:54321",
        "Dest": "127.0.0.1:443",
        "Time": "2026-11-21T08:54:12.123456Z",
        "UUID": SOCKET_UUID,
        "Name": "HTTPRequest",
        "Type": "1",
        "Length": str(len(REQUEST)),
    }
    more = changes.pop("more", "")
    values.update(changes)
    return (", ".join(f"{key}:{value}" for key, value in values.items()) + more + "\n").encode()


def read(output, piece_bytes=None):
    """The messages in `output`, handed over in pieces."""
    reader = TextReader()
    messages = []
    step = piece_bytes or len(output)
    for start in range(0, len(output), step):
        messages += reader.feed(output[start : start + step])
    return messages + reader.finish()


def hex_dump_of(data):
    """`data` as rows of a hex dump."""
    rows = []
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        octets = [f"{byte:02x}" for byte in row]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        rows.append(f"{start:08x}  {' '.join(octets[:8]):23}  {' '.join(octets[8:]):23}  |{shown}|")
    return "\n".join(rows).encode()


def test_reads_every_field_of_a_message():
    (message,) = read(header() + REQUEST + b"\n")
    assert (message.pid, message.comm, message.name) == (1234, "curl", "HTTPRequest")
    assert message.src == Endpoint("127.0.0.1", 54321)
    assert message.dest == Endpoint("127.0.0.1", 443)
    assert message.time.isoformat() == "2026-11-21T08:54:12.123456+00:00"
    assert message.uuid == Uuid(
        1234, 1235, "curl", 5, 1, message.src, message.dest, "ffff8880a1b2c3d4"
    )
    assert message.body == REQUEST
    assert message.whole and not message.resynchronised


def test_reads_the_same_messages_from_every_split():
    binary = bytes(range(40))
    holed = b"GET /\n[tlscope: 7 bytes lost]\nrest\n[tlscope: 8 bytes cut by --tsize]"
    other = {"Name": "DefaultParser", "Type": "0"}
    output = (
        (header() + REQUEST + b"\n")
        + (header(Length="5", **other) + b"a\nb\nc\n")
        + (header(Length=str(len(binary)), **other) + hex_dump_of(binary) + b"\n")
        + (header(Length="9", more=", Incomplete:true, Lost:7, Cut:8") + holed + b"\n")
        + header(Name="Lost", Type="0", Length="0", more=", Lost:7")
        + (header() + REQUEST + b"\n")
    )
    whole = read(output)
    assert [message.name for message in whole] == [
        "HTTPRequest",
        "DefaultParser",
        "DefaultParser",
        "HTTPRequest",
        "Lost",
        "HTTPRequest",
    ]
    assert (whole[2].body, whole[2].hex_dump) == (binary, True)
    assert (whole[3].lost, whole[3].cut, whole[3].body) == (7, 8, b"GET /rest")
    for piece_bytes in range(1, 64):
        assert read(output, piece_bytes) == whole


def test_bytes_that_look_like_a_header_line_belong_to_their_message():
    body = b"POST / HTTP/1.1\r\n\r\n\n" + header() + REQUEST
    (message,) = read(header(Length=str(len(body))) + body + b"\n")
    assert message.body == body


def test_a_message_is_given_back_as_soon_as_it_is_there():
    reader = TextReader()
    assert not reader.feed(header() + REQUEST)
    assert len(reader.feed(b"\n")) == 1


def test_a_comm_may_hold_what_separates_fields():
    comm = "a, Src:b_1"
    (message,) = read(header(Comm=comm, UUID=f"1234_1235_{comm}_-1_0") + REQUEST + b"\n")
    assert (message.comm, message.uuid.comm, message.uuid.fd) == (comm, comm, -1)
    assert message.uuid.socket is None


def test_reads_ipv6_endpoints():
    uuid = "sock:1_1_curl_3_0_[::1]:54321-[fe80::1]:443_1f"
    (message,) = read(header(Src="[::1]:54321", Dest="[fe80::1]:443", UUID=uuid) + REQUEST + b"\n")
    assert (message.src, str(message.dest)) == (Endpoint("::1", 54321), "[fe80::1]:443")


@pytest.mark.parametrize(
    "changes",
    [
        {"PID": "x"},
        {"Src": "127.0.0.1"},
        {"Src": "127.0.0.01:1"},
        {"Src": "127.0.0.1:65536"},
        {"Dest": "[::0]:1"},
        {"Dest": "127.0.0.1:444"},  # the UUID says 443
        {"Time": "2026-11-21T08:54:12.123Z"},
        {"UUID": "sock:1234"},
        {"Name": "HTTPResponse"},  # that would be type 3
        {"Length": "-1"},
        {"more": ", Incomplete:false"},
        {"more": ", Cut:1, Lost:1"},
        {"more": ", Hex:false"},
        {"more": " "},
    ],
)
def test_refuses_a_header_that_is_not_right(changes):
    with pytest.raises(FormatError):
        read(header(**changes) + REQUEST + b"\n")


@pytest.mark.parametrize("body", [REQUEST + b"x\n", REQUEST[:-1] + b"\n", REQUEST])
def test_refuses_a_message_of_another_length(body):
    with pytest.raises(FormatError):
        read(header() + body)


@pytest.mark.parametrize(
    "body", [b"", b"rest", b"\n[tlscope: 6 bytes lost]\n", b"\n[tlscope: 7 bytes lost]\nrests"]
)
def test_refuses_markers_that_disagree_with_the_header(body):
    with pytest.raises(FormatError):
        read(header(Length="4", more=", Lost:7") + body + b"\n")


def test_reads_messages_that_are_not_shown_as_they_were_sent():
    output = (
        (header(more=", Hidden:1000") + b"GET / HTTP/1.1\r\n\r\n[tlscope: 1000 bytes]\n")
        + (header(more=", Pretty:true") + b"GET / HTTP/1.1\r\n\r\n{\n  1\n}\n")
        + (header(Name="DefaultParser", Type="0", Length="2", more=", Hex:true"))
        + (hex_dump_of(b"\0\1") + b"\n")
    )
    hidden, pretty, dumped = read(output)
    assert hidden.altered and pretty.altered and not dumped.altered
    assert (dumped.hex_dump, dumped.body) == (True, b"\0\1")


@pytest.mark.parametrize("piece_bytes", [1, None])
def test_a_hex_dump_may_begin_behind_what_was_lost(piece_bytes):
    announced = header(Name="DefaultParser", Type="0", Length="20", more=", Hex:true")
    dump = b"\n[tlscope: bytes lost]\n" + hex_dump_of(bytes(range(20))) + b"\n"
    (message,) = read(announced + dump, piece_bytes)
    assert (message.hex_dump, message.body) == (True, bytes(range(20)))


def test_an_unknown_socket_has_no_ends():
    (message,) = read(
        header(Src="unknown", Dest="unknown", UUID="1234_1234_curl_-1_0") + REQUEST + b"\n"
    )
    assert message.src is message.dest is message.uuid.local is None


def test_refuses_a_hex_dump_that_is_not_right():
    announced = header(Name="DefaultParser", Type="0", Length="20")
    dump = hex_dump_of(bytes(range(20)))
    assert read(announced + dump + b"\n")[0].hex_dump
    for wrong in (
        dump.replace(b"00000010", b"00000011"),
        dump.replace(b"|....", b"|...x"),
        hex_dump_of(bytes(range(19))),
    ):
        with pytest.raises(FormatError):
            read(announced + wrong + b"\n")
