"""fetch_url: the public web and nothing behind it, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any

import pytest

from shotclock.policies.errors import MissingExtra, ToolError
from shotclock.tools.builtin import web
from shotclock.tools.builtin.page import MAX_LINKS, html_links, html_paragraphs, passages
from shotclock.tools.builtin.web import MAX_BYTES, WebFetcher, fetch_url, is_public
from shotclock.tools.call import Passage

Serve = Callable[[str, asyncio.StreamWriter], Awaitable[None]]
LOCAL = WebFetcher(allow_private_hosts=frozenset({"127.0.0.1"}))


class Site:
    """A server on loopback that answers each path with given bytes, and remembers what was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, bytes | Serve] = {}
        self.asked: list[str] = []
        self.heads: list[str] = []
        self.sent = 0

        self.url = ""

    def page(
        self, path: str, body: bytes | str, content_type: str | None = "text/html; charset=utf-8", *more: str
    ) -> str:
        content = body.encode() if isinstance(body, str) else body
        headers = [f"Content-Length: {len(content)}", *more]
        if content_type is not None:
            headers.append(f"Content-Type: {content_type}")
        self.pages[path] = answer("200 OK", *headers) + content
        return self.url + path

    def redirect(self, path: str, to: str, status: str = "302 Found") -> str:
        self.pages[path] = answer(status, f"Location: {to}", "Content-Length: 0")
        return self.url + path

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split()[1]
            self.asked.append(path)
            self.heads.append(head)
            page = self.pages.get(path, answer("404 Not Found", "Content-Length: 0"))
            if callable(page):
                await page(path, writer)
            else:
                writer.write(page)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


def answer(status: str, *headers: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *headers, "Connection: close", "", "")).encode("latin-1")


@asynccontextmanager
async def listening(site: Site) -> AsyncIterator[Site]:
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
    site.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield site
    finally:
        server.close()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with listening(Site()) as found:
        yield found


def text_of(found: list[Passage]) -> str:
    return "\n".join(passage.text for passage in found)


# What comes back.


async def test_a_page_becomes_passages_that_name_their_address(site: Site) -> None:
    """HTML becomes readable text with its title, and every passage carries the URL it came from."""
    url = site.page(
        "/page",
        "<!doctype html><html><head><title>Tides &amp; moons</title><style>p{color:red}</style>"
        "<script>if (a < b) track()</script></head><body><nav>Home | About</nav><h1>Tides</h1>"
        "<p>The sea rises <b>twice</b>\n a day.</p><ul><li>spring</li><li>neap</li></ul>"
        "<table><tr><th>Port<th>Metres<tr><td>Dover<td>6.7</table><footer>Imprint</footer></body></html>",
    )
    found = await LOCAL.fetch_url(url)
    assert found == [
        Passage(
            text="Tides & moons\nTides\nThe sea rises twice a day.\n- spring\n- neap\nPort | Metres\nDover | 6.7",
            origin=url,
        )
    ]


async def test_a_long_page_is_cut_into_passages(site: Site) -> None:
    """Passages hold whole paragraphs of at most 1,200 characters together, and lose nothing."""
    paragraphs = [f"Paragraph {n} " + "word " * 60 for n in range(20)]
    found = await LOCAL.fetch_url(site.page("/long", "".join(f"<p>{p}</p>" for p in paragraphs)))
    assert len(found) > 4
    assert all(len(passage.text) <= 1200 for passage in found)
    assert text_of(found).split("\n") == [p.strip() for p in paragraphs]


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("text/plain", b"plain text", "plain text"),
        ("application/json", b'{"tide": 6.7}', '{"tide": 6.7}'),
        ("application/problem+json", b"{}", "{}"),
        ("application/rss+xml", b"<rss>news</rss>", "<rss>news</rss>"),
        ("text/csv", b"a,b\n1,2", "a,b\n1,2"),
        (None, b"<!DOCTYPE html><p>bare", "bare"),
        ("application/octet-stream", b"just text", "just text"),
    ],
)
async def test_text_json_and_xml_come_as_they_are(
    site: Site, content_type: str | None, body: bytes, expected: str
) -> None:
    """Text of any kind is returned unchanged, and what carries no type is judged by its first bytes."""
    assert text_of(await LOCAL.fetch_url(site.page("/x", body, content_type))) == expected


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html; charset=utf-8", "Zürich".encode()),
        ("text/html; charset=iso-8859-1", "Zürich".encode("latin-1")),
        ("text/html", b"<meta charset='windows-1252'>" + "Zürich".encode("cp1252")),
        ("text/html", "Zürich".encode()),
        ("text/html", "Zürich".encode("latin-1")),
        ("text/html; charset=nonsense", "Zürich".encode()),
        ("text/html; charset=punycode", "Zürich".encode()),
        ("text/plain", "\ufeffZürich".encode("utf-16")),
        ("text/plain; charset=utf-8", b"\xef\xbb\xbf" + "Zürich".encode()),
        ("text/plain; charset=shift_jis", "Zürich".encode("utf-8-sig")),
    ],
)
async def test_the_charset_is_found(site: Site, content_type: str, body: bytes) -> None:
    """A byte order mark goes before the header, the header before the page, and both before guessing."""
    assert text_of(await LOCAL.fetch_url(site.page("/c", body, content_type))).strip("\ufeff") == "Zürich"


async def test_gzip_is_unpacked_and_asked_for(site: Site) -> None:
    """A compressed body is read, and nothing but gzip is asked for."""
    body = gzip.compress(b"<p>packed</p>")
    assert text_of(await LOCAL.fetch_url(site.page("/z", body, "text/html", "Content-Encoding: gzip"))) == "packed"
    assert "accept-encoding: gzip\r\n" in site.heads[0].lower()


async def test_redirects_are_followed_and_the_last_address_is_the_origin(site: Site) -> None:
    """Relative and absolute redirects lead to the page, and the origin is where it was found, without the fragment."""
    end = site.page("/end", "<p>here</p>")
    site.redirect("/two", end + "#part", "308 Permanent Redirect")
    found = await LOCAL.fetch_url(site.redirect("/one", "two"))
    assert found == [Passage(text="here", origin=end)]
    assert site.asked == ["/one", "/two", "/end"]


# What is refused.


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://127.1/",
        "http://0/",
        "http://0.0.0.0/",
        "http://127。0。0。1/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[fe80::1]/",
        "http://[fc00::1]/",
        "http://[fec0::1]/",
        "http://[ff02::1]/",
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://100.64.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://[fd00:ec2::254]/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "https://192.0.2.1/",
    ],
)
async def test_private_addresses_are_refused_in_every_spelling(url: str) -> None:
    """Loopback, private, link-local, metadata, multicast and wrapped addresses are refused before anything is sent."""
    with pytest.raises(ToolError, match=r"private or local address|was not found"):
        await fetch_url(url)


async def test_the_strict_tool_does_not_even_connect(site: Site) -> None:
    """To a private address no connection is opened, since that alone would tell what listens there."""
    connected = asyncio.Queue()
    server = await asyncio.start_server(lambda _, writer: connected.put_nowait(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for host in ("127.0.0.1", "localhost", "0x7f.1"):
        with pytest.raises(ToolError, match="private or local"):
            await fetch_url(f"http://{host}:{port}/")
    # Connections are taken in their order: where ours is the first, there was none before it.
    _, ours = await asyncio.open_connection("127.0.0.1", port)
    first = await connected.get()
    assert first.get_extra_info("peername") == ours.get_extra_info("sockname")
    first.close()
    ours.close()
    server.close()


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.2/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://0x7f.1/",
        "//10.0.0.1/",
    ],
)
async def test_a_redirect_to_a_private_address_is_refused(site: Site, target: str) -> None:
    """Every hop is judged like the first address."""
    with pytest.raises(ToolError, match="private or local"):
        await LOCAL.fetch_url(site.redirect("/go", target))


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://example.org/", "http://user:secret@127.0.0.1/", "javascript:alert(1)"]
)
async def test_a_redirect_to_another_scheme_or_with_credentials_is_refused(site: Site, target: str) -> None:
    """A redirect cannot leave http and https, nor bring a password."""
    with pytest.raises(ToolError, match=r"must begin with http|user name or password|could not be read"):
        await LOCAL.fetch_url(site.redirect("/go", target))


async def test_a_name_that_changes_its_address_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that was public when it was looked up and private when it is connected to gains nothing."""
    port = int(site.url.rpartition(":")[2])
    loop = asyncio.get_running_loop()
    real, asked = loop.getaddrinfo, []

    async def rebinding(host: Any, *args: Any, **options: Any) -> Any:
        if host not in ("rebind.test", b"rebind.test"):
            return await real(host, *args, **options)
        asked.append(host)
        address = "93.184.215.14" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(loop, "getaddrinfo", rebinding)
    with pytest.raises(ToolError):
        await fetch_url(f"http://rebind.test:{port}/")
    assert len(asked) > 1
    assert site.asked == []


async def test_too_many_redirects_are_refused(site: Site) -> None:
    """Five redirects are followed, a sixth is not."""
    for n in range(7):
        site.redirect(f"/{n}", f"/{n + 1}")
    with pytest.raises(ToolError, match="more than 5 redirects"):
        await LOCAL.fetch_url(site.url + "/0")
    assert len(site.asked) == 6


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://example.org/", "must begin with http"),
        ("file:///etc/passwd", "must begin with http"),
        ("example.org", "must begin with http"),
        ("http://", "name a host"),
        ("http://user:secret@example.org/", "must not carry a user name or password"),
        ("http://user@example.org/", "must not carry a user name or password"),
        ("http://[::1", "is not a URL"),
        ("http://example.org:99999/", "port of a URL must be 1 to 65,535, got 99999"),
        ("http://example.org:0/", "port of a URL must be 1 to 65,535, got 0"),
        ("http://exa\nmple.org/", "is not a URL"),
        ("", "1 to 2,000 characters, got 0"),
        ("http://example.org/" + "x" * 2000, "1 to 2,000 characters, got 2,019"),
    ],
)
async def test_what_is_no_public_web_address_is_refused(url: str, said: str) -> None:
    """Other schemes, credentials and malformed URLs are refused by name, and a password is not repeated."""
    with pytest.raises(ToolError, match=said.replace("(", r"\(")) as error:
        await fetch_url(url)
    assert "secret" not in str(error.value)


async def test_a_name_that_does_not_resolve_is_one_clear_error() -> None:
    """No such host and no network read the same: the host was not found."""
    with pytest.raises(ToolError, match=r"'no-such-host\.invalid' was not found"):
        await fetch_url("https://no-such-host.invalid/")


async def test_a_closed_port_is_one_clear_error() -> None:
    """A refused connection names the server and the kind of failure."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(ToolError, match=rf"http://127\.0\.0\.1:{port} could not be read \(ConnectError\)"):
        await LOCAL.fetch_url(f"http://127.0.0.1:{port}/")


async def test_an_error_status_is_an_error(site: Site) -> None:
    """A status of 400 and more is named with its phrase."""
    with pytest.raises(ToolError, match=r"status 404 \(Not Found\)"):
        await LOCAL.fetch_url(site.url + "/missing")
    site.pages["/odd"] = answer("599 Odd", "Content-Length: 0")
    with pytest.raises(ToolError, match="status 599"):
        await LOCAL.fetch_url(site.url + "/odd")


@pytest.mark.parametrize(
    ("content_type", "body", "said"),
    [
        ("application/pdf", b"%PDF-1.7", "is application/pdf, not text"),
        ("image/png", b"\x89PNG", "is image/png, not text"),
        ("application/octet-stream", b"\x00\x01\x02", "is binary data"),
        ("text/plain", b"a\x00b", "is binary data"),
        ("text/html", b"<script>all()</script>", "no readable text"),
        ("text/plain", b"", "no readable text"),
    ],
)
async def test_what_is_no_text_is_refused_by_its_type(site: Site, content_type: str, body: bytes, said: str) -> None:
    """Files and empty pages are refused with what they are."""
    with pytest.raises(ToolError, match=said):
        await LOCAL.fetch_url(site.page("/f", body, content_type))


async def endless(path: str, writer: asyncio.StreamWriter, head: bytes, chunk: bytes, site: Site) -> None:
    writer.write(head)
    for _ in range(100_000_000 // len(chunk)):
        writer.write(chunk)
        await writer.drain()
        site.sent += len(chunk)


async def test_a_body_over_the_limit_is_refused_before_it_is_read(site: Site) -> None:
    """A declared length over the limit is refused by the header alone."""

    async def serve(path: str, writer: asyncio.StreamWriter) -> None:
        await endless(
            path, writer, answer("200 OK", "Content-Type: text/html", "Content-Length: 10000000"), b"x" * 65536, site
        )

    site.pages["/big"] = serve
    with pytest.raises(ToolError, match="larger than 2,000,000 bytes"):
        await LOCAL.fetch_url(site.url + "/big")


async def test_an_endless_body_is_cut_off_while_it_comes(site: Site) -> None:
    """A body of undeclared length is given up as soon as it passes the limit, not when it ends."""

    async def serve(path: str, writer: asyncio.StreamWriter) -> None:
        await endless(path, writer, answer("200 OK", "Content-Type: text/html"), b"x" * 65536, site)

    site.pages["/endless"] = serve
    start = time.perf_counter()
    with pytest.raises(ToolError, match="larger than 2,000,000 bytes"):
        await LOCAL.fetch_url(site.url + "/endless")
    assert time.perf_counter() - start < 5
    # What the sockets buffer is sent without being read.
    assert site.sent < 20_000_000


async def test_a_gzip_bomb_is_refused_by_its_unpacked_size(site: Site) -> None:
    """The limit counts unpacked bytes: 50 MB in 50 kB are refused."""
    bomb = gzip.compress(b"\0" * 50_000_000, 9)
    assert len(bomb) < 100_000
    url = site.page("/bomb", bomb, "text/html", "Content-Encoding: gzip")
    start = time.perf_counter()
    with pytest.raises(ToolError, match="larger than 2,000,000 bytes"):
        await LOCAL.fetch_url(url)
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "deflate"])
async def test_an_encoding_that_was_not_asked_for_is_refused(site: Site, encoding: str) -> None:
    """Only what was asked for is unpacked, so nothing is unpacked twice."""
    with pytest.raises(ToolError, match="was not asked for"):
        await LOCAL.fetch_url(site.page("/e", b"xx", "text/html", f"Content-Encoding: {encoding}"))


async def test_a_damaged_body_is_one_clear_error(site: Site) -> None:
    """A body that is not what its header says is refused."""
    with pytest.raises(ToolError, match="damaged"):
        await LOCAL.fetch_url(site.page("/d", b"not gzip at all", "text/html", "Content-Encoding: gzip"))


async def test_a_cut_connection_is_one_clear_error(site: Site) -> None:
    """A body shorter than declared is an error, not half a page."""
    site.pages["/cut"] = answer("200 OK", "Content-Type: text/html", "Content-Length: 500") + b"<p>half"
    with pytest.raises(ToolError, match="could not be read"):
        await LOCAL.fetch_url(site.url + "/cut")


async def test_what_is_no_http_is_one_clear_error(site: Site) -> None:
    """A server that speaks something else is an error of one sentence without its bytes."""
    site.pages["/odd"] = b"SSH-2.0-OpenSSH\r\n\r\n"
    with pytest.raises(ToolError, match="could not be read") as error:
        await LOCAL.fetch_url(site.url + "/odd")
    assert "SSH" not in str(error.value)


async def test_a_dripping_body_can_be_cancelled(site: Site) -> None:
    """The run's deadline cuts a body that drips for ever, at once, and the connection is closed."""
    gone = asyncio.Event()

    async def drip(path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(answer("200 OK", "Content-Type: text/html"))
        try:
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            gone.set()

    site.pages["/drip"] = drip
    await LOCAL.fetch_url(site.page("/warm", "<p>warm</p>"))
    start = time.perf_counter()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await LOCAL.fetch_url(site.url + "/drip")
    assert time.perf_counter() - start < 0.6
    async with asyncio.timeout(2):
        await gone.wait()


async def test_proxies_of_the_environment_are_not_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would connect in our place to addresses nobody judged, so none is taken from the environment."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert text_of(await LOCAL.fetch_url(site.page("/p", "<p>direct</p>"))) == "direct"


async def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without httpx-secure nothing is fetched unguarded; the error says which extra brings it."""
    web._certificates.cache_clear()
    monkeypatch.setitem(sys.modules, "httpx_secure", None)
    with pytest.raises(MissingExtra, match=r"shotclock\[web\]"):
        await fetch_url("https://example.org/")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("2002:808:808::1", True),
        ("::ffff:10.0.0.1", False),
        ("2002:a00:1::1", False),
        ("64:ff9b::a00:1", False),
        ("2001:0:a00:1::1", False),
        ("240.0.0.1", False),
    ],
)
def test_addresses_are_judged_by_what_they_wrap(address: str, public: bool) -> None:
    """An IPv4 address inside an IPv6 one is judged as itself."""
    assert is_public(ip_address(address)) is public


def test_the_tool_is_marked_as_untrusted_and_read_only() -> None:
    """Pages are data that must never be read as instructions, and the schema names the format `uri`."""
    assert fetch_url.name == "fetch_url"
    assert not fetch_url.trusted
    assert fetch_url.read_only
    assert fetch_url.schema.parameters["properties"]["url"]["format"] == "uri"
    assert list(fetch_url.schema.parameters["properties"]) == ["url", "links"]
    assert MAX_BYTES == 2_000_000


# From HTML to text.


def test_the_main_part_is_read_alone() -> None:
    """Where a page marks its main part, what surrounds it is left out; an almost empty one is not trusted."""
    long = "The tide comes in. " * 20
    assert html_paragraphs(f"<div>menu</div><main><p>{long}</p></main><div>ads</div>") == [long.strip()]
    assert html_paragraphs("<div>text</div><main>short</main>") == ["text", "short"]


def test_hidden_and_left_out_elements_are_not_read() -> None:
    """What a reader does not see is not read, and what follows it is."""
    page = (
        "<nav>menu<nav>deep</nav>menu</nav><p hidden>secret</p><div aria-hidden='true'><div>x</div>y</div><p>seen</p>"
    )
    assert html_paragraphs(page) == ["seen"]
    assert html_paragraphs("<nav>menu<p>the rest is not lost</p>") == ["menu", "the rest is not lost"]
    assert html_paragraphs('<p data-x="hidden > y">kept</p>') == ["kept"]


def test_links_are_listed_with_their_words() -> None:
    """Absolute, each once, without what is left out of the text and without what is no address of the web."""
    page = (
        "<nav><a href='/menu'>menu</a></nav><p>See <a class=x href='two.html#part'>the <b>second</b> page</a> and "
        '<a href="https://other.example/?a=1&amp;b=2">another</a>, <a href=two.html>again</a>, <a>none</a>, '
        "<a href='javascript:alert(1)'>run</a> <a href='mailto:a@b.example'>write</a> <a href='#top'>top</a></p>"
        "<script>var x = '<a href=\"/script\">s</a>';</script><a href='/card'><div><h2>A card</h2></div></a>"
    )
    assert html_links(page, "https://site.example/one.html") == [
        ("the second page", "https://site.example/two.html"),
        ("another", "https://other.example/?a=1&b=2"),
        ("A card", "https://site.example/card"),
    ]
    many = "".join(f"<a href='/{n}'>{n}</a>" for n in range(MAX_LINKS + 50))
    assert len(html_links(many, "https://site.example")) == MAX_LINKS


async def test_links_are_given_where_they_are_asked_for(site: Site) -> None:
    """The list follows the text; without the parameter there is none."""
    url = site.page("/p", b"<p>Seven <a href='/lamps'>lamps</a>.</p>", "text/html")
    assert text_of(await LOCAL.fetch_url(url)) == "Seven lamps."
    [_, listed] = await LOCAL.fetch_url(url, links=True)
    assert listed.text.startswith("Links: lamps: http://")
    assert listed.text.endswith("/lamps")


def test_tables_keep_their_cells_apart() -> None:
    """Each row is a paragraph, and its cells stand in order between bars."""
    page = "<table><caption>Stock</caption><tr><th>item<th>pieces</tr><tr><td>lamp</td><td>7</td></tr></table>"
    assert html_paragraphs(page) == ["Stock", "item | pieces", "lamp | 7"]


def test_plain_signs_are_no_tags() -> None:
    """A `<` that begins no tag is text, and quoted `>` ends none."""
    assert html_paragraphs("<p>1 < 2 & 3 > 2 &amp; 4&lt;5</p><p title='a>b'>x</p>") == ["1 < 2 & 3 > 2 & 4<5", "x"]
    assert html_paragraphs("<pre>a\n  b</pre>one<br>two<!-- no --><p>end<a href='") == ["a\n  b", "one\ntwo", "end"]


@pytest.mark.parametrize(
    "part",
    [
        "<div>",
        "<b i=1><p>x",
        "<!--",
        "<a ",
        "<a href=x>y</a>",
        "</a ",
        "<a b='",
        '<a b="',
        "<",
        "</",
        "<td> ",
        "<nav>",
        "<script>",
        "&#",
        "<title>",
    ],
)
def test_reading_takes_time_that_grows_with_length_alone(part: str) -> None:
    """No markup makes reading quadratic: eight times the length takes nowhere near sixty-four times the time."""

    def seconds(size: int) -> float:
        markup = part * (size // len(part))
        start = time.thread_time()
        html_paragraphs(markup)
        html_links(markup, "https://site.example")
        return time.thread_time() - start

    small = min(seconds(25_000) for _ in range(3))
    assert min(seconds(200_000) for _ in range(3)) < max(0.05, small * 30)


def test_a_paragraph_longer_than_a_passage_is_split_at_a_sentence() -> None:
    """Long paragraphs are split where a sentence or a word ends, and nothing is lost."""
    text = "The sea is wide. " * 200
    split = passages([text], 100)
    assert all(len(piece) <= 100 and piece.endswith(".") for piece in split)
    assert " ".join(split) == text.strip()
    assert "".join(passages(["x" * 250], 100)) == "x" * 250
