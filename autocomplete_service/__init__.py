"""The installed product: this folder holds `app`, `models` and `locks` of the repository, unchanged.

They are no packages of site-packages, where other projects have an `app` and `models` of their own.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """The command `autocomplete`: this project's packages are found before all others of their names."""
    here = Path(__file__).parent
    sys.path.insert(0, str(here if (here / "app").is_dir() else here.parent))  # a checkout has them beside it
    from app.server.signals import end_at_once

    if sys.argv[1:2] == ["serve"]:  # before the second that the imports take; see `app.__main__`
        end_at_once()
    from app.cli import main as run

    run()
