# SPDX-License-Identifier: Apache-2.0
r"""Runs annotated transcripts of handshakes.

A transcript is a text file:

    # What happens, and where the specification says so.
    we: client                  which of our machines plays; see build()
    allowed: 2 1                more for build(), if it needs it
    username: operator
    password: secret
    verdict: first refuse go    when the caller decides, first or last; and
                                whether it is admit or refuse, with a reason
    S: "RFB 003.008\n"          # a field, and which one it is
    C: "RFB 003.008\n"
    S: 01 00000001 "x"*3        # hex, text, and repetition
    TLS: X509                   # both begin TLS; or: anonymous
    S: close                    # the peer closes
    then: PeerClosed            done, waiting, or the class of the error
    step: name in ServerInit    label of the error or of what is waited for
    says: 3 of 5                part of the error's text
    public: broke off           part of its public_reason
    trailing: 05 "x"            what came after the handshake

Each is run turn by turn, so that an answer too early or too late is found,
and once more with all that the peer says sent ahead.
"""

import ast
import dataclasses
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from ironic_console.common.rfb.client import ClientHandshake
from ironic_console.common.rfb.credential import Credential
from ironic_console.common.rfb.handshake import Handshake
from ironic_console.common.rfb.pixel_format import PixelFormat
from ironic_console.common.rfb.server import RefusalHandshake, ServerHandshake
from ironic_console.common.rfb.server_init import ServerInit
from ironic_console.common.rfb.server_policy import ServerPolicy, Verdict
from ironic_console.common.secret import Secret
from tests.helpers.play import Outcome, Player, play, spoken

FOLDER = pathlib.Path(__file__).parent.parent / 'data' / 'transcripts'
#: What our server ends its handshake with.
SERVER_INIT = ServerInit(1024, 768, PixelFormat(), b'node-7')

_HEADERS = {'we', 'allowed', 'offered', 'reason', 'then', 'step', 'says',
            'public', 'trailing', 'username', 'password', 'verdict'}
_VERDICTS = {'first': Verdict.BEFORE_TYPES, 'last': Verdict.BEFORE_RESULT}
#: What our server challenges with.
CHALLENGE = bytes(range(16))
_TEXT = r'"(?:[^"\\]|\\.)*"'
_TOKEN = re.compile(rf'\s*({_TEXT}|(?:[0-9a-fA-F]{{2}})+)(?:\*(\d+))?')
_COMMENT = re.compile(rf'((?:{_TEXT}|[^"#])*)(#.*)?')


@dataclasses.dataclass(frozen=True)
class Turn:
    """What the peer says, and what we have to say then.

    :ivar tls: what begins before: 'X509', 'anonymous' or ''.
    """

    theirs: bytes
    ours: bytes
    tls: str = ''


@dataclasses.dataclass(frozen=True)
class Transcript:
    """One file.

    :ivar headers: the lines that are not about the wire.
    :ivar turns: in order; a server of ours begins with an empty one of the
        peer.
    :ivar closes: the peer closes at the end.
    """

    name: str
    headers: dict[str, str]
    turns: tuple[Turn, ...]
    closes: bool

    def __str__(self) -> str:
        return self.name

    @property
    def theirs(self) -> list[bytes]:
        """Between its parts TLS begins."""
        segments = [b'']
        for turn in self.turns:
            if turn.tls:
                segments.append(b'')
            segments[-1] += turn.theirs
        return segments

    @property
    def ours(self) -> bytes:
        return b''.join(turn.ours for turn in self.turns)


def parse_bytes(text: str) -> bytes:
    """Read hex and text as they stand on a line of a transcript.

    :raises ValueError: it is neither.
    """
    data, place = b'', 0
    text = text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f'neither hex nor text: {text[place:]!r}')
        token, times = match.groups()
        one = (ast.literal_eval('b' + token) if token[0] == '"'
               else bytes.fromhex(token))
        data += one * int(times or 1)
        place = match.end()
    return data


def parse(name: str, text: str) -> Transcript:
    """Read a transcript.

    :raises ValueError: naming file and line.
    """
    headers: dict[str, str] = {}
    lines: list[tuple[str, bytes]] = []
    closes = False
    for number, line in enumerate(text.splitlines(), 1):
        where = f'{name}:{number}: {line!r}'
        match = _COMMENT.fullmatch(line)
        if match is None:
            raise ValueError(f'{where}: a quote is open')
        if not match[1].strip():
            continue
        key, _, value = match[1].partition(':')
        value = value.strip()
        if key in ('S', 'C'):
            if closes:
                raise ValueError(f'{where}: after the peer closed')
            if value == 'close':
                closes = True
            else:
                lines.append((key, parse_bytes(value)))
        elif key == 'TLS' and value in ('X509', 'anonymous'):
            lines.append((key, value.encode()))
        elif key in _HEADERS and key not in headers:
            headers[key] = value
        else:
            raise ValueError(f'{where}: not understood')
    missing = {'we', 'then'} - set(headers)
    if missing:
        raise ValueError(f'{name}: no line {" or ".join(sorted(missing))}')
    peer = 'S' if headers['we'] == 'client' else 'C'
    return Transcript(name, headers, tuple(_turns(lines, peer)), closes)


def _turns(lines: list[tuple[str, bytes]], peer: str) -> Iterator[Turn]:
    theirs, ours, tls = b'', b'', ''
    for who, data in lines:
        if who == 'TLS':
            yield Turn(theirs, ours, tls)
            theirs, ours, tls = b'', b'', data.decode()
        elif who == peer:
            if ours:
                yield Turn(theirs, ours, tls)
                theirs, ours, tls = b'', b'', ''
            theirs += data
        else:
            ours += data
    yield Turn(theirs, ours, tls)


def load(we: str) -> list[Transcript]:
    """:returns: all transcripts in which this machine of ours plays."""
    all_of_them = [parse(path.stem, path.read_text(encoding='utf-8'))
                   for path in sorted(FOLDER.glob('*.txt'))]
    return [one for one in all_of_them if one.headers['we'] == we]


def build(transcript: Transcript) -> Handshake:
    """Make the machine that a transcript is about."""
    headers = transcript.headers
    known = None
    if 'password' in headers:
        known = Credential(Secret(headers['password']),
                           headers.get('username', ''))
    if headers['we'] == 'client':
        return ClientHandshake(_numbers(headers.get('allowed', '1')), known)
    if headers['we'] == 'server':
        when = headers.get('verdict', '').partition(' ')[0]
        return ServerHandshake(None if when else SERVER_INIT, ServerPolicy(
            _numbers(headers.get('offered', '1')), known, lambda: CHALLENGE,
            verdict=_VERDICTS.get(when, Verdict.NEVER)))
    if headers['we'] == 'refusal':
        return RefusalHandshake(headers['reason'])
    raise ValueError(f'{transcript.name}: no machine {headers["we"]!r}')


def decide(transcript: Transcript) -> Callable[[Any], None] | None:
    """:returns: what gives the verdict of a transcript, if it has one."""
    _, what, reason = (transcript.headers.get('verdict', '')
                       + '  ').split(' ', 2)
    if what == 'admit':
        return lambda machine: machine.admit(SERVER_INIT)
    if what == 'refuse':
        return lambda machine: machine.refuse(reason.strip())
    return None


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))


def run(transcript: Transcript, split: Callable[[bytes], Any]) -> None:
    """Play a transcript in one split and hold the machine to it."""
    where = f'{transcript.name}, {split.__name__}'
    player = Player(build(transcript), decide(transcript))
    said = b''
    for turn in transcript.turns:
        if turn.tls:
            wanted = player.machine.wants_tls
            assert wanted, f'{where}: no TLS'
            assert wanted.anonymous == (turn.tls == 'anonymous'), where
            player.start_tls()
        for piece in filter(None, split(turn.theirs)):
            if turn.ours:
                assert player.sent == said, f'{where}: too early'
            player.feed(piece)
        said += turn.ours
        assert player.sent == said, where
    if transcript.closes:
        player.close()
    _judge(transcript, player.outcome(), where)
    ahead = play(build(transcript), spoken(transcript.theirs, split),
                 transcript.closes, decide(transcript))
    _judge(transcript, ahead, f'{where}, all sent ahead')


def _judge(transcript: Transcript, outcome: Outcome, where: str) -> None:
    headers = transcript.headers
    assert outcome.end == headers['then'], f'{where}: {outcome}'
    assert outcome.sent == transcript.ours, where
    assert outcome.step == headers.get('step', ''), where
    assert headers.get('says', '') in outcome.text, where
    assert headers.get('public', '') in outcome.public, where
    trailing = parse_bytes(headers.get('trailing', ''))
    assert outcome.trailing == trailing, where
