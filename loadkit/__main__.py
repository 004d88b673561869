"""`python -m loadkit` is the `loadkit` command."""

from __future__ import annotations

import sys

from loadkit.cli.app import main

sys.exit(main())
