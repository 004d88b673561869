"""What kinds of messages say: read from the scenario and its files, kept in its effective form, sent as told."""

from __future__ import annotations

import email
from email.policy import SMTPUTF8
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from loadkit.errors import ScenarioError, UsageError
from loadkit.scenario.describe import describe
from loadkit.scenario.load import dump_effective, load_scenario, parse_scenario
from loadkit.scenario.mix import Mix
from loadkit.scenario.schema import Scenario
from loadkit.smtp.message import IdHeaders, Particulars, Template
from loadkit.smtp.personal import PersonalTemplate

GOOD = Path(__file__).parent / "good"
IDS = IdHeaders("abcdefgh", 0).lines(5, 1.7e9, 1.7e9, b"notice")
HEAD = "scenario: x\nload: {stages: [{name: hold, rate: 5/s, duration: 5s}]}\n"
KEY_VARIABLE = "LOADKIT_TEST_DKIM_KEY"


@pytest.fixture(scope="module")
def pem() -> str:
    key = generate_private_key(65537, 1024)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch, pem: str) -> Scenario:
    monkeypatch.setenv(KEY_VARIABLE, pem)
    return load_scenario(GOOD / "letters.yaml")


def kinds(text: str, base: Path | None = None) -> Scenario:
    return parse_scenario(f"{HEAD}messages: {text}\n", base=base)


def problems(text: str, base: Path | None = None) -> list[tuple[str, str]]:
    with pytest.raises(ScenarioError) as caught:
        kinds(text, base)
    return [(problem.key, f"{problem.message} ({problem.fix})") for problem in caught.value.problems]


def test_every_kind_of_letter_is_made(letters: Scenario) -> None:
    mix = Mix(letters)
    draws = mix.draw(200)
    subjects, needs = {}, {}
    for kind, variant, size, sender, recipient in zip(
        draws.kind.tolist(),
        draws.variant.tolist(),
        draws.size_bytes.tolist(),
        draws.sender.tolist(),
        draws.first_recipient.tolist(),
        strict=True,
    ):
        template = mix.templates[kind][variant]
        content = template.render_bdat(IDS, size, Particulars(5, 1.7e9, sender, recipient)).partition(b"\r\n")[2]
        assert len(content) <= size
        assert len(content) == size or not template.padded
        message = email.message_from_bytes(content, policy=SMTPUTF8)
        assert [defect for part in message.walk() for defect in part.defects] == []
        assert message["From"] == f"loadkit <{mix.sender_address(sender)}>"
        several = mix.kinds[kind] == "bare"
        assert message["To"] == ("undisclosed-recipients:;" if several else mix.recipient_address(recipient))
        subjects[mix.kinds[kind]], needs[mix.kinds[kind]] = str(message["Subject"]), template.needs

    assert subjects == {
        "notice": "订单 5 2023-11-14 已收到",
        "quoted": "loadkit message",
        "eight_bits": "loadkit message",
        "raw": "通知 5",
        "coded": "loadkit message",
        "bare": "loadkit message",
        "keyed": "loadkit message",
    }
    # Senders in UTF-8 make every header UTF-8.
    assert set(needs.values()) == {(b"SMTPUTF8", b"8BITMIME")}


def test_the_effective_form_names_files_by_their_whole_path(letters: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    effective = dump_effective(letters)
    monkeypatch.chdir("/")

    again = parse_scenario(effective)
    assert again == letters
    assert str(GOOD / "letters" / "notice.html") in effective
    assert KEY_VARIABLE in effective
    assert "PRIVATE KEY" not in effective


def test_messages_take_turns_with_the_files_of_a_directory(letters: Scenario) -> None:
    mix = Mix(letters)
    names = []
    for template in mix.templates[0]:
        content = template.render_bdat(IDS, 12 * 1024, Particulars(5, 1.7e9, 0, 0)).partition(b"\r\n")[2]
        message = email.message_from_bytes(content)
        attached = [part for part in message.walk() if part.get_content_disposition() == "attachment"]
        names.append([(part.get_filename(), part.get_content_type()) for part in attached][:2])
        if part := next((part for part in attached if part.get_filename() == "prices.csv"), None):
            assert part.get_payload(decode=True) == b"a,b\n1,2\n"

    always = ("a.bin", "application/octet-stream")
    # A message may not be encoded as base64, so one in a file is bytes like any other.
    assert names == [
        [("kept.eml", "application/octet-stream"), always],
        [("prices.csv", "text/csv"), always],
        [("通知.txt", "text/plain"), always],
    ]
    variants = mix.draw(3000).variant[mix.draw(3000).kind == 0]
    assert set(variants.tolist()) == {0, 1, 2}


def test_only_what_differs_costs_more() -> None:
    scenario = kinds(
        "{plain: {size: 2KiB}, made: {attachments: [{name: a.bin, size: 1KiB, type: image/png}]}, braces: "
        "{subject: 'a {{number}} {}'}, fields: {subject: 'a {number}'}}"
    )
    types = [type(templates[0]) for templates in Mix(scenario).templates]

    assert types == [Template, Template, Template, PersonalTemplate]
    content = Mix(scenario).templates[2][0].render_bdat(IDS, 500, Particulars(5, 1.7e9, 0, 0))
    assert b"\r\nSubject: a {number} {}\r\n" in content


def test_filler_is_never_in_a_file() -> None:
    (template,) = Mix(
        kinds("{a: {unique: true, size: 4KiB, attachments: [{name: a.bin, size: 300B, type: image/png}]}}")
    ).templates[0]
    content = template.render_bdat(IDS, 4096, Particulars(5, 1.7e9, 0, 0)).partition(b"\r\n")[2]
    _, attached, filler = email.message_from_bytes(content, policy=SMTPUTF8).walk()

    assert len(attached.get_content()) == 300
    assert filler.get_content_type() == "text/plain"
    assert len(content) == 4096


def test_a_text_without_size_is_as_large_as_it_is() -> None:
    scenario = kinds("{text: {body: 'hello {recipient}'}, padded: {body: hello, size: 3KiB}, none: {unique: true}}")
    draws = Mix(scenario).draw(100)
    sizes = [set(draws.size_bytes[draws.kind == index].tolist()) for index in range(3)]

    assert len(sizes[0]) == 1
    assert 500 < min(sizes[0]) < 700
    assert sizes[1:] == [{3072}, {1024}]


def test_a_directory_is_bounded(tmp_path: Path) -> None:
    for folder in ("many", "large", "odd"):
        (tmp_path / folder).mkdir()
    for index in range(1001):
        (tmp_path / "many" / f"{index}.txt").touch()
    with (tmp_path / "large" / "a.bin").open("wb") as large:
        large.truncate(128 * 1024**2 + 1)  # a hole: it takes no space, and must not be read
    (tmp_path / "odd" / "a\nb.txt").touch()

    for folder, key, words in (
        ("many", "messages.a.attachments[0].from", "has 1,001 files, more than 1,000"),
        ("large", "messages.a", "has 128MiB, more than 128MiB"),
        ("odd", "messages.a.attachments[0].from", "has a file whose name no message can hold"),
    ):
        ((found_key, message),) = problems(f"{{a: {{attachments: [{{from: {folder}}}]}}}}", tmp_path)
        assert found_key == key
        assert words in message


def test_a_long_text_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_bytes(b"x" * (1024 * 1024 + 1))

    ((key, message),) = problems("{a: {body: {file: long.txt}}}", tmp_path)
    assert key == "messages.a.body.file"
    assert "is longer than 1MiB" in message


def test_files_of_other_systems_have_the_same_lines(tmp_path: Path) -> None:
    for name, content in {"dos": b"\xef\xbb\xbfa\r\n.b\r\n", "mac": b"a\r.b\r", "unix": b"a\n.b\n"}.items():
        (tmp_path / name).write_bytes(content)
        mix = Mix(kinds(f"{{a: {{body: {{file: {name}}}}}}}", tmp_path))
        wire = mix.templates[0][0].render_data(IDS, 0, Particulars(5, 1.7e9, 0, 0))
        assert wire.endswith(b"\r\n\r\na\r\n..b\r\n.\r\n")


def test_a_key_comes_from_a_file_or_the_environment(tmp_path: Path, pem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key.pem").write_text(pem)
    from_file = kinds("{a: {body: x, signature: {dkim: {key: key.pem}}}}", tmp_path)
    from_variable = kinds(f"{{a: {{body: x, signature: {{dkim: {{key_env: {KEY_VARIABLE}}}}}}}}}")

    assert b"DKIM-Signature: " in Mix(from_file).templates[0][0].render_data(IDS, 0, Particulars(5, 1.7e9, 0, 0))
    with pytest.raises(UsageError, match=f"not set in the environment: {KEY_VARIABLE}"):
        Mix(from_variable)
    monkeypatch.setenv(KEY_VARIABLE, "hunter2")
    with pytest.raises(UsageError, match="is not a private RSA key") as caught:
        Mix(from_variable)
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv(KEY_VARIABLE, pem)
    assert b"DKIM-Signature: " in Mix(from_variable).templates[0][0].render_data(IDS, 0, Particulars(5, 1.7e9, 0, 0))
    ((key, message),) = problems("{a: {signature: {dkim: {key: key.pem, key_env: A}}}}", tmp_path)
    assert (key, message) == ("messages.a.signature.dkim.key_env", "can't go with key (remove one of them)")


def test_a_key_is_never_repeated(pem: str) -> None:
    quoted = pem.replace("\n", "\\n")
    for text in (f'{{key: "{quoted}"}}', f'{{key_env: "{quoted}"}}'):
        found = problems(f"{{a: {{signature: {{dkim: {text}}}}}}}")
        assert len(found) == 1
        assert pem.splitlines()[1] not in str(found)


def test_real_signatures_without_dkimpy_are_a_problem_with_its_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadkit.scenario.content.find_spec", lambda _name: None)

    ((key, message),) = problems("{a: {signature: {dkim: {key_env: A}}}, b: {signature: {dkim: sized}}}")
    assert key == "messages.a.signature.dkim"
    assert message == "needs dkimpy for real signatures (pip install 'loadkit[dkim]', or write dkim: sized)"


@pytest.mark.parametrize(
    ("local_part", "domain", "first", "needs"),
    [
        ("user", "例子.test", "user0@xn--fsqu00a.test", ()),
        ("用户", "例子.test", "用户0@例子.test", (b"SMTPUTF8", b"8BITMIME")),
        ("用户", "example.com", "用户0@example.com", (b"SMTPUTF8", b"8BITMIME")),
        ("user", "Example.COM", "user0@Example.COM", ()),
        ("user", "faß.example", "user0@xn--fa-hia.example", ()),
    ],
)
def test_addresses_in_any_script(local_part: str, domain: str, first: str, needs: tuple[bytes, ...]) -> None:
    scenario = parse_scenario(
        f"{HEAD}messages: {{a: {{}}, b: {{body: hello}}}}\n"
        f"senders: {{local_part: {local_part}, domain: {domain}}}\n"
        f"recipients: {{local_part: {local_part}, domain: {domain}}}\n"
    )
    mix = Mix(scenario)

    assert mix.sender_address(0) == mix.recipient_address(0) == first
    assert mix.templates[0][0].needs == ()
    assert mix.templates[1][0].needs == needs
    assert parse_scenario(dump_effective(scenario)) == scenario


def test_allowed_domains_may_be_in_any_script() -> None:
    for domain, allowed in (("例子.cn", "例子.cn"), ("例子.cn", "xn--fsqu00a.cn"), ("xn--fsqu00a.cn", "例子.cn")):
        text = f"{HEAD}messages: {{a: {{}}}}\nrecipients: {{domain: {domain}, allow: [{allowed}]}}\n"
        assert parse_scenario(text).recipients.domain == domain


def test_a_scenario_says_in_words_what_messages_hold(letters: Scenario) -> None:
    words = describe(letters)

    form = "with the form of a DKIM signature"
    files = "one of 3 files from files"
    smime = "with 2KiB in the form of an S/MIME signature"
    for line in (
        f'"订单 {{number}} {{date}} 已收到", text and HTML, {files}, no two alike, {form}, {smime}\n',
        '"通知 {number}", headers in UTF-8\n',
        f'"loadkit message", HTML, {form}\n',
        '"loadkit message", signed by DKIM\n',
    ):
        assert line in words
