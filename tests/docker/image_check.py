"""The image, and a container of it under the compose file's hardening: `make image-test`."""

from __future__ import annotations

import json
import re
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.docker.containers import IMAGE, Container, docker, image_files, inspect, running
from tests.docker.files import ROOT
from tests.docker.traffic import PROMPT, REJECTED, complete, wait_until

SITE = "opt/venv/lib/python3.11/site-packages"

MEMORY = """
import json, pathlib, re
found = {}
for status in pathlib.Path("/proc").glob("[0-9]*/status"):
    command = status.with_name("cmdline").read_text().split("\\0")
    if "app" in command or "app.engine.worker" in command:
        sizes = re.findall(r"Rss(\\w+):\\s+(\\d+) kB", status.read_text())
        found[command[2]] = {kind: int(size) / 1000 for kind, size in sizes}
print(json.dumps(found))
"""

BUSY = """
import json, os, pathlib
ticks = []
for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
    if "app" in stat.with_name("cmdline").read_text():
        ticks.append(sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13])))
print(json.dumps([count / os.sysconf("SC_CLK_TCK") for count in ticks]))
"""

WRITABLE = """
import json, os
found = []
for folder, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in ("/proc", "/sys")]
    paths = [folder] + [os.path.join(folder, name) for name in files]
    found += [path for path in paths if os.access(path, os.W_OK) and not path.startswith("/dev/")]
print(json.dumps([path for path in found if not path.endswith(".xnnpack")]))
"""

STATUS = """
import json, pathlib
lines = pathlib.Path("/proc/1/status").read_text().splitlines()
print(json.dumps(dict(line.split(":\\t", 1) for line in lines if ":\\t" in line)))
"""


@pytest.fixture(scope="module")
def container() -> Iterator[Container]:
    with running() as container:
        yield container


@pytest.fixture(scope="module")
def files() -> dict[str, tarfile.TarInfo]:
    return {file.name: file for file in image_files()}


def test_it_becomes_ready(container: Container) -> None:
    wall, busy = container.ready_seconds, sum(container.python(BUSY))
    print(f"ready {wall:.2f} s after the container's start, {busy:.2f} s of a processor; weights packed anew")
    assert httpx.get(f"{container.url}/readyz").status_code == 200


def test_no_source_is_compiled_at_the_start(container: Container) -> None:
    script = "python -v -c 'import app.main, app.engine.process' 2>&1 | grep 'code object from /' || true"
    assert docker("exec", container.name, "sh", "-c", script) == ""


def test_docker_calls_it_healthy(container: Container) -> None:
    wait_until(lambda: inspect(container.name)["State"]["Health"]["Status"] == "healthy", 40)


def test_it_completes(container: Container) -> None:
    answer = complete(container.url, max_tokens=16, temperature=0).json()
    assert answer["model"] == "smollm2-135m-instruct"
    assert answer["usage"]["completion_tokens"] == 16
    assert re.match(r"[ ,]\w", answer["choices"][0]["text"])


def test_it_streams(container: Container) -> None:
    body = {"prompt": PROMPT, "max_tokens": 128, "stream": True}
    with httpx.stream("POST", f"{container.url}/complete", json=body, timeout=30) as response:
        parts = list(response.iter_text())
    events = [line[6:] for line in "".join(parts).splitlines() if line.startswith("data:")]
    assert events[-1] == "[DONE]"
    assert len(events) >= 8
    assert "[DONE]" not in parts[0]  # sent before the text was whole


def test_it_rejects_a_prompt_and_counts_it(container: Container) -> None:
    answer = complete(container.url, REJECTED)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "content_filter")
    metrics = httpx.get(f"{container.url}/metrics").text
    assert 'autocomplete_guard_hits_total{action="reject",stage="prompt"} 1.0' in metrics
    assert 'autocomplete_requests_total{route="/complete",status="400"} 1.0' in metrics
    assert "autocomplete_ready 1.0" in metrics


def test_private_memory_under_load_is_at_most_350_megabytes(container: Container) -> None:
    ends = time.monotonic() + 15
    most: dict[str, dict[str, float]] = {}

    def ask(number: int) -> int:
        done = 0
        while time.monotonic() < ends:
            prompt = f"Chapter {number}.{done}. " + "The quick brown fox jumps over the lazy dog. " * 12
            done += complete(container.url, prompt, max_tokens=64).status_code == 200
        return done

    with ThreadPoolExecutor(12) as pool:
        requests = [pool.submit(ask, number) for number in range(12)]
        while time.monotonic() < ends:
            time.sleep(1)
            memory = container.python(MEMORY)
            most = max(most, memory, key=lambda seen: sum(kinds["Anon"] for kinds in seen.values()))
    completed = sum(request.result() for request in requests)
    print(f"{completed} completions of 64 tokens in 15 s, 12 at a time; most private memory seen, MB:")
    for process, kinds in most.items():
        print(f"{process:12} {kinds}")
    assert set(most) == {"app", "app.engine.worker"}
    assert completed >= 12
    assert sum(kinds["Anon"] for kinds in most.values()) <= 350


def test_the_hardening_is_in_force(container: Container) -> None:
    status = container.python(STATUS)
    assert status["Uid"].split() == ["10001"] * 4
    assert status["Gid"].split() == ["10001"] * 4
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    limits = inspect(container.name)["HostConfig"]
    assert (limits["PidsLimit"], limits["Memory"], limits["MemorySwap"]) == (128, 2**30, 2**30)


def test_nothing_is_writable_but_tmp(container: Container) -> None:
    assert container.python(WRITABLE) == ["/tmp"]


def test_sigterm_lets_a_running_stream_end() -> None:
    with running() as container:
        body = {"prompt": PROMPT, "max_tokens": 128, "stream": True, "repetition_penalty": 1}
        with httpx.stream("POST", f"{container.url}/complete", json=body, timeout=60) as response:
            lines = (line[6:] for line in response.iter_lines() if line.startswith("data: "))
            next(lines)
            stop = threading.Thread(target=docker, args=("stop", "--time", "45", container.name))
            stop.start()
            *_, last, done = lines
        stop.join()
        assert json.loads(last)["choices"][0]["finish_reason"] in ("length", "stop")
        assert done == "[DONE]"
        state = inspect(container.name)["State"]
        assert (state["ExitCode"], state["OOMKilled"]) == (0, False)


def test_the_image_is_at_most_450_megabytes(files: dict[str, tarfile.TarInfo]) -> None:
    size = inspect(IMAGE)["Size"]
    print(f"{size / 1e6:.1f} MB in all; what fills it, MB:")
    filled: Counter[str] = Counter()
    for name, file in files.items():
        depth = 6 if name.startswith(SITE) else 3 if name.startswith(("srv", "opt")) else 1
        filled["/".join(name.split("/")[:depth])] += file.size
    for place, taken in filled.most_common(16):
        print(f"{taken / 1e6:8.1f}  {place}")
    assert size <= 450e6


def test_no_tensorflow_compiler_or_installer_is_inside(files: dict[str, tarfile.TarInfo]) -> None:
    unwanted = re.compile(
        r"libtensorflow|site-packages/(tensorflow|pip|setuptools|wheel)\b|/bin/(pip\S*|cc|c\+\+|gcc|g\+\+|clang|ld|as|make)$"
        r"|ensurepip|\.whl$|\.deb$|var/lib/apt/lists/.+|root/\.cache/.+|/tests/.*\.py$|downloads/"
    )
    found = {name for name, file in files.items() if file.isfile() and unwanted.search(name)}
    assert found == set()


def test_no_file_belongs_to_the_user_or_is_open_to_all(files: dict[str, tarfile.TarInfo]) -> None:
    owned = {name for name, file in files.items() if 10001 in (file.uid, file.gid)}
    opened = {name for name, file in files.items() if file.mode & 0o002 and not file.issym()}
    assert owned == set()
    assert opened - {"tmp", "var/tmp", "run/lock"} == {name for name in opened if name.startswith("dev/")}


def test_the_licences_of_what_is_shipped_are_inside(files: dict[str, tarfile.TarInfo]) -> None:
    assert {
        "srv/autocomplete/LICENSE",
        "srv/autocomplete/NOTICE",
        "srv/model/text_ops/tensorflow-text.LICENSE",
        "usr/share/common-licenses/Apache-2.0",
        "usr/share/doc/libc6/copyright",
    } <= set(files)
    notice = docker("run", "--rm", "--network", "none", IMAGE, "cat", "NOTICE")
    for name, file in files.items():
        if name.startswith("srv/model/") and file.isfile() and name.endswith((".tflite", ".so")):
            assert f"/{name}" in notice


def test_the_bill_of_materials_lists_what_is_inside(
    container: Container, files: dict[str, tarfile.TarInfo]
) -> None:
    bill = json.loads(docker("exec", container.name, "cat", "sbom.cdx.json"))
    assert bill["metadata"]["component"]["name"] == "autocomplete-service"
    components = bill["components"]
    listed = {_normal(part["name"]) for part in components if part.get("purl", "").startswith("pkg:pypi")}
    installed = {
        match[1] for name in files if (match := re.fullmatch(rf"{SITE}/([\w.]+)-[^/]+\.dist-info", name))
    }
    assert {_normal(name) for name in installed} == {name for name in listed if not name.endswith("-so")}
    hashes = {part["name"]: part["hashes"][0]["content"] for part in components if "hashes" in part}
    sums = docker("exec", container.name, "sh", "-c", "cd /srv/model && sha256sum *.tflite text_ops/*.so")
    found = {line.split()[1].rpartition("/")[2]: line.split()[0] for line in sums.splitlines()}
    assert hashes == {
        "smollm2-135m-instruct": found["autocomplete.tflite"],
        "libpybinds_library_common.so": found["libpybinds_library_common.so"],
    }
    assert {"libc6", "libssl3", "zlib1g"} <= {part["name"] for part in components}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_labels_name_version_and_licence() -> None:
    config = inspect(IMAGE)["Config"]
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert config["Labels"]["org.opencontainers.image.version"] == version[1]
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert (config["User"], config["StopSignal"]) == ("10001:10001", "SIGTERM")
