"""Exit status 0 when the service in this container is ready."""

import os
import sys
from http.client import HTTPConnection

connection = HTTPConnection("127.0.0.1", int(os.environ.get("AUTOCOMPLETE_PORT") or 8000), timeout=2)
connection.request("GET", "/readyz")
sys.exit(connection.getresponse().status != 200)
