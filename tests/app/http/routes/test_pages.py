from __future__ import annotations

import re

import httpx
import pytest

from tests.app.conftest import Serve

pytestmark = pytest.mark.anyio

PAGES = ["/", "/docs", "/redoc"]


async def loaded(client: httpx.AsyncClient, page: str) -> dict[str, int]:
    """Bytes of a page and of each file it names, by address."""
    answer = await client.get(page)
    assert answer.status_code == 200
    sizes = {page: len(answer.content)}
    for address in re.findall(r'(?:src|href|spec-url)="([^"#]+)"', answer.text):
        assert "//" not in address
        sizes[address] = len((await client.get(f"/{address}")).raise_for_status().content)
    return sizes


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_names_only_files_that_we_serve(serve: Serve, page: str) -> None:
    async with serve() as client:
        assert len(await loaded(client, page)) > 2


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_may_load_nothing_from_another_host_and_run_no_inline_script(
    serve: Serve, page: str
) -> None:
    async with serve() as client:
        policy = (await client.get(page)).headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "script-src 'self';" in policy
    assert "http" not in policy


async def test_the_documentation_asks_no_other_host_for_an_image_or_a_font(serve: Serve) -> None:
    async with serve() as client:
        script = (await client.get("/docs-assets/redoc.standalone.js")).text
    assert len(script) > 500_000
    assert "cdn." not in script
    assert "fonts." not in script


async def test_the_playground_weighs_at_most_60_kb(serve: Serve) -> None:
    async with serve() as client:
        sizes = await loaded(client, "/")
    own = {address: size for address, size in sizes.items() if address not in ("docs", "redoc")}
    assert sum(own.values()) <= 60_000


@pytest.mark.parametrize(
    ("switch", "paths"), [("docs", ["/docs", "/redoc", "/openapi.json"]), ("playground", ["/"])]
)
async def test_pages_can_be_switched_off(serve: Serve, switch: str, paths: list[str]) -> None:
    async with serve(**{switch: False}) as client:
        assert [(await client.get(path)).status_code for path in paths] == [404] * len(paths)


async def test_a_file_that_is_not_there_is_404_in_the_envelope(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.get("/static/../main.py")
        other = await client.get("/static/nothing.js")
    assert answer.status_code == other.status_code == 404
    assert other.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("path", ["/", "/autocomplete.js", "/static/index.html", "/docs-assets/favicon.png"])
@pytest.mark.parametrize(
    "asked", ["bytes=0-0", "bytes=0-0,2-2", "bytes=5-1", "bytes=-0", "bytes=" + "9" * 5000 + "-", "lines=1-2"]
)
async def test_a_file_is_sent_whole_whatever_range_is_asked_for(serve: Serve, path: str, asked: str) -> None:
    async with serve() as client:
        whole = await client.get(path)
        answer = await client.get(path, headers={"Range": asked})
    assert (whole.status_code, answer.status_code) == (200, 200)
    assert answer.content == whole.content
