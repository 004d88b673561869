"""``python -m loadkit.preflight``: a request as JSON on standard input, its outcome as JSON on standard output."""

from __future__ import annotations

import json
import sys

from loadkit.preflight.look import look
from loadkit.preflight.request import ProbeRequest

if __name__ == "__main__":
    json.dump(look(ProbeRequest.from_dict(json.load(sys.stdin))).to_dict(), sys.stdout)
