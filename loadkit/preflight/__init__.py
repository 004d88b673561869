"""A look at a target before load: a handful of connections and look-ups, judged as findings.

Probing runs on asyncio, so a process that has imported `loadkit.drive` must leave it to another one.
"""
