"""Judgement of STARTTLS, TLS versions and the certificate."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from loadkit.preflight.facts import Cause
from loadkit.preflight.finding import Finding, Severity
from loadkit.preflight.replies import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadkit.preflight.facts import CertificateFacts, Conversation, Facts, Trial
    from loadkit.preflight.request import ProbeRequest

_SOON_S = 14 * 86400.0
# What providers take at least, and what the web's authorities have signed since 2014; EC keys are as strong at a tenth.
_LEAST_BITS = {"RSA": 1024, "DSA": 1024, "EC": 160}
_USUAL_BITS = {"RSA": 2048, "DSA": 2048, "EC": 224}


def judge_tls(request: ProbeRequest, facts: Facts, now: float) -> Iterator[Finding]:
    """Judge TLS.

    Args:
        request: What was asked.
        facts: What was seen.
        now: Unix time.
    """
    seen = facts.conversation
    if seen is None or seen.ehlo is None or not seen.ehlo.positive:
        return
    secured = request.needs.starttls or request.target.implicit_tls
    # What a run does not use can't make it pointless.
    worst = Severity.PROBLEM if secured else Severity.NOTE
    yield from _starttls(request, seen, worst)
    if seen.tls is None:
        return
    yield from _versions(facts, seen, request.needs.tls_minimum if secured else "")
    if facts.as_run is not None and facts.as_run.breakdown is not None and secured:
        yield from _as_run(request, facts.as_run)
    if seen.tls.certificate is None:
        yield Finding(
            Severity.WARNING if secured else Severity.NOTE,
            "certificate",
            f"can't be read: {seen.tls.trouble}",
            "Clients that look at it may refuse it.",
            "Install another certificate.",
        )
    else:
        verified = _went_well(facts.as_run) and request.needs.verify
        yield from _certificate(request, seen.tls.certificate, now, verified=verified, secured=secured)


def _starttls(request: ProbeRequest, seen: Conversation, worst: Severity) -> Iterator[Finding]:
    if request.target.implicit_tls:
        return
    broken = seen.breakdown
    if broken is not None and broken.phase == "tls":
        yield Finding(
            worst,
            "STARTTLS",
            f"the handshake failed: {broken.detail or broken.cause}",
            "Without TLS there is no session." if request.needs.starttls else "Sessions with STARTTLS would fail.",
            "Look at the server's TLS settings (certificate, key, protocols) and its log.",
        )
    elif seen.starttls is not None:
        fix = "Look at the server's TLS settings and its log."
        yield Finding(worst, "STARTTLS", f"offered, then {shown(seen.starttls)}", "There is no TLS.", fix)
    elif seen.tls is None and request.needs.starttls:
        yield Finding(
            Severity.PROBLEM,
            "STARTTLS",
            "not offered",
            "The scenario demands it, so no session would get any further.",
            "Turn it on at the target, or set target.tls to none.",
        )
    elif seen.tls is None:
        yield Finding(Severity.OK, "STARTTLS", "not offered")


def _versions(facts: Facts, seen: Conversation, least: str) -> Iterator[Finding]:
    """What versions the server takes, and whether the one demanded is among them."""
    assert seen.tls is not None
    versions = {seen.tls.version: True, "TLSv1.2": _went_well(facts.tls12)}
    taken = ", ".join(sorted(version for version, works in versions.items() if works))
    shown_versions = f"{taken.replace('TLSv', 'TLS ')}; {seen.tls.cipher}"
    if least == "1.3" and seen.tls.version != "TLSv1.3":  # it takes the newest that both know
        yield Finding(
            Severity.PROBLEM,
            "TLS",
            f"{shown_versions}; no TLS 1.3",
            "The scenario demands TLS 1.3, so no session would get any further.",
            "Turn on TLS 1.3 at the target, or set target.tls_minimum to 1.2.",
        )
    elif _went_well(facts.legacy):
        yield Finding(
            Severity.WARNING,
            "TLS",
            f"{shown_versions}; takes TLS 1.1 or older, too",
            "These are broken and forbidden since RFC 8996; audits fail, loads are not affected.",
            "Set the least version to TLS 1.2 (smtpd_tls_protocols = >=TLSv1.2 in Postfix).",
        )
    elif seen.tls.version == "TLSv1.2":
        yield Finding(
            Severity.NOTE,
            "TLS",
            shown_versions,
            "Without TLS 1.3 each handshake takes a round trip more, which counts with many connections.",
            "Turn on TLS 1.3 where the server can.",
        )
    else:
        yield Finding(Severity.OK, "TLS", shown_versions)


def _went_well(trial: Trial | None) -> bool:
    return trial is not None and trial.breakdown is None and trial.refusal is None


def _as_run(request: ProbeRequest, trial: Trial) -> Iterator[Finding]:
    """What became of the handshake that a run would do."""
    broken = trial.breakdown
    assert broken is not None
    if broken.cause is Cause.CERTIFICATE:
        yield Finding(
            Severity.PROBLEM,
            "certificate",
            f"not valid for {request.target.host}: {broken.detail}",
            "Sessions verify it as real clients do, so none would get any further.",
            "Install a valid one, name the host as the certificate does, or set target.verify to false.",
        )
    elif broken.cause is Cause.TLS_FAILED:
        yield Finding(
            Severity.PROBLEM,
            "TLS",
            f"the handshake of a run fails: {broken.detail}",
            "Keys, protocols or suites of the server are below this system's policy, so no session would get further.",
            "Give the server an up-to-date key and TLS 1.2 or newer.",
        )


def _certificate(
    request: ProbeRequest, certificate: CertificateFacts, now: float, *, verified: bool, secured: bool
) -> Iterator[Finding]:
    subject = "certificate"
    key = f"{certificate.key} {certificate.key_bits} bits"
    until = datetime.fromtimestamp(certificate.not_after, UTC).strftime("%Y-%m-%d")
    names = ", ".join(certificate.names[:4]) or "no names"
    what = f"{names}; {key}; until {until}; by {'itself' if certificate.self_signed else certificate.issuer}"
    troubles = list(_troubles(certificate, now))
    bad = Severity.WARNING if secured else Severity.NOTE
    for trouble, why, fix in troubles:
        yield Finding(bad, subject, f"{trouble} ({what})", why, fix)
    if not troubles:
        how = "valid" if verified else "not verified"
        yield Finding(Severity.OK, subject, f"{how}: {what}")
    if secured and not request.needs.verify and certificate.self_signed:
        yield Finding(
            Severity.NOTE,
            subject,
            "self-signed, and sessions don't verify",
            "Real clients that verify would refuse it.",
            "Leave it for a test; set target.verify to true to test what clients see.",
        )


def _troubles(certificate: CertificateFacts, now: float) -> Iterator[tuple[str, str, str]]:
    """What is wrong with a certificate: what, why it matters, what to do."""
    least, usual = _LEAST_BITS.get(certificate.key, 0), _USUAL_BITS.get(certificate.key, 0)
    refuse = "Clients that verify refuse it."
    if certificate.not_after <= now:
        yield "has expired", refuse, "Renew it."
    elif certificate.not_after - now < _SOON_S:
        yield "expires within two weeks", "A campaign may outlast it.", "Renew it."
    if certificate.not_before > now:
        yield "is not valid yet", refuse, "Check the clocks of both machines, and the certificate."
    if certificate.key_bits < least:
        yield f"its key is below {least} bits", "Providers and up-to-date clients refuse such keys.", "Make a new key."
    elif certificate.key_bits < usual:
        yield f"its key is below {usual} bits", "Many systems' policies refuse such keys.", "Make a new key."
