"""``python -m loadkit.observe``: a request as a line of JSON on standard input, samples as lines on standard output.

It goes on until a line tells when the run was, or standard input ends because whoever asked is gone.
"""

from __future__ import annotations

import json

from loadkit.observe.observing import observe, read_line
from loadkit.observe.request import ObserveRequest

if __name__ == "__main__":
    observe(ObserveRequest.from_dict(json.loads(read_line())))
