from __future__ import annotations

import pytest

from loadkit.errors import ExitCode, TargetError, UsageError
from loadkit.scenario.guardrails import (
    TargetAddress,
    check_recipient_domain,
    check_target,
    format_host_port,
    is_domain,
    is_loopback,
    is_reserved,
    parse_host_port,
    parse_target_url,
)


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port"),
    [
        ("smtp://127.0.0.1:2525", "smtp", "127.0.0.1", 2525),
        ("smtp://mail.example.net", "smtp", "mail.example.net", 25),
        ("smtps://mail.example.net", "smtps", "mail.example.net", 465),
        ("lmtp://localhost", "lmtp", "localhost", 24),
        ("SMTP://Mail.Example.NET:25/", "smtp", "mail.example.net", 25),
        ("smtp://[::1]:2525", "smtp", "::1", 2525),
        ("smtp://[2001:db8::1]", "smtp", "2001:db8::1", 25),
    ],
)
def test_target_urls(url: str, scheme: str, host: str, port: int) -> None:
    address = parse_target_url(url)

    assert address == TargetAddress(scheme, host, port)
    assert parse_target_url(str(address)) == address


def test_a_target_knows_its_protocol() -> None:
    plain, tls, local = (parse_target_url(f"{scheme}://localhost") for scheme in ("smtp", "smtps", "lmtp"))

    assert [address.implicit_tls for address in (plain, tls, local)] == [False, True, False]
    assert [address.lmtp for address in (plain, tls, local)] == [False, False, True]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "does not start with"),
        ("mail.example.net", "does not start with"),
        ("imap://mail.example.net", "does not start with"),
        ("smtp:mail.example.net", "more than scheme, host and port"),
        ("smtp://", "no valid host"),
        ("smtp://a b", "no valid host"),
        ("smtp://-a.example", "no valid host"),
        ("smtp://me:secret@mail.example.net", "credentials"),
        ("smtp://me@mail.example.net", "credentials"),
        ("smtp://mail.example.net:0", "port 0"),
        ("smtp://mail.example.net:99999", "not a URL"),
        ("smtp://mail.example.net:smtp", "not a URL"),
        ("smtp://[::1", "not a URL"),
        ("smtp://mail.example.net/path", "more than scheme, host and port"),
        ("smtp://mail.example.net?x=1", "more than scheme, host and port"),
        ("smtp://mail.exam\nple.net", "white space or control characters"),
        ("smtp://mail.example.net\t", "white space or control characters"),
        (" smtp://mail.example.net", "white space or control characters"),
        ("smtp://[v1.fe80]", "no valid host"),
        ("smtp://[mail.example.net]", "not a URL|no valid host"),
        ("smtp://[fe80::1%eth0]", "no valid host"),
    ],
)
def test_what_is_no_target(url: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        parse_target_url(url)

    assert caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "smtp://me:hunter2@mail.example.net",
        "smtp://me:hunter2@mail.example.net:99999",
        "smtp://me:hunter2/@mail.example.net",
        "smtp://me:hunter2@mail\u2100.example.net",
        "smtp://me:hunter2@",
        "smtp://me:hunter2\n@mail.example.net",
        "http://me:hunter2@mail.example.net",
        "me:hunter2@mail.example.net",
    ],
)
def test_a_refused_url_does_not_repeat_its_secret(url: str) -> None:
    with pytest.raises(UsageError, match="credentials") as caught:
        parse_target_url(url)

    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.255.255.254", "::1", "localhost", "LOCALHOST"])
def test_this_machine_is_always_allowed(host: str) -> None:
    assert is_loopback(host)
    check_target(TargetAddress("smtp", host, 25), ())


@pytest.mark.parametrize(
    "host",
    ["128.0.0.1", "126.0.0.1", "0.0.0.0", "::", "2130706433", "127.1", "localhost.example.com", "127.0.0.1.nip.io"],
)
def test_what_only_looks_like_this_machine_is_refused(host: str) -> None:
    with pytest.raises(TargetError, match="not allowed") as caught:
        check_target(TargetAddress("smtp", host, 25), ())

    assert caught.value.exit_code is ExitCode.TARGET
    assert host in caught.value.hint


@pytest.mark.parametrize(
    ("host", "port", "allow"),
    [
        ("mail.example.net", 25, "mail.example.net"),
        ("mail.example.net", 2525, "MAIL.example.net"),
        ("192.0.2.7", 2525, "192.0.2.7:2525"),
        ("2001:db8::1", 25, "2001:db8::1"),
        ("2001:db8::1", 25, "[2001:db8::1]"),
        ("2001:db8::1", 25, "[2001:db8::1]:25"),
    ],
)
def test_a_listed_target_is_allowed(host: str, port: int, allow: str) -> None:
    check_target(TargetAddress("smtp", host, port), ("other.example", allow))


@pytest.mark.parametrize(
    ("host", "port", "allow"),
    [
        ("192.0.2.7", 25, "192.0.2.7:2525"),
        ("2001:db8::1", 25, "[2001:db8::1]:26"),
        ("a.mail.example.net", 25, "mail.example.net"),
        ("mail.example.net", 25, "example.net"),
    ],
)
def test_another_port_or_a_subdomain_is_not_allowed(host: str, port: int, allow: str) -> None:
    with pytest.raises(TargetError):
        check_target(TargetAddress("smtp", host, port), (allow,))


@pytest.mark.parametrize(
    "text", ["", "*", "a b", "host:", "host:0", "host:65536", "host:x", "[::1]25", "[::1]:", "a:b:c"]
)
def test_what_is_no_allowed_host(text: str) -> None:
    with pytest.raises(UsageError, match="is not a host"):
        parse_host_port(text)


@pytest.mark.parametrize(("host", "port", "text"), [("a.test", 25, "a.test:25"), ("::1", 25, "[::1]:25")])
def test_host_and_port_go_both_ways(host: str, port: int, text: str) -> None:
    assert format_host_port(host, port) == text
    assert parse_host_port(text) == (host, port)


@pytest.mark.parametrize(
    "domain",
    [
        "example.com",
        "EXAMPLE.net",
        "mail.example.org",
        "a.b.example.com",
        "x.test",
        "a.x.test",
        "x.invalid",
        "x.example",
        "test",
    ],
)
def test_reserved_domains_take_mail(domain: str) -> None:
    assert is_reserved(domain)
    check_recipient_domain(domain, ())


@pytest.mark.parametrize(
    "domain", ["gmail.com", "notexample.com", "example.com.cn", "example.co", "test.com", "x.tests"]
)
def test_other_domains_take_mail_only_if_listed(domain: str) -> None:
    with pytest.raises(TargetError, match="may be real people"):
        check_recipient_domain(domain, ("corp.example.cn",))

    check_recipient_domain(domain, (domain.upper(),))


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("a", True),
        ("a-b.c1", True),
        ("1.2.3.4", True),
        ("", False),
        (".", False),
        ("a.", False),
        (".a", False),
        ("a..b", False),
        ("-a", False),
        ("a-", False),
        ("a_b", False),
        ("ä.test", False),
        ("a\n", False),
        ("a" * 63, True),
        ("a" * 64, False),
        (".".join(["a" * 49] * 5), True),
        (".".join(["a" * 50] * 5), False),
    ],
)
def test_domains(text: str, valid: bool) -> None:
    assert is_domain(text) is valid
