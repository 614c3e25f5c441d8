# SPDX-License-Identifier: Apache-2.0
"""Makes HTTP/1.x byte streams: well-formed, odd and mutated. A seed always gives the same ones."""

import dataclasses
import random
import struct

REQUEST = "request"
RESPONSE = "response"

_LAST_REQUEST = b"GET /last HTTP/1.1\r\nHost: a\r\n\r\n"
_LAST_RESPONSE = b"HTTP/1.1 202 Last\r\nContent-Length: 2\r\n\r\nok"
_GET = b"GET / HTTP/1.1\r\n\r\n"
_UPGRADE = b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


@dataclasses.dataclass(frozen=True)
class Case:
    """One direction's bytes, and what the other direction said before."""

    role: str
    data: bytes
    requests: bytes = b""

    def encoded(self):
        """As http1_reader.cc describes it."""
        parts = (self.role.encode(), self.requests, self.data)
        return b"".join(struct.pack("<I", len(part)) + part for part in parts)


# Each is put into a head in place of its field lines, with the body after it.
_FRAMINGS = (
    ("", ""),
    ("Content-Length: 5\r\n", "hello"),
    ("content-length:5\r\n", "hello"),
    ("Content-Length:\t 5 \t\r\n", "hello"),
    ("Content-Length: 0\r\n", ""),
    ("Content-Length: 005\r\n", "hello"),
    ("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
    ("Content-Length: 5, 5\r\n", "hello"),
    ("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"),
    ("Content-Length: 5, 6\r\n", "hello!"),
    ("Content-Length: -5\r\n", "hello"),
    ("Content-Length: +5\r\n", "hello"),
    ("Content-Length: 0x5\r\n", "hello"),
    ("Content-Length: 5 5\r\n", "hello"),
    ("Content-Length: 5;\r\n", "hello"),
    ("Content-Length: 5.0\r\n", "hello"),
    ("Content-Length:\r\n", ""),
    ("Content-Length: \r\n", ""),
    ("Content-Length: five\r\n", "hello"),
    ("Content-Length: 18446744073709551616\r\n", "hello"),
    ("Content-Length: 99999999999999999999999\r\n", "hello"),
    ("Content-Length:\r\n 5\r\n", "hello"),
    ("Content-Length : 5\r\n", "hello"),
    ("Content-Lengt: 5\r\n", ""),
    ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    ("transfer-encoding:CHUNKED\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    ("Transfer-Encoding: gzip, chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked, gzip\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    ("Transfer-Encoding: identity\r\nContent-Length: 5\r\n", "hello"),
    ("Transfer-Encoding: identity\r\n", ""),
    ("Transfer-Encoding: xchunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunkedx\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked,\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    ("Transfer-Encoding:\r\n chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    ("Transfer-Encoding: \x0bchunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    ("Transfer-Encoding : chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    ("Transfer-Encoding:\r\n", ""),
    ("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
)

_CHUNKED_BODIES = (
    "0\r\n\r\n",
    "5\r\nhello\r\n0\r\n\r\n",
    "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
    "A\r\n0123456789\r\n0\r\n\r\n",
    "a\r\n0123456789\r\n0\r\n\r\n",
    "00000005\r\nhello\r\n0\r\n\r\n",
    "0000000000000000000005\r\nhello\r\n0\r\n\r\n",
    "5;name\r\nhello\r\n0\r\n\r\n",
    "5;name=value\r\nhello\r\n0;last\r\n\r\n",
    '5;name="a b;c"\r\nhello\r\n0\r\n\r\n',
    '5;name="a\\"b"\r\nhello\r\n0\r\n\r\n',
    "5 \r\nhello\r\n0\r\n\r\n",
    "5 ;name\r\nhello\r\n0\r\n\r\n",
    "5; name = value\r\nhello\r\n0\r\n\r\n",
    "5;\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n0\r\nX-Trailer: t\r\n\r\n",
    "5\r\nhello\r\n0\r\nX-One: 1\r\nx-two:2\r\n\r\n",
    "5\r\nhello\r\n0\r\nX-Folded: a\r\n b\r\n\r\n",
    "5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n",
    "5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "5\r\nhello\r\n0\r\nbad trailer\r\n\r\n",
    "5\nhello\n0\n\n",
    "5\r\nhello\n0\r\n\r\n",
    "5\r\nhelloX\r\n0\r\n\r\n",
    "5\r\nhell\r\n0\r\n\r\n",
    "5\r\nhello0\r\n\r\n",
    " 5\r\nhello\r\n0\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "-5\r\nhello\r\n0\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    "5,\r\nhello\r\n0\r\n\r\n",
    "\r\nhello\r\n0\r\n\r\n",
    "g\r\nhello\r\n0\r\n\r\n",
    "ffffffffffffffff\r\nhello",
    "10000000000000000\r\nhello",
    "fffffffffffffffff\r\nhello",
    "7fffffffffffffff\r\nhello",
)

_FIELD_LINES = (
    "Host: a.example\r\n",
    "Accept: */*\r\n",
    "x-lower: v\r\n",
    "X-Empty:\r\n",
    "X-Spaces:   v  \r\n",
    "X-Tabs:\tv\t\r\n",
    "X-Inner: a  b\tc\r\n",
    "X-Colon: a:b:c\r\n",
    "X-Long: " + "v" * 3000 + "\r\n",
    "N" * 300 + ": v\r\n",
    "X-Latin: caf\xe9\r\n",
    "X!#$%&'*+-.^_`|~9: v\r\n",
    "Cookie: a=b; c=d\r\n",
    "Connection: keep-alive\r\n",
    "Connection: x-other\r\n",
    "Expect: 100-continue\r\n",
)

_ODD_FIELD_LINES = (
    "X-Folded: a\r\n b\r\n",
    "X-Folded: a\r\n\t b\r\n  c\r\n",
    "X-Folded:\r\n b\r\n",
    "X-Bare: v\n",
    "X-Space : v\r\n",
    "X-Tab\t: v\r\n",
    ": v\r\n",
    "no colon\r\n",
    "nocolon\r\n",
    " X-Indented: v\r\n",
    "X Inner: v\r\n",
    "X-Control: a\x01b\r\n",
    "X-Delete: a\x7fb\r\n",
    "X-Nul: a\0b\r\n",
    "X-Cr: a\rb\r\n",
    "X-Two-Cr: a\r\r\n",
    "X-N\xe9: v\r\n",
    "X(): v\r\n",
    "X@: v\r\n",
    '"X": v\r\n',
    "\r\n",
    "\n",
    "\r",
    "Connection: close\r\n",
    "Connection: upgrade\r\nUpgrade: h2c\r\n",
    "Upgrade: websocket\r\n",
    "Proxy-Connection: close\r\n",
)

_REQUEST_LINES = (
    "GET / HTTP/1.1\r\n",
    "GET /a/b?c=d&e HTTP/1.1\r\n",
    "POST /p HTTP/1.1\r\n",
    "PUT /p HTTP/1.1\r\n",
    "HEAD /h HTTP/1.1\r\n",
    "DELETE /d HTTP/1.1\r\n",
    "PATCH /p HTTP/1.1\r\n",
    "OPTIONS * HTTP/1.1\r\n",
    "OPTIONS /o HTTP/1.1\r\n",
    "TRACE /t HTTP/1.1\r\n",
    "PROPFIND /dav HTTP/1.1\r\n",
    "M-SEARCH * HTTP/1.1\r\n",
    "GET http://a.example/abs?q HTTP/1.1\r\n",
    "GET https://a.example:8443/abs HTTP/1.1\r\n",
    "GET http://user@a.example/ HTTP/1.1\r\n",
    "GET http://[::1]:80/ HTTP/1.1\r\n",
    "CONNECT a.example:443 HTTP/1.1\r\n",
    "CONNECT [::1]:443 HTTP/1.1\r\n",
    "GET /" + "l" * 5000 + " HTTP/1.1\r\n",
    "GET /%20%zz HTTP/1.1\r\n",
    "GET /a'b(c)*,;:@[] HTTP/1.1\r\n",
    "GET /h#fragment HTTP/1.1\r\n",
)

_ODD_REQUEST_LINES = (
    "GET / HTTP/1.0\r\n",
    "GET / HTTP/1.2\r\n",
    "GET / HTTP/1.9\r\n",
    "GET / HTTP/0.9\r\n",
    "GET / HTTP/2.0\r\n",
    "GET / HTTP/3.0\r\n",
    "GET / HTTP/11\r\n",
    "GET / HTTP/1.\r\n",
    "GET / HTTP/1.10\r\n",
    "GET / http/1.1\r\n",
    "GET / HTTPS/1.1\r\n",
    "GET / HTTP/1.1 \r\n",
    "GET /\r\n",
    "GET HTTP/1.1\r\n",
    "GET  / HTTP/1.1\r\n",
    "GET /  HTTP/1.1\r\n",
    "GET\t/ HTTP/1.1\r\n",
    "GET /\tHTTP/1.1\r\n",
    " GET / HTTP/1.1\r\n",
    "get / HTTP/1.1\r\n",
    "Get / HTTP/1.1\r\n",
    "BREW /pot HTTP/1.1\r\n",
    "QUERY /q HTTP/1.1\r\n",
    "X-METHOD /x HTTP/1.1\r\n",
    "ME@HOD / HTTP/1.1\r\n",
    "G" * 40 + " / HTTP/1.1\r\n",
    "GET /a b HTTP/1.1\r\n",
    "GET /caf\xe9 HTTP/1.1\r\n",
    "GET /\x01 HTTP/1.1\r\n",
    "GET /\x7f HTTP/1.1\r\n",
    "GET relative HTTP/1.1\r\n",
    "GET ?query HTTP/1.1\r\n",
    "GET //a.example/ HTTP/1.1\r\n",
    "GET * HTTP/1.1\r\n",
    "GET 1.2.3.4:80 HTTP/1.1\r\n",
    "CONNECT / HTTP/1.1\r\n",
    "CONNECT http://a/ HTTP/1.1\r\n",
    "GET http:/a HTTP/1.1\r\n",
    "GET http:// HTTP/1.1\r\n",
    "GET http://a@b@c/ HTTP/1.1\r\n",
    "GET / HTTP/1.1\n",
    "GET / HTTP/1.1\r\r\n",
    "\r\nGET / HTTP/1.1\r\n",
    "\n\r\n\nGET / HTTP/1.1\r\n",
    "\rGET / HTTP/1.1\r\n",
    "PRI * HTTP/2.0\r\n",
    "SOURCE /radio ICE/1.0\r\n",
    "DESCRIBE rtsp://a/b RTSP/1.0\r\n",
    "DESCRIBE /b HTTP/1.1\r\n",
)

_STATUS_LINES = (
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 200 \r\n",
    "HTTP/1.1 404 Not Found\r\n",
    "HTTP/1.1 500 Internal  Error\r\n",
    "HTTP/1.1 204 No Content\r\n",
    "HTTP/1.1 304 Not Modified\r\n",
    "HTTP/1.1 299 Made Up\r\n",
    "HTTP/1.1 999 Made Up\r\n",
    "HTTP/1.1 100 Continue\r\n",
    "HTTP/1.1 102 Processing\r\n",
    "HTTP/1.1 103 Early Hints\r\n",
    "HTTP/1.1 205 Reset Content\r\n",
    "HTTP/1.1 200 caf\xe9\r\n",
)

_ODD_STATUS_LINES = (
    "HTTP/1.0 200 OK\r\n",
    "HTTP/1.1 200\r\n",
    "HTTP/1.1 200\n",
    "HTTP/1.1 200 OK\n",
    "HTTP/1.1 200 OK\r\r\n",
    "HTTP/1.1 200 a\tb\r\n",
    "HTTP/1.1 200 a\x01b\r\n",
    "HTTP/1.1 200 a\0b\r\n",
    "HTTP/1.1 200OK\r\n",
    "HTTP/1.1 20 OK\r\n",
    "HTTP/1.1 2000 OK\r\n",
    "HTTP/1.1 099 Low\r\n",
    "HTTP/1.1 000 Zero\r\n",
    "HTTP/1.1 -20 OK\r\n",
    "HTTP/1.1 2x0 OK\r\n",
    "HTTP/1.1  200 OK\r\n",
    "HTTP/1.1\t200 OK\r\n",
    "HTTP/1.1 \r\n",
    "HTTP/1.1\r\n",
    "HTTP/1.2 200 OK\r\n",
    "HTTP/0.9 200 OK\r\n",
    "HTTP/2.0 200 OK\r\n",
    "HTTP/3.0 200 OK\r\n",
    "HTTP/1.12 200 OK\r\n",
    "http/1.1 200 OK\r\n",
    "ICY 200 OK\r\n",
    "RTSP/1.0 200 OK\r\n",
    " HTTP/1.1 200 OK\r\n",
    "\r\nHTTP/1.1 200 OK\r\n",
    "\n\nHTTP/1.1 200 OK\r\n",
    "\rHTTP/1.1 200 OK\r\n",
    "HTTP/1.1 101 Switching Protocols\r\n",
)

# What mutations put in.
_TOKENS = (
    b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\n\n", b" ", b"\t", b":", b";", b",", b"\0", b"\x01",
    b"\x7f", b"\x80", b"\xff", b"0", b"5", b"f", b"-", b"+", b'"', b"\\", b"0\r\n\r\n",
    b"5\r\nhello\r\n", b"HTTP/1.1", b"HTTP/1.0", b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n",
    b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n", b"Upgrade: a\r\n", b"X: y\r\n", b" folded\r\n", b"ffffffffffffffff",
)  # fmt: skip


def _latin(*parts):
    return "".join(parts).encode("latin-1")


def _tables():
    """Every entry of every table once, each followed by a message that shows where it ended."""
    chunked = "Transfer-Encoding: chunked\r\n"
    for line in _REQUEST_LINES + _ODD_REQUEST_LINES:
        yield Case(REQUEST, _latin(line, "Host: a\r\n\r\n") + _LAST_REQUEST)
        yield Case(REQUEST, _latin(line, "\r\n") + _LAST_REQUEST)
    for line in _STATUS_LINES + _ODD_STATUS_LINES:
        for requests in (_GET * 3, _UPGRADE * 3, b""):
            head = _latin(line, "Content-Length: 2\r\n\r\nab")
            yield Case(RESPONSE, head + _LAST_RESPONSE, requests)
            yield Case(RESPONSE, _latin(line, "\r\n") + _LAST_RESPONSE, requests)
    for fields, body in _FRAMINGS:
        yield Case(REQUEST, _latin("POST /f HTTP/1.1\r\n", fields, "\r\n", body) + _LAST_REQUEST)
        for status in ("200 OK", "204 No", "304 Not", "100 Go", "101 Switch"):
            data = _latin(f"HTTP/1.1 {status}\r\n", fields, "\r\n", body) + _LAST_RESPONSE
            for requests in (_GET * 2, b"HEAD / HTTP/1.1\r\n\r\n" + _GET, _UPGRADE + _GET):
                yield Case(RESPONSE, data, requests)
            yield Case(RESPONSE, data, b"CONNECT a:1 HTTP/1.1\r\n\r\n" + _GET)
    for body in _CHUNKED_BODIES:
        yield Case(REQUEST, _latin("POST /c HTTP/1.1\r\n", chunked, "\r\n", body) + _LAST_REQUEST)
        data = _latin("HTTP/1.1 200 OK\r\n", chunked, "\r\n", body) + _LAST_RESPONSE
        yield Case(RESPONSE, data, _GET * 2)
    for line in _FIELD_LINES + _ODD_FIELD_LINES:
        for around in ("{}", "A: b\r\n{}", "{}A: b\r\n", "A: b\r\n{}C: d\r\n"):
            fields = _latin(around.replace("{}", line), "\r\n")
            yield Case(REQUEST, b"GET /l HTTP/1.1\r\n" + fields + _LAST_REQUEST)
            data = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + fields + b"ok" + _LAST_RESPONSE
            yield Case(RESPONSE, data, _GET * 2)


class Generator:
    """Random cases."""

    def __init__(self, seed):
        self._random = random.Random(seed)

    def cases(self, count):
        """All tables, then random streams, most of them mutated, `count` in all."""
        made = list(_tables())
        bases = [case for case in made if len(case.data) < 2000]
        while len(made) < count:
            if self._chance(0.3):
                made.append(self._stream())
            else:
                base = self._stream() if self._chance(0.6) else self._random.choice(bases)
                made.append(self._mutated(base))
        return made[:count]

    def _chance(self, probability):
        return self._random.random() < probability

    def _stream(self):
        count = self._random.randrange(1, 5)
        if self._chance(0.5):
            data = b"".join(self._request() for _ in range(count))
            return Case(REQUEST, data + _LAST_REQUEST)
        parts, requests = [], []
        for _ in range(count):
            head_request = self._chance(0.15)
            parts.append(self._response(head_request))
            requests.append(b"HEAD / HTTP/1.1\r\n\r\n" if head_request else _GET)
        if self._chance(0.1):
            return Case(RESPONSE, b"".join(parts) + self._until_close(), b"".join(requests) + _GET)
        return Case(RESPONSE, b"".join(parts) + _LAST_RESPONSE, b"".join(requests) + _GET)

    def _fields(self):
        lines = self._random.choices(_FIELD_LINES, k=self._random.randrange(0, 6))
        if self._chance(0.05):
            lines.append(self._random.choice(_ODD_FIELD_LINES))
        if self._chance(0.02):
            lines += [f"X-Many-{number}: v\r\n" for number in range(100)]
        return lines

    def _head(self, start_line, framing):
        lines = self._fields()
        lines.insert(self._random.randrange(len(lines) + 1), framing)
        return _latin(start_line, *lines, "\r\n")

    def _framed(self):
        """Field lines and the body that goes with them."""
        body = bytes(self._random.randrange(256) for _ in range(self._random.randrange(1, 40)))
        if self._chance(0.4):
            return f"Content-Length: {len(body)}\r\n", body
        if self._chance(0.2):
            fields, text = self._random.choice(_FRAMINGS)
            return fields, _latin(text)
        if self._chance(0.2):
            return "Transfer-Encoding: chunked\r\n", _latin(self._random.choice(_CHUNKED_BODIES))
        return "Transfer-Encoding: chunked\r\n", self._chunks(body)

    def _chunks(self, body):
        out = b""
        while body:
            size = self._random.randrange(1, len(body) + 1)
            extension = self._random.choice(("", "", "", ";a=b", ';q="x"', ";token"))
            out += _latin(f"{size:x}{extension}\r\n") + body[:size] + b"\r\n"
            body = body[size:]
        trailers = self._random.choice(("", "", "", "X-T: 1\r\n", "A: b\r\nC: d\r\n"))
        return out + _latin("0\r\n", trailers, "\r\n")

    def _request(self):
        odd = self._chance(0.05)
        line = self._random.choice(_ODD_REQUEST_LINES if odd else _REQUEST_LINES)
        if self._chance(0.5):
            return self._head(line, "")
        fields, body = self._framed()
        return self._head(line, fields) + body

    def _response(self, to_head):
        odd = self._chance(0.05)
        line = self._random.choice(_ODD_STATUS_LINES if odd else _STATUS_LINES)
        fields, body = self._framed()
        bodiless = line[9:12] in ("204", "304") or line[9:10] == "1"
        final = b""
        if line[9:10] == "1":
            final = self._head("HTTP/1.1 200 OK\r\n", "Content-Length: 3\r\n") + b"fin"
            final = final if not to_head else final[:-3]
        return self._head(line, fields) + (b"" if bodiless or to_head else body) + final

    def _until_close(self):
        line = self._random.choice(("HTTP/1.0 200 OK\r\n", "HTTP/1.1 200 OK\r\n"))
        fields = self._random.choice(("", "Transfer-Encoding: gzip\r\n", "Connection: close\r\n"))
        return _latin(line, fields, "\r\n") + b"up to the end\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"

    def _mutated(self, case):
        data = bytearray(case.data)
        for _ in range(self._random.choice((1, 1, 1, 2, 3))):
            self._mutate(data)
        return dataclasses.replace(case, data=bytes(data))

    def _mutate(self, data):
        at = self._random.randrange(len(data) + 1)
        kind = self._random.randrange(8)
        if kind == 0:
            data[at : at + 1] = bytes([self._random.randrange(256)])
        elif kind == 1:
            data[at : at + 1] = self._random.choice(_TOKENS)
        elif kind == 2:
            data[at:at] = self._random.choice(_TOKENS)
        elif kind == 3:
            del data[at : at + self._random.choice((1, 1, 1, 2, 5, 20))]
        elif kind == 4:
            data[at:at] = data[at : at + self._random.randrange(1, 30)]
        elif kind == 5 and self._chance(0.3):
            del data[at:]
        else:
            self._mutate_line(data)
        if not data:
            data += b"\r\n"

    def _mutate_line(self, data):
        """Drops, doubles or moves a line, changes its end, or the case of a letter in it."""
        lines = bytes(data).splitlines(keepends=True)
        at = self._random.randrange(len(lines)) if lines else 0
        kind = self._random.randrange(5)
        if not lines:
            return
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(at, lines[at])
        elif kind == 2:
            lines.insert(self._random.randrange(len(lines)), lines.pop(at))
        elif kind == 3:
            end = self._random.choice((b"\n", b"\r", b"\r\r\n", b" \r\n", b"\t\r\n", b""))
            lines[at] = lines[at].rstrip(b"\r\n") + end
        else:
            lines[at] = lines[at].swapcase()
        data[:] = b"".join(lines)
