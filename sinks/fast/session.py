"""The middle layer of a conversation: command lines, and all commands but those of a transaction."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from loadkit.smtp.outcome import Phase
from sinks.fast.commands import MAX_LINE_BYTES, MAX_LOGIN_LINE_BYTES
from sinks.fast.stream import GONE, UPGRADING, Stream
from sinks.login import MalformedLoginError, decode
from sinks.options import Tls
from sinks.server import HOSTNAME

if TYPE_CHECKING:
    from sinks.fast_sink import FastSink
    from sinks.login import Exchange

Command = Callable[[Any, bytes], None]
"""A method that obeys a command; it takes what stands behind the verb."""

OK = b"250 OK\r\n"
OUT_OF_ORDER = b"503 Error: bad sequence of commands\r\n"
_NEED_HELO = b"503 Error: send HELO first\r\n"
_NEED_LOGIN = b"530 5.7.0 Authentication required\r\n"
_BARE_LINE_END = re.compile(rb"[\r\n]").search


class Session(Stream):
    """One connection on which SMTP or LMTP is spoken.

    Args:
        sink: The sink that accepted the connection.
    """

    __slots__ = (
        "_commands",
        "_extended",
        "_greeted",
        "_logged_in",
        "_login",
        "_max_size_bytes",
        "_overlong",
        "_secure",
        "_upgrade",
        "_welcomed",
    )

    def __init__(self, sink: FastSink) -> None:
        super().__init__(sink)
        self._max_size_bytes = sink.max_size_bytes
        self._commands = self.COMMANDS | (self.LMTP_COMMANDS if sink.service.lmtp else self.SMTP_COMMANDS)
        self._secure = sink.service.tls is Tls.IMPLICIT
        self._upgrade: asyncio.Task[None] | None = None
        self._overlong = False
        self._welcomed = False
        self._begin_session()

    def _begin_session(self) -> None:
        self._greeted = False
        self._extended = False
        self._logged_in = self._sink.login is None
        self._login: Exchange | None = None
        self.forget()

    def forget(self) -> None:
        """Forget the envelope."""

    def _meet(
        self,
        phase: Phase,  # noqa: ARG002 - for those who have a behaviour
        grant: Callable[[bytes], bytes],
        argument: bytes = b"",
        *,
        size_bytes: int = 0,  # noqa: ARG002
        head: bytes = b"",  # noqa: ARG002
    ) -> None:
        """Do what the client asked for and say so, where nobody has other plans.

        Args:
            phase: The step of the conversation.
            grant: Does what was asked for with the argument and returns the usual reply.
            argument: What was asked for.
            size_bytes: Size of the message, as declared or as it came.
            head: The first bytes of a message that came.
        """
        self.say(grant(argument))

    # Command lines.

    def _step(self) -> bool:
        if not self._welcomed:
            self._welcomed = True
            self._meet(Phase.BANNER, lambda _: self._sink.greeting)
            return True
        start = self._position
        end = self._input.find(b"\r\n", start)
        if end < 0:
            if len(self._input) - start > MAX_LOGIN_LINE_BYTES + 1:
                self._overlong = True
                # A CR at the end may be half of the line end.
                self._position = len(self._input) - 1
            return False
        self._position = end + 2
        self._idle_sweeps = 0
        self._obey(self._input[start:end])
        return True

    def _obey(self, line: bytes) -> None:
        if self._overlong or self._is_too_long(line):
            self._overlong = False
            self._login = None
            self.say(b"500 Command line too long\r\n")
        elif self._login is not None:
            self._go_on_with_login(line)
        elif _BARE_LINE_END(line):
            self.say(b"500 Error: bad syntax\r\n")
        else:
            verb, _, argument = line.partition(b" ")
            command = self._commands.get(verb.upper())
            if command:
                command(self, argument.strip(b" "))
            else:
                self.say(b"500 Error: command not recognized\r\n")

    def _is_too_long(self, line: bytes) -> bool:
        of_login = self._login is not None or line[:5].upper() == b"AUTH "
        return len(line) > (MAX_LOGIN_LINE_BYTES if of_login else MAX_LINE_BYTES)

    def _fault(self) -> bytes | None:
        """Why the client can't begin with mail yet."""
        return None if self._greeted and self._logged_in else _NEED_LOGIN if self._greeted else _NEED_HELO

    # Commands.

    def _helo(self, argument: bytes) -> None:
        self._hello(b"HELO", argument)

    def _ehlo(self, argument: bytes) -> None:
        self._hello(b"EHLO", argument)

    def _lhlo(self, argument: bytes) -> None:
        self._hello(b"LHLO", argument)

    def _hello(self, verb: bytes, argument: bytes) -> None:
        if argument:
            self._meet(Phase.EHLO, partial(self._welcome, verb != b"HELO"), argument)
        else:
            self.say(b"501 Syntax: %b hostname\r\n" % verb)

    def _welcome(self, extended: bool, _hostname: bytes) -> bytes:  # noqa: FBT001 - bound before it is called
        self.forget()
        self._greeted, self._extended = True, extended
        if extended:
            return self._sink.extensions(self._max_size_bytes, secure=self._secure)
        return b"250 %b\r\n" % HOSTNAME.encode()

    def _rset(self, argument: bytes) -> None:
        if argument:
            self.say(b"501 Syntax: RSET\r\n")
        else:
            self.forget()
            self.say(OK)

    def _noop(self, _argument: bytes) -> None:
        self.say(OK)

    def _vrfy(self, argument: bytes) -> None:
        if not self._logged_in:
            self.say(_NEED_LOGIN)
        elif argument:
            self.say(b"252 Cannot VRFY user, but will accept message and attempt delivery\r\n")
        else:
            self.say(b"501 Syntax: VRFY <address>\r\n")

    def _help(self, _argument: bytes) -> None:
        commands = b"250 Supported commands: %b\r\n" % b" ".join(sorted(self._commands))
        self.say(commands if self._logged_in else _NEED_LOGIN)

    def _quit(self, argument: bytes) -> None:
        if argument:
            self.say(b"501 Syntax: QUIT\r\n")
        else:
            self.say(b"221 Bye\r\n")
            self.close()

    # AUTH.

    def _auth(self, argument: bytes) -> None:
        mechanism, _, initial = argument.partition(b" ")
        login = self._sink.login
        if login is None:
            self.say(b"500 Error: command 'AUTH' not recognized\r\n")
        elif not self._extended:
            self.say(_NEED_HELO)
        elif self._logged_in:
            self.say(b"503 Already authenticated\r\n")
        elif not mechanism:
            self.say(b"501 Syntax: AUTH mechanism\r\n")
        elif mechanism.upper() not in login.mechanisms:
            self.say(b"504 5.5.4 Unrecognized authentication type\r\n")
        else:
            try:
                self._login = login.mechanisms[mechanism.upper()](decode(initial) if initial else None)
                self._advance_login(None)
            except MalformedLoginError as error:
                self._refuse_login(error)

    def _go_on_with_login(self, line: bytes) -> None:
        try:
            self._advance_login(decode(line))
        except MalformedLoginError as error:
            self._refuse_login(error)

    def _advance_login(self, response: bytes | None) -> None:
        """Give the exchange a response, or begin it with None."""
        assert self._login is not None
        try:
            challenge = next(self._login) if response is None else self._login.send(response)
        except StopIteration as end:
            self._login = None
            if end.value:
                self._meet(Phase.AUTH, self._admit)
            else:
                self.say(b"535 5.7.8 Authentication credentials invalid\r\n")
        else:
            self.say(b"334 %b\r\n" % b64encode(challenge))

    def _refuse_login(self, error: MalformedLoginError) -> None:
        self._login = None
        self.say(b"501 5.5.2 Malformed response: %b\r\n" % str(error).encode())

    def _admit(self, _argument: bytes) -> bytes:
        self._logged_in = True
        return b"235 2.7.0 Authentication successful\r\n"

    # STARTTLS.

    def _starttls(self, argument: bytes) -> None:
        if argument:
            self.say(b"501 Syntax: STARTTLS\r\n")
        elif self._secure:
            self.say(OUT_OF_ORDER)
        elif self._sink.service.tls is not Tls.STARTTLS:
            self.say(b"454 TLS not available\r\n")
        else:
            self.say(b"220 Ready to start TLS\r\n")
            self._flush()
            # What came behind the command in the clear may be anybody's (RFC 3207, section 5): it is dropped.
            self._drop_input()
            self.hold(UPGRADING)
            self._upgrade = self._sink.loop.create_task(self._start_tls())

    async def _start_tls(self) -> None:
        context = self._sink.service.tls_context
        assert context is not None
        try:
            secure = await self._sink.loop.start_tls(self._transport, self, context, server_side=True)
        except (OSError, RuntimeError):  # no TLS, or the client has gone, to which uvloop may say RuntimeError
            secure = None
        if secure is None or self._holds & GONE:
            self.abort()
            self.connection_lost(None)
            return
        self._use(secure)
        secure.pause_reading()
        self._secure = True
        self._begin_session()
        self.release(UPGRADING)

    COMMANDS: ClassVar[dict[bytes, Command]] = {
        b"AUTH": _auth,
        b"HELP": _help,
        b"NOOP": _noop,
        b"QUIT": _quit,
        b"RSET": _rset,
        b"STARTTLS": _starttls,
        b"VRFY": _vrfy,
    }
    SMTP_COMMANDS: ClassVar[dict[bytes, Command]] = {b"EHLO": _ehlo, b"HELO": _helo}
    LMTP_COMMANDS: ClassVar[dict[bytes, Command]] = {b"LHLO": _lhlo}
