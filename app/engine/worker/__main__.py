"""`python -m app.engine.worker FD`: an engine on an inherited socket. The HTTP process starts it."""

import socket
import sys

from app.engine.channel import Channel
from app.engine.worker.process import serve

if __name__ == "__main__":
    serve(Channel(socket.socket(fileno=int(sys.argv[1]))))
