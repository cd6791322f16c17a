"""`python -m bench.llama_wheel_server MODEL THREADS SLOTS PORT`: llama.cpp's server, without a compiler."""

from __future__ import annotations

import signal
import sys

import xllamacpp


def main() -> None:
    """Serve until the process is ended."""
    model, threads, slots, port = sys.argv[1:]
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.n_ctx = 512 * int(slots)
    parameters.n_parallel = int(slots)
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = int(threads)
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = int(port)
    server = xllamacpp.Server(parameters)
    signal.sigwait({signal.SIGTERM})
    del server


if __name__ == "__main__":
    main()
