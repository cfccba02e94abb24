#!/usr/bin/env python3
"""plain_writes.py ADDRESS PORT: listens on a free port of ADDRESS, prints it, and passes on to PORT what comes, but for one thing:
the fields of an unsigned WRITE behind FileId (Channel, RemainingBytes, WriteChannelInfo*, Flags, [MS-SMB2] 2.2.21) become zero.
smb2.lease.dynamic_share of smbtorture 4.17 sends there whatever its stack holds, which 3.3.5.13 wants refused."""
import asyncio
import struct
import sys

HEADER, SIGNED, WRITE, FIELDS = 64, 8, 9, slice(64 + 32, 64 + 48)


def mended(frame):
    if len(frame) < FIELDS.stop or frame[:4] != b"\xfeSMB":
        return frame
    command, _, flags, following = struct.unpack_from("<HHII", frame, 12)
    if command == WRITE and not flags & SIGNED and following == 0:
        frame[FIELDS] = bytes(16)
    return frame


async def there(reader, writer):
    try:
        while True:
            head = await reader.readexactly(4)
            frame = bytearray(await reader.readexactly(int.from_bytes(head[1:], "big")))
            writer.write(head + mended(frame))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def back(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


async def main(address, port):
    async def accepted(reader, writer):
        server_reader, server_writer = await asyncio.open_connection(address, port)
        await asyncio.gather(there(reader, server_writer), back(server_reader, writer))

    server = await asyncio.start_server(accepted, address, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
