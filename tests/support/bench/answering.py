"""What is asked in the place of every node's application: one small server at every address of this machine.

`python -m support.bench.answering PORT`: each connection gets one page and is closed.
"""

from __future__ import annotations

import asyncio
import sys

from support.bench.crowd import PAGE

BODY = f"<title>{PAGE}</title>\n".encode()
ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
ENDS = b"\r\n\r\n"


async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request."""
    try:
        await reader.readuntil(ENDS)
        writer.write(ANSWER)
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main(port: int) -> None:
    """Answer until ended."""
    server = await asyncio.start_server(answered, "0.0.0.0", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
