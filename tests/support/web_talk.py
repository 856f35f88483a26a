"""What small web servers of tests say."""

import asyncio
from collections.abc import Callable, Mapping

from support.listening import Talk


def web_server(answer: Callable[[str, Mapping[str, str], str], tuple[str, str]]) -> Talk:
    """Return a talk that answers each request by its first line, headers and body with a head and a body."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
        status, text = answer(first, headers, body)
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}".encode())
        await writer.drain()

    return talk


def door(first: str, headers: Mapping[str, str], body: str) -> tuple[str, str]:
    """Let in who knows the password, and show the desk to who has the cookie alone."""
    if first.startswith("POST /in "):
        known = body == "u=verifier&p=s3cret+%26"
        return "302 Found\r\nLocation: /desk" + ("\r\nSet-Cookie: S=1; Path=/" if known else ""), ""
    return ("200 OK", "Mail Jobs") if headers.get("cookie") == "S=1" else ("302 Found\r\nLocation: /", "")


def leads_on(first: str, _headers: Mapping[str, str], _body: str) -> tuple[str, str]:
    """Lead on from the one link that is known."""
    return ("302 Found\r\nLocation: /there", "") if "ref=z4" in first else ("404 Not Found", "")
