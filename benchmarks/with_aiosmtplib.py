"""Sends messages with aiosmtplib: ``with_aiosmtplib.py PORT MESSAGES SESSIONS SIZE``."""

from __future__ import annotations

import asyncio
import sys

import aiosmtplib


async def send(port: int, messages: int, content: bytes) -> None:
    """Send over one kept connection."""
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, use_tls=False, start_tls=False) as client:
        for _ in range(messages):
            await client.sendmail("a@example.com", ["b@example.com"], content)


async def main(port: int, messages: int, sessions: int, size_bytes: int) -> None:
    """Share the messages among the sessions."""
    content = b"Subject: x\r\n\r\n" + b"x" * (size_bytes - 16) + b"\r\n"
    await asyncio.gather(*(send(port, messages // sessions, content) for _ in range(sessions)))


asyncio.run(main(*map(int, sys.argv[1:5])))
