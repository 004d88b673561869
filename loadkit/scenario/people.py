"""Whom messages are from and to: numbered addresses at a domain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import (
    Field,
    model_validator,
)

from loadkit.errors import LoadkitError
from loadkit.scenario.block import Block
from loadkit.scenario.findings import Finding, FindingsError
from loadkit.scenario.guardrails import (
    ascii_domain,
    check_recipient_domain,
)
from loadkit.scenario.quantities import (
    WholeNumber,
)
from loadkit.scenario.texts import (
    AddressDomain,
    LocalPart,
)
from loadkit.smtp.fields import NumberedAddress

if TYPE_CHECKING:
    pass


class Addresses(Block):
    """Numbered addresses: local part, number from 0, @, domain."""

    local_part: LocalPart
    """What stands before the number."""
    domain: AddressDomain
    """What stands behind the @."""
    count: WholeNumber = Field(ge=1, le=100_000_000)
    """How many addresses there are."""

    @property
    def dns_domain(self) -> str:
        """The domain as DNS knows it."""
        return ascii_domain(self.domain)

    @property
    def numbered(self) -> NumberedAddress:
        """The addresses as they are sent: only with a local part in UTF-8 may the domain be in UTF-8 as well."""
        domain = self.dns_domain if self.local_part.isascii() else self.domain
        return NumberedAddress(self.local_part, domain, self.count)


class Senders(Addresses):
    """The addresses that messages come from."""

    local_part: LocalPart = "sender"
    """What stands before the number."""
    domain: AddressDomain = "example.com"
    """What stands behind the @."""
    count: WholeNumber = Field(10, ge=1, le=100_000_000)
    """How many addresses there are."""


class Recipients(Addresses):
    """The addresses that messages go to."""

    local_part: LocalPart = "user"
    """What stands before the number."""
    domain: AddressDomain = "example.com"
    """What stands behind the @; a reserved one, or one that is allowed."""
    count: WholeNumber = Field(10_000, ge=1, le=100_000_000)
    """How many addresses there are."""
    allow: tuple[AddressDomain, ...] = ()
    """Domains of real people that may get mail of this scenario."""

    @model_validator(mode="after")
    def _are_nobody_or_allowed(self) -> Self:
        try:
            check_recipient_domain(self.domain, self.allow)
        except LoadkitError as error:
            raise FindingsError(Finding(str(error), ("domain",), error.hint)) from error
        return self
