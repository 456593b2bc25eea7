"""``python -m recognition.images.sandbox HANDLE``: started by the client, never by hand."""

import sys

from recognition.images.sandbox.server import main

main(int(sys.argv[1]))
