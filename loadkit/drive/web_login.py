"""Who may use the web interface: anybody on this machine, and those with the password elsewhere."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import flask
import gevent
from flask_login import UserMixin, login_user

if TYPE_CHECKING:
    from locust.web import WebUI

_WRONG_PAUSE_S = 1.0
_LOGIN_PATH = "/loadkit/login"


@dataclass(frozen=True, slots=True)
class WebCredentials:
    """What the login page asks for.

    Args:
        username: The user's name.
        password: The password.
    """

    username: str
    password: str = field(repr=False)

    def match(self, username: str, password: str) -> bool:
        """Whether these are they; takes equally long for every wrong password."""
        right_name = hmac.compare_digest(self.username.encode(), username.encode())
        return hmac.compare_digest(self.password.encode(), password.encode()) and right_name


class _User(UserMixin):  # type: ignore[misc]
    id = "loadkit"


def ask_for(credentials: WebCredentials, ui: WebUI) -> None:
    """Let only those in who know the credentials.

    Args:
        credentials: What the login page asks for.
        ui: An interface made with ``web_login``.
    """
    app = ui.app
    app.secret_key = secrets.token_bytes(32)
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    ui.login_manager.user_loader(lambda name: _User() if name == _User.id else None)
    ui.auth_args["username_password_callback"] = _LOGIN_PATH

    @app.post(_LOGIN_PATH)
    def log_in() -> flask.typing.ResponseReturnValue:
        form = flask.request.form
        if credentials.match(form.get("username", ""), form.get("password", "")):
            login_user(_User())
            return flask.redirect(flask.url_for("locust.index"))
        gevent.sleep(_WRONG_PAUSE_S)
        flask.session["auth_error"] = "The user name or the password is wrong"
        return flask.redirect(flask.url_for("locust.login"))


def refuse_strangers(app: flask.Flask, *, loopback: bool) -> None:
    """Refuse what pages of other sites make a browser ask, since Locust lets all of them ask.

    Args:
        app: The interface.
        loopback: Whether it listens on loopback; then it must be asked by a name of loopback too.
    """

    @app.before_request
    def check() -> flask.typing.ResponseReturnValue | None:
        origin = flask.request.headers.get("Origin")
        foreign = origin is not None and urlsplit(origin).netloc != flask.request.host
        renamed = loopback and not is_loopback(urlsplit(f"//{flask.request.host}").hostname or "")
        return ("asked by another site\n", 403) if foreign or renamed else None


def is_loopback(host: str) -> bool:
    """Whether a name or an address is one of this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
