# SPDX-License-Identifier: Apache-2.0
"""Reads the agent's text output, as it comes, and refuses what the format does not allow.

A message is a header line and then its bytes. HTTP messages that lack nothing are exactly `Length`
bytes long, so they can be told apart whatever they contain. Bytes of no known protocol are text of
that length or a hex dump whose rows follow from it. Only a message with a hole or a cut, where a
marker stands for what is missing, and one that is not shown as it was sent end where the next
header line begins.
"""

import dataclasses
import datetime
import ipaddress
import re

READ = 0
WRITE = 1

TYPES = {
    "DefaultParser": 0,
    "HTTPRequest": 1,
    "HTTP2Request": 2,
    "HTTPResponse": 3,
    "HTTP2Response": 4,
    "WebSocket": 5,
}
LOST = "Lost"
HTTP2_FRAME = "HTTP2Frame"
TLS_HANDSHAKE = "TLSHandshake"
RATE_LIMITED = "RateLimited"
# Their header line is all there is of them.
LINES = (LOST, HTTP2_FRAME, TLS_HANDSHAKE, RATE_LIMITED)

UNKNOWN = "unknown"

_ENDPOINT = r"(?:\d+\.\d+\.\d+\.\d+|\[[0-9a-f:.]+\]):\d+"
_HEADER = re.compile(
    r"PID:(?P<pid>\d+), Comm:(?P<comm>.*), "
    rf"Src:(?P<src>{_ENDPOINT}|{UNKNOWN}), Dest:(?P<dest>{_ENDPOINT}|{UNKNOWN}), "
    r"Time:(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z), UUID:(?P<uuid>.*), "
    r"Name:(?P<name>[A-Za-z0-9]+), Type:(?P<type>\d+), Length:(?P<length>\d+)"
    r"(?P<incomplete>, Incomplete:true)?(?P<resynchronised>, Resynchronised:true)?"
    r"(?:, Lost:(?P<lost>\d+))?(?:, Cut:(?P<cut>\d+))?"
    r"(?:, Dropped:(?P<dropped>\d+), Limit:(?P<limit>\d+))?"
    r"(?P<http2_frame>, Kind:[^\n]*)?"
    r"(?P<handshake>, Part:[a-z][^\n]*)?"
    r"(?:, Stream:(?P<stream>\d+))?(?:, Rpc:(?P<rpc>[^,\n]*))?"
    r"(?:, NeverIndexed:(?P<never_indexed>[^,\n]*))?"
    r"(?:, Part:(?P<part>\d+))?(?P<last>, Last:true)?"
    r"(?:, Decoded:(?P<decoded>[a-z+-]+)(?:, Sent:(?P<sent>\d+))?)?"
    r"(?:, DecodeError:(?P<decode_error>[^,]+))?"
    r"(?:, Frame:(?P<frame>[a-z]+)(?:, Code:(?P<code>\d+))?)?"
    r"(?:(?P<hex>, Hex:true)|(?P<pretty>, Pretty:true)|, Hidden:(?P<hidden>\d+)"
    r"|, View:(?P<view>json|fields))?"
)
_UUID = re.compile(r"(?P<pid>\d+)_(?P<tid>\d+)_(?P<comm>.*)_(?P<fd>-1|\d+)_(?P<data_type>[01])")
_SOCKET_UUID = re.compile(
    rf"sock:{_UUID.pattern}_(?:(?P<local>{_ENDPOINT})-(?P<remote>{_ENDPOINT})|{UNKNOWN})"
    r"_(?P<socket>[0-9a-f]+)"
)
_HEX_ROW = re.compile(
    rb"(?P<offset>[0-9a-f]{8})  (?P<octets>[0-9a-f ]{48})  \|(?P<text>[\x20-\x7e]{1,16})\|"
)
_HEX_ROW_BYTES = 16
_LOST_MARKER = re.compile(rb"\n\[tlscope: (?:(\d+) )?bytes lost\]\n")
_CUT_MARKER = re.compile(rb"\n\[tlscope: (\d+) bytes cut by --[a-z-]+\]")


class FormatError(Exception):
    """The output is not what the format says."""


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """One end of a connection."""

    address: str
    port: int

    @staticmethod
    def parse(text):
        """What `text` names: `127.0.0.1:443` or `[::1]:443`; None when it is unknown."""
        if text in (UNKNOWN, None):
            return None
        if not re.fullmatch(_ENDPOINT, text):
            raise FormatError(f"not an endpoint: {text!r}")
        address, _, port = text.rpartition(":")
        bare = address.strip("[]")
        try:
            canonical = str(ipaddress.ip_address(bare))
        except ValueError as error:
            raise FormatError(f"not an address: {text!r}") from error
        if canonical != bare or int(port) > 65535 or port != str(int(port)):
            raise FormatError(f"not in canonical form: {text!r}")
        return Endpoint(bare, int(port))

    def __str__(self):
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}:{self.port}"


@dataclasses.dataclass(frozen=True)
class Uuid:
    """The parts of a connection's name. `socket` and both ends are None when they are unknown."""

    pid: int
    tid: int
    comm: str
    fd: int
    data_type: int
    local: Endpoint | None = None
    remote: Endpoint | None = None
    socket: str | None = None

    @staticmethod
    def parse(text):
        """The UUID that `text` spells."""
        pattern = _SOCKET_UUID if text.startswith("sock:") else _UUID
        match = pattern.fullmatch(text)
        if not match:
            raise FormatError(f"not a UUID: {text!r}")
        parts = match.groupdict()
        return Uuid(
            pid=int(parts["pid"]),
            tid=int(parts["tid"]),
            comm=parts["comm"],
            fd=int(parts["fd"]),
            data_type=int(parts["data_type"]),
            local=Endpoint.parse(parts.get("local")),
            remote=Endpoint.parse(parts.get("remote")),
            socket=parts.get("socket"),
        )


@dataclasses.dataclass(frozen=True)
class Message:
    """One captured message."""

    header: str
    pid: int
    comm: str
    src: Endpoint | None
    dest: Endpoint | None
    time: datetime.datetime
    uuid: Uuid | None  # None where it is of no connection
    name: str
    length: int
    incomplete: bool
    resynchronised: bool
    lost: int
    has_gaps: bool  # also where it is not known how much is lost
    cut: int
    altered: bool  # laid out anew, or its content hidden
    hex_dump: bool
    part: int  # 0: not in parts
    last: bool
    decoded: str | None  # the codings that were removed: gzip+br
    sent: int | None  # the size of what was sent, where a coding was removed
    decode_error: str | None
    frame: str | None  # of a WebSocket
    code: int | None
    stream: int = 0
    rpc: str = ""
    never_indexed: str = ""
    view: str = ""
    http2_frame: str = ""
    dropped: int = 0  # events, by --max-events-per-second
    limit: int = 0  # events per second
    handshake: dict = dataclasses.field(default_factory=dict)  # what a part of one tells
    body: bytes = b""  # head, content and trailers, markers and dumps undone

    @property
    def whole(self):
        """Whether nothing of the message is missing."""
        return not (self.incomplete or self.lost or self.cut)

    @property
    def head(self):
        """Of an HTTP message: start line and header lines, with the blank line."""
        return self.body[: self._content_start()]

    @property
    def content(self):
        """Of an HTTP message: what follows the head."""
        return self.body[self._content_start() :]

    def _content_start(self):
        end = self.body.find(b"\r\n\r\n")
        return len(self.body) if end < 0 else end + 4


def parse_header(line):
    """The Message, as yet without bytes, that the header `line` (bytes, no newline) announces."""
    text = line.decode("utf-8", "surrogateescape")
    match = _HEADER.fullmatch(text)
    if not match:
        raise FormatError(f"not a header line: {text[:300]!r}")
    if match["name"] not in LINES and TYPES.get(match["name"]) != int(match["type"]):
        raise FormatError(f"name and type disagree: {text!r}")
    message = Message(
        header=text,
        pid=int(match["pid"]),
        comm=match["comm"],
        src=Endpoint.parse(match["src"]),
        dest=Endpoint.parse(match["dest"]),
        time=datetime.datetime.strptime(match["time"], "%Y-%m-%dT%H:%M:%S.%f%z"),
        uuid=None if match["name"] == RATE_LIMITED else Uuid.parse(match["uuid"]),
        name=match["name"],
        length=int(match["length"]),
        incomplete=bool(match["incomplete"]),
        resynchronised=bool(match["resynchronised"]),
        lost=int(match["lost"] or 0),
        has_gaps=match["lost"] is not None,
        cut=int(match["cut"] or 0),
        dropped=int(match["dropped"] or 0),
        limit=int(match["limit"] or 0),
        altered=bool(match["pretty"] or match["hidden"] or match["view"]),
        hex_dump=bool(match["hex"]),
        stream=int(match["stream"] or 0),
        rpc=match["rpc"] or "",
        never_indexed=match["never_indexed"] or "",
        view=match["view"] or "",
        http2_frame=match["http2_frame"] or "",
        handshake=dict(field.split(":", 1) for field in (match["handshake"] or "").split(", ")[1:]),
        part=int(match["part"] or 0),
        last=bool(match["last"]),
        decoded=match["decoded"],
        sent=int(match["sent"]) if match["sent"] else None,
        decode_error=match["decode_error"],
        frame=match["frame"],
        code=int(match["code"]) if match["code"] else None,
    )
    if message.uuid is None:
        if (message.pid, message.comm, match["uuid"]) != (0, "-", "-"):
            raise FormatError(f"a limit is of no connection: {text!r}")
        return message
    ends = (message.uuid.local, message.uuid.remote)
    if message.uuid.socket and ends != (message.src, message.dest):
        raise FormatError(f"the UUID names another connection: {text!r}")
    return message


def without_markers(message):
    """The message with its bytes alone, after a check that the markers say what its header does."""
    if message.altered or message.hex_dump:
        return message
    lost = sum(int(match[1] or 0) for match in _LOST_MARKER.finditer(message.body))
    cut = sum(int(match[1]) for match in _CUT_MARKER.finditer(message.body))
    body = _CUT_MARKER.sub(b"", _LOST_MARKER.sub(b"", message.body))
    if (lost, cut, len(body)) != (message.lost, message.cut, message.length):
        raise FormatError(f"{lost} lost, {cut} cut, {len(body)} shown of {message.header!r}")
    return dataclasses.replace(message, body=body)


def parse_hex_dump(text, length):
    """The `length` bytes that the rows in `text` stand for."""
    data = bytearray()
    for row in text.split(b"\n"):
        match = _HEX_ROW.fullmatch(row)
        if not match or int(match["offset"], 16) != len(data):
            raise FormatError(f"not the row of a hex dump at {len(data)}: {row[:100]!r}")
        octets = bytes.fromhex(match["octets"].decode())
        shown = bytes(byte if 0x20 <= byte < 0x7F else ord(".") for byte in octets)
        if shown != match["text"]:
            raise FormatError(f"the two halves of a row disagree: {row!r}")
        data += octets
    if len(data) != length:
        raise FormatError(f"a hex dump of {len(data)} bytes where {length} were announced")
    return bytes(data)


class TextReader:
    """Takes the output in pieces of any size and gives back the messages it holds."""

    def __init__(self):
        self._buffer = bytearray()
        self._open = None  # a message whose header was read and whose bytes were not

    def feed(self, data):
        """Takes the next bytes of output; the messages they complete."""
        self._buffer += data
        return list(self._read_all(at_end=False))

    def finish(self):
        """The output has ended; the messages that only this completes."""
        messages = list(self._read_all(at_end=True))
        if self._open or self._buffer:
            where = self._open.header if self._open else bytes(self._buffer[:200])
            raise FormatError(f"the output ends within a message: {where!r}")
        return messages

    def _read_all(self, at_end):
        while True:
            if self._open is None:
                end = self._buffer.find(b"\n")
                if end < 0:
                    return
                self._open = parse_header(bytes(self._buffer[:end]))
                del self._buffer[: end + 1]
            message = self._read_bytes(at_end)
            if message is None:
                return
            self._open = None
            yield message

    def _read_bytes(self, at_end):
        """The open message with its bytes, or None when they have not all come yet."""
        if self._open.name in LINES:
            return self._open
        if self._open.lost or self._open.cut or self._open.altered:
            return self._read_until_next_header(at_end)
        if self._open.name in ("DefaultParser", "WebSocket"):
            end = self._buffer.find(b"\n")
            if end < 0:
                return None
            row = _HEX_ROW.fullmatch(self._buffer[:end])
            if self._open.hex_dump or (row and row["offset"] == b"00000000"):
                return self._read_hex_dump()
        if self._open.has_gaps:
            return self._read_until_next_header(at_end)
        return self._read_exactly(self._open.length)

    def _read_exactly(self, size):
        if len(self._buffer) <= size:
            return None
        if self._buffer[size] != ord("\n"):
            raise FormatError(f"no newline after the {size} bytes of {self._open.header!r}")
        return self._take(size)

    def _read_hex_dump(self):
        end = -1
        if self._buffer.startswith(b"\n"):
            # Something went by before the agent came: nobody knows how much.
            if marker := _LOST_MARKER.match(self._buffer):
                end = marker.end() - 1
            elif len(self._buffer) < _HEX_ROW_BYTES * 4:
                return None  # shorter than a row, and longer than the marker
        for _ in range(-(-self._open.length // _HEX_ROW_BYTES)):
            end = self._buffer.find(b"\n", end + 1)
            if end < 0:
                return None
        message = self._take(end)
        rows = _LOST_MARKER.sub(b"", message.body, count=1)
        dumped = parse_hex_dump(rows, message.length)
        return dataclasses.replace(message, body=dumped, hex_dump=True)

    def _read_until_next_header(self, at_end):
        start = 0
        while (end := self._buffer.find(b"\n", start)) >= 0:
            next_end = self._buffer.find(b"\n", end + 1)
            next_line = bytes(self._buffer[end + 1 : max(next_end, end + 1)])
            if _HEADER.fullmatch(next_line.decode("utf-8", "surrogateescape")):
                return without_markers(self._take(end))
            start = end + 1
        if at_end and self._buffer.endswith(b"\n"):
            return without_markers(self._take(len(self._buffer) - 1))
        return None

    def _take(self, size):
        body = bytes(self._buffer[:size])
        del self._buffer[: size + 1]
        return dataclasses.replace(self._open, body=body)
