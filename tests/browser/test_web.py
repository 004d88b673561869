"""The web interface in a real browser: begin, look on, change the rate, stop, log in."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, expect
from support.runs import scenario_text
from support.waiting import wait_until
from support.watched import WatchedRun, get

from loadkit.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.real, pytest.mark.slow]

WEB = ("--web", "--web-port", "0")
LONG = "load: {arrivals: even, stages: [{name: hold, rate: 100/s, duration: 60s}]}"
SHORT = "load: {arrivals: even, stages: [{name: hold, rate: 200/s, duration: 2s}]}"
LOGIN = {"LOADKIT_WEB_USERNAME": "anna", "LOADKIT_WEB_PASSWORD": "pa55-w0rd"}


def scenario(load: str) -> str:
    """One that goes to the bundled sink, whose ledger the interface shows."""
    lines = scenario_text("", load=load).splitlines()
    return "\n".join(line for line in lines if not line.startswith("target:")) + "\n"


def figures(url: str) -> dict[str, Any]:
    return dict(json.loads(get(f"{url}/loadkit/figures")))


def count(page: Page, name: str) -> int:
    """A figure in the table of our own page."""
    text = page.locator(f"#figures tr[data-name={name}] td").nth(1).inner_text()
    return int(text.replace(",", "")) if text[0].isdigit() else 0


def row(page: Page, name: str) -> Any:
    """A row of a table in Locust's interface."""
    return page.locator("tr", has=page.get_by_role("cell", name=name, exact=True))


def test_a_run_is_begun_watched_and_stopped_in_locusts_interface(page: Page, tmp_path: Path) -> None:
    with WatchedRun(tmp_path, scenario(LONG), *WEB) as run:
        url = run.announced("web")
        page.goto(url)
        expect(page.get_by_label("Number of users (peak concurrency)")).to_be_disabled()
        assert figures(url)["state"] == "waiting"
        page.get_by_role("button", name="Start").click()
        page.get_by_role("tab", name="loadkit", exact=True).click()
        for name in ("offered", "started", "completed", "accepted", "delivered"):
            expect(row(page, name)).to_contain_text(re.compile(r"[1-9]\d"), timeout=15_000)
        expect(row(page, "valid")).to_contain_text(re.compile("^valid(yes|no: )"))
        expect(row(page, "backlog")).to_contain_text(re.compile(r"\d"))
        page.get_by_role("tab", name="Latency by phase").click()
        for name in ("response", "connect", "mail", "dot"):
            expect(row(page, name)).to_contain_text(re.compile(r"\d\.\d\d"))
        page.get_by_role("button", name="Stop").click()
        wait_until(run.summary, "the summary is printed")
        expect(page.get_by_text("stopped", exact=False).first).to_be_visible()
        summary = run.summary()
        assert run.process.poll() is None
        run.interrupt()
        assert run.wait() == ExitCode.INTERRUPTED
    assert summary["verdict"] == "interrupted"
    assert summary["ledger"]["accepted"] == summary["ledger"]["delivered"] > 50
    assert summary["duration_s"] < 55


def test_the_rate_is_changed_while_the_run_goes_on(page: Page, tmp_path: Path) -> None:
    with WatchedRun(tmp_path, scenario(LONG), *WEB, "--autostart") as run:
        url = run.announced("web")
        page.goto(f"{url}/loadkit")
        wait_until(lambda: count(page, "accepted") > 100, "a hundred messages are accepted", poll_s=0.2)
        page.locator("#factor").fill("4")
        page.get_by_role("button", name="Change").click()
        expect(page.locator("#answer")).to_have_text("The rate is changed")
        expect(page.locator("#validity")).to_have_text(re.compile("The measurement is valid so far|Not valid: "))
        offered_per_s = page.locator("#figures tr[data-name=offered] td").nth(2)
        expect(offered_per_s).to_have_text(re.compile(r"^(3[89]|4[012])\d(\.\d)?$"), timeout=15_000)
        page.locator("#factor").fill("1000")
        page.get_by_role("button", name="Change").click()
        expect(page.locator("#answer")).to_contain_text("from 0.01 to 100")
        page.get_by_role("button", name="Stop the run").click()
        expect(page.locator("#state")).to_contain_text("over", timeout=15_000)
        expect(page.locator("#steer")).to_be_hidden()
        wait_until(lambda: count(page, "delivered") == count(page, "accepted") > 400, "all has arrived", poll_s=0.2)
        run.interrupt()
        run.wait()
        assert re.search(r"note: the rate was changed by hand: x 4 at \d+ s; the scenario alone", run.stderr)


@pytest.mark.long
def test_after_the_run_its_figures_stay_until_ctrl_c_and_no_other_begins(page: Page, tmp_path: Path) -> None:
    with WatchedRun(tmp_path, scenario(SHORT), *WEB) as run:
        url = run.announced("web")
        page.goto(url)
        page.get_by_role("button", name="Custom parameters").click()
        page.get_by_label(re.compile("rate.factor", re.IGNORECASE)).fill("0.5")
        page.get_by_role("button", name="Start").click()
        wait_until(run.summary, "the summary is printed", timeout_s=20)
        assert run.process.poll() is None
        assert run.summary()["flows"]["offered"]["count"] == 200
        assert figures(url)["flows"]["delivered"]["count"] == 200
        page.get_by_role("button", name="New").click()
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_text("to begin another, start loadkit anew")).to_be_visible()
        run.interrupt()
        assert run.wait() == ExitCode.OK
    assert len(list(run.results.iterdir())) == 1


@pytest.mark.long
def test_a_closed_loop_has_no_rate_to_change(page: Page, tmp_path: Path) -> None:
    load = "load: {executor: sessions, sessions: 2, duration: 30s, grace: 2s}"
    with WatchedRun(tmp_path, scenario(load), *WEB, "--autostart") as run:
        page.goto(run.announced("web") + "/loadkit")
        wait_until(lambda: count(page, "accepted") > 0, "messages are accepted", poll_s=0.2)
        expect(page.locator("#steer")).to_be_hidden()
        page.get_by_role("link", name="Locust").click()
        expect(page.get_by_role("tab", name="loadkit", exact=True)).to_be_visible()


def test_only_those_with_the_password_come_in(page: Page, tmp_path: Path) -> None:
    with WatchedRun(tmp_path, scenario(SHORT), *WEB, variables=LOGIN) as run:
        url = run.announced("web")
        page.goto(f"{url}/loadkit")
        expect(page).to_have_url(re.compile("/login"))
        for password, shown in (("wrong", True), (LOGIN["LOADKIT_WEB_PASSWORD"], False)):
            page.get_by_label("Username").fill("anna")
            page.locator("input[type=password]").fill(password)
            page.get_by_role("button", name="Login").click()
            complaint = page.get_by_text("The user name or the password is wrong")
            if shown:
                expect(complaint).to_be_visible()
        expect(page.get_by_role("button", name="Start")).to_be_visible()
        page.goto(f"{url}/loadkit")
        expect(page.locator("#state")).to_have_text("waiting")
        assert LOGIN["LOADKIT_WEB_PASSWORD"] not in run.stderr
