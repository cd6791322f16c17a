"""`python -m autocomplete_service`: the command `autocomplete`."""

from autocomplete_service import main

main()
