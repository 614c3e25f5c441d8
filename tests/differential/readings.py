# SPDX-License-Identifier: Apache-2.0
"""How a parser read a case, in one form for both parsers, and where two readings part."""

import dataclasses

CLEAN = "clean"  # the case ends between two messages
PARTIAL = "partial"  # it ends within one
REJECT = "reject"  # something in it is no HTTP/1.x
UPGRADE = "upgrade"  # from a place on it is another protocol's

HIDDEN = "hidden"  # the code of a rejection about which Node.js says nothing


@dataclasses.dataclass(frozen=True)
class Message:
    """What a head and a body said."""

    method: bytes
    target: bytes
    status: int
    fields: tuple
    body: bytes
    trailers: tuple
    whole: bool


@dataclasses.dataclass(frozen=True)
class Reading:
    """The messages up to the end or to what is no HTTP/1.x, the last perhaps not whole."""

    messages: tuple
    end: str
    rest: bytes = b""  # after an upgrade
    code: str = ""  # llhttp's name for the reason of a rejection
    at: int = 0  # where llhttp rejects
    refused: bytes = b""  # what tlscope does not take for a message, from its first byte on


def _fields(pairs):
    return tuple((bytes.fromhex(name), bytes.fromhex(value)) for name, value in pairs)


def _message(parsed):
    return Message(
        method=bytes.fromhex(parsed["method"]),
        target=bytes.fromhex(parsed["target"]),
        status=parsed["status"],
        fields=_fields(parsed["fields"]),
        body=bytes.fromhex(parsed["body"]),
        # llhttp keeps those of a broken message to itself.
        trailers=_fields(parsed["trailers"]) if parsed["whole"] else (),
        whole=parsed["whole"],
    )


def of_tlscope(parsed):
    """The Reading in a line of http1_reader."""
    messages = []
    for number, item in enumerate(parsed["messages"]):
        end = REJECT if number < parsed["judged"] else PARTIAL
        if "unknown" in item:
            refused = bytes.fromhex(item["unknown"])
            return Reading(tuple(messages), end, refused=refused)
        messages.append(_message(item))
        if not messages[-1].whole:
            refused = b""
            if end == REJECT and number + 1 < len(parsed["messages"]):
                refused = bytes.fromhex(parsed["messages"][number + 1].get("unknown", ""))
            return Reading(tuple(messages), end, refused=refused)
    if parsed["upgraded"]:
        return Reading(tuple(messages), UPGRADE, rest=bytes.fromhex(parsed["rest"]))
    return Reading(tuple(messages), CLEAN)


def of_llhttp(parsed):
    """The Reading in one half of a line of llhttp_reader."""
    return Reading(
        messages=tuple(map(_message, parsed["messages"])),
        end=parsed["end"],
        rest=bytes.fromhex(parsed.get("rest", "")),
        code=parsed.get("code", ""),
        at=parsed.get("at", 0),
    )


@dataclasses.dataclass(frozen=True)
class Parting:
    """Where two readings of a case differ first. A message is None where a reading has none."""

    case: object
    index: int
    ours: Reading
    theirs: Reading

    @property
    def our_message(self):
        """Ours at the place."""
        return self.ours.messages[self.index] if self.index < len(self.ours.messages) else None

    @property
    def their_message(self):
        """llhttp's at the place."""
        return (
            self.theirs.messages[self.index] if self.index < len(self.theirs.messages) else None
        )

    @property
    def they_reject(self):
        """llhttp takes nothing more from here on."""
        message = self.their_message
        last = self.index >= len(self.theirs.messages) - 1
        return self.theirs.end == REJECT and last and not (message and message.whole)

    @property
    def we_reject(self):
        """tlscope does not take the next bytes for a message, or not for the rest of one."""
        message = self.our_message
        last = self.index >= len(self.ours.messages) - 1
        return self.ours.end == REJECT and last and not (message and message.whole)

    @property
    def we_go_on(self):
        """tlscope takes something at the place that llhttp does not."""
        ours, theirs = self.our_message, self.their_message
        if ours is None or theirs is None:
            return ours is not None
        return ours.whole > theirs.whole or len(ours.body) > len(theirs.body)

    def differing(self):
        """The names of the fields in which the two messages differ."""
        ours, theirs = self.our_message, self.their_message
        names = (field.name for field in dataclasses.fields(Message))
        return [name for name in names if getattr(ours, name) != getattr(theirs, name)]


def parting(case, ours, theirs):
    """Where the readings part; None when they agree."""
    for index, (one, other) in enumerate(zip(ours.messages, theirs.messages)):
        if one != other:
            return Parting(case, index, ours, theirs)
    shared = min(len(ours.messages), len(theirs.messages))
    if ours.end == theirs.end == REJECT:
        # llhttp may find fault with a message after it has told of its head.
        extra = theirs.messages[shared:]
        if len(ours.messages) == shared and all(not one.whole and not one.body for one in extra):
            return None
    same_length = len(ours.messages) == len(theirs.messages)
    if same_length and (ours.end, ours.rest) == (theirs.end, theirs.rest):
        return None
    return Parting(case, shared, ours, theirs)
