"""From a socket file to a port of this network namespace: `relay.py SOCKET PORT`."""

import asyncio
import contextlib
import sys
from pathlib import Path


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[2]))
    except OSError:
        writer.close()
        return
    await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))


async def main() -> None:
    server = await asyncio.start_unix_server(serve, sys.argv[1] + ".new")
    Path(sys.argv[1] + ".new").rename(sys.argv[1])  # who sees it can connect
    await server.serve_forever()


asyncio.run(main())
