"""`python -m app`: serve as the settings say. `python -m app NUMBER FD...`: one worker of several."""

from __future__ import annotations

import sys

from app.server.signals import end_at_once

if __name__ == "__main__":
    end_at_once()
    from app.server.start import start  # after the handlers: importing it takes a second

    sys.exit(start(sys.argv[1:]))
