"""What an address gives, of whatever kind, by the rules of `fetch_url`: never from behind the public web."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ...policies.errors import ToolError
from ..builtin.web import Body, WebFetcher, judged, load_guard

if TYPE_CHECKING:
    import httpx


class FileFetcher(WebFetcher):
    """Fetches files as bytes; takes what `WebFetcher` takes."""

    async def download(self, url: str) -> bytes:
        """The bytes at an address.

        Raises:
            ToolError: the address is none of the public web, or what it gives cannot be had or is too large.
            MissingExtra: the extra `web` is not installed.
        """
        await asyncio.to_thread(load_guard)
        return (await self._fetched(judged(url))).content

    async def _received(self, response: httpx.Response, url: httpx.URL) -> Body:
        if response.status_code >= 400:
            raise ToolError(f"{url} answered with status {response.status_code}")
        content = await self._content(response, url)
        return Body(url=str(url), media="", charset=None, content=content)
