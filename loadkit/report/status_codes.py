"""SMTP replies in plain words: what a reply code and an enhanced status code (RFC 5321, RFC 3463) mean to a sender."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from loadkit.report.words import marked

if TYPE_CHECKING:
    from loadkit.measure.ends import OutcomeLine
    from loadkit.report.words import Words

CLASSES = {
    "2": marked("done"),
    "4": marked("for now: the same message may pass later"),
    "5": marked("for good: the same message will not pass"),
}

SUBJECTS = {
    "0": marked("nothing more is said"),
    "1": marked("something is wrong with an address"),
    "2": marked("something is wrong with the mailbox"),
    "3": marked("something is wrong with the server"),
    "4": marked("something is wrong on the way between servers"),
    "5": marked("the two sides misunderstood each other's SMTP"),
    "6": marked("something is wrong with the content"),
    "7": marked("a rule of the server, or its security, stands against it"),
}

DETAILS = {
    "1.0": marked("an address was refused, without saying why"),
    "1.1": marked("there is no such mailbox at this domain"),
    "1.2": marked("the recipient's domain does not exist or takes no mail"),
    "1.3": marked("the recipient's address is not written as an address"),
    "1.4": marked("the recipient's address fits several mailboxes"),
    "1.5": marked("the recipient's address is good"),
    "1.6": marked("the mailbox has moved and left no new address"),
    "1.7": marked("the sender's address is not written as an address"),
    "1.8": marked("the sender's domain can't be found, so that nobody could be answered"),
    "1.10": marked("the recipient's domain says that it takes no mail at all"),
    "2.0": marked("something about the mailbox, without saying what"),
    "2.1": marked("the mailbox exists and is switched off"),
    "2.2": marked("the mailbox is full"),
    "2.3": marked("the message is larger than this mailbox takes"),
    "2.4": marked("a mailing list could not be expanded"),
    "3.0": marked("trouble in the server, without saying which"),
    "3.1": marked("the server has no room left for mail"),
    "3.2": marked("the server takes no mail at the moment: it is stopping, overloaded or being worked on"),
    "3.3": marked("the server lacks something that the message needs"),
    "3.4": marked("the message is larger than the server takes"),
    "3.5": marked("the server is not set up rightly"),
    "4.0": marked("trouble on the way, without saying which"),
    "4.1": marked("the next server does not answer"),
    "4.2": marked("the connection broke or was too bad"),
    "4.3": marked("a directory or name server could not be asked"),
    "4.4": marked("no way to the next server is known"),
    "4.5": marked("the server is congested, or has too many connections"),
    "4.6": marked("the message goes round in circles"),
    "4.7": marked("the message waited too long and was given up"),
    "5.0": marked("a mistake in the conversation, without saying which"),
    "5.1": marked("a command came that is not known, or at the wrong time"),
    "5.2": marked("a command could not be understood"),
    "5.3": marked("the message has too many recipients"),
    "5.4": marked("a parameter of a command is wrong or not supported"),
    "5.5": marked("the two sides speak different versions of the protocol"),
    "6.0": marked("something about the content, without saying what"),
    "6.1": marked("the kind of content is not supported"),
    "6.2": marked("the content would have to be converted, and may not be"),
    "6.3": marked("the content would have to be converted, and can't be"),
    "6.5": marked("converting the content failed"),
    "7.0": marked("a rule of the server or its security, without saying which"),
    "7.1": marked("this sender may not send to this recipient: a rule, a block list, or a relay that is not allowed"),
    "7.5": marked("a signature or an encryption could not be checked"),
    "7.7": marked("the message was changed on its way"),
    "7.8": marked("the login's name or password is wrong"),
    "7.9": marked("the login's mechanism is too weak for this account"),
    "7.11": marked("logging in needs encryption first"),
    "7.20": marked("no DKIM signature passed"),
    "7.23": marked("SPF does not allow this address to send for this domain"),
    "7.25": marked("the sending address has no name in DNS"),
    "7.26": marked("several checks of the sender failed, SPF and DKIM among them"),
    "7.28": marked("the sender sends more than the server lets it"),
}

CODES = {
    220: marked("the server greets"),
    250: marked("the server took what it was given"),
    354: marked("the server waits for the content"),
    421: marked("the server ends the connection: it is stopping, too busy, or has had enough of this client"),
    432: marked("the password has to be changed first"),
    450: marked("the mailbox can't be used now: it is busy, or the server puts the sender off"),
    451: marked("the server failed at it just now"),
    452: marked("the server or the mailbox is short of space, or has had enough recipients"),
    454: marked("encryption or login does not work at the moment"),
    455: marked("a parameter can't be used at the moment"),
    500: marked("a command was not understood"),
    501: marked("a parameter was not understood"),
    502: marked("a command is not offered"),
    503: marked("a command came at the wrong time"),
    504: marked("a parameter is not offered"),
    521: marked("this server takes no mail"),
    530: marked("login or encryption is needed first"),
    534: marked("the login's mechanism is too weak"),
    535: marked("the login was refused"),
    538: marked("this login needs encryption"),
    550: marked("refused: no such mailbox, or a rule of the server"),
    551: marked("the mailbox is elsewhere"),
    552: marked("too large for the mailbox or the server"),
    553: marked("an address is not allowed or wrong"),
    554: marked("refused as a whole"),
    555: marked("a parameter of MAIL or RCPT is not known"),
    556: marked("the recipient's domain takes no mail"),
}

NO_REPLY = {
    "timeout": marked("no reply came in time"),
    "connection": marked("the connection could not be opened, or broke"),
    "tls": marked("encryption could not be agreed on, or failed"),
    "protocol": marked("the reply was none that SMTP has"),
    "client": marked("this side failed: no free descriptor or port, the run's end, or what the server does not offer"),
}

_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})")


def explain(line: OutcomeLine, t: Words) -> str:
    """What an end means, in plain words; empty where nothing is known of it.

    Args:
        line: How messages or sessions ended.
        t: The language.
    """
    told = _enhanced(line.enhanced, t)
    if not told and line.code in CODES:
        told = _with_class(t(CODES[line.code]), str(line.code)[0], t)
    if not told and line.kind in NO_REPLY:
        told = t(NO_REPLY[line.kind])
    return told


def _enhanced(code: str, t: Words) -> str:
    match = _ENHANCED.fullmatch(code)
    if not match:
        return ""
    kind, subject, detail = match.groups()
    told = DETAILS.get(f"{subject}.{detail}") or (None if kind == "2" else SUBJECTS.get(subject))
    return _with_class(t(told), kind, t) if told else ""


def _with_class(told: str, kind: str, t: Words) -> str:
    if kind not in ("4", "5"):
        return told
    return t("{what} ({how_long})", what=told, how_long=t(CLASSES[kind]))
