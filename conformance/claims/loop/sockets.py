"""Bytes over a loopback connection."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing

from hypothesis import given

from conformance.claim import antecedent, holds, law
from conformance.claims.loop import SOCKETS, TASKS, TIMERS
from conformance.toolbox.attempts import until
from conformance.toolbox.loop_driver import NewLoop, complete, fresh_loop
from conformance.toolbox.loopback import HOST, listening
from conformance.toolbox.spaces import every, sequences

WHOLE = law(
    "LAW-LOOP-08",
    "What is written on one end of a loopback connection is read on the other, whole and in order, "
    "by streams and by sock_sendall() and sock_recv().",
    source="https://docs.python.org/3/library/asyncio-eventloop.html#working-with-socket-objects-directly",
)

WAYS = ("sock_sendall() and sock_recv()", "streams", "streams, and echoed back")
SIZES = (1, 5_000, 200_000)
"""Bytes of a chunk: the last is more than a socket takes at once."""

BUFFER = AT_ONCE = 65_536


def buffer_little(sender: socket.socket) -> None:
    """Let the system take little of what is sent at once, whatever its habits."""
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)


async def over_sockets(chunks: list[bytes]) -> bytes:
    """Send ``chunks`` by ``sock_sendall()``.  Returns what ``sock_recv()`` read until the end."""
    loop = asyncio.get_running_loop()
    with socket.socket() as listener, socket.socket() as client:
        buffer_little(client)
        for each in (listener, client):
            each.setblocking(False)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        accepting = asyncio.ensure_future(loop.sock_accept(listener))
        await loop.sock_connect(client, listener.getsockname())
        server, _ = await accepting
        with closing(server):
            server.setblocking(False)

            async def send() -> None:
                for chunk in chunks:
                    await loop.sock_sendall(client, chunk)
                client.shutdown(socket.SHUT_WR)

            sending = asyncio.ensure_future(send())
            received = b""
            while data := await loop.sock_recv(server, AT_ONCE):
                received += data
            await sending
            return received


async def over_streams(chunks: list[bytes], echo: bool) -> bytes:
    """Write ``chunks`` to a stream.  Returns what its other end read, or what came back from there."""
    arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    ends: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends.append(writer)
        buffer_little(writer.get_extra_info("socket"))
        received = b""
        while data := await reader.read(AT_ONCE):
            received += data
        if echo:
            writer.write(received)
        writer.write_eof()
        arrived.set_result(received)
        await writer.drain()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        host, port = server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(host, port)
        ends.append(writer)
        buffer_little(writer.get_extra_info("socket"))

        async def write() -> None:
            for chunk in chunks:
                writer.write(chunk)
                await writer.drain()
            writer.write_eof()

        writing = asyncio.ensure_future(write())
        came_back = await reader.read()
        await writing
        received = await arrived
        return came_back if echo else received
    finally:
        for end in ends:
            end.transport.abort()
        server.close()


@WHOLE.states(
    "asyncio",
    expect=holds(),
    antecedents=("several chunks were written", "more than a socket takes at once"),
    io=True,
    builds_on=(TASKS,),
)
@given(sizes=sequences(SIZES, least=1, most=3), way=every(WAYS))
def test_bytes_arrive_whole_and_in_order(
    sizes: tuple[int, ...], way: str, new_event_loop: NewLoop
) -> None:
    # No two chunks begin alike, and 251 divides no size of a buffer: whatever is lost is seen.
    chunks = [
        bytes((number + place) % 251 for place in range(251)) * (size // 251 + 1)
        for number, size in enumerate(sizes)
    ]
    chunks = [chunk[:size] for chunk, size in zip(chunks, sizes, strict=True)]
    if len(chunks) > 1:
        antecedent("several chunks were written")
    if max(sizes) == SIZES[-1]:
        antecedent("more than a socket takes at once")
    written = b"".join(chunks)
    with fresh_loop(new_event_loop) as loop:
        if way.startswith("sock"):
            sending = over_sockets(chunks)
        else:
            sending = over_streams(chunks, echo=way.endswith("back"))
        try:
            received = complete(loop, sending)
        except AssertionError as failure:
            raise AssertionError(
                f"{way}: {len(written):,} bytes were written, and their end, and somebody still "
                "waits: to write, for more bytes, or for the end"
            ) from failure
    assert len(received) == len(written), (
        f"{way}: {len(written):,} bytes were written, and {len(received):,} were read"
    )
    assert received == written, f"{way}: the bytes that were read are not those that were written"


CLOSES = law(
    "LAW-LOOP-17",
    "close() of a TCP transport sends what it has still to write and then ends the connection, so "
    "that the other side reads all of it and the end; abort() ends it without that.",
    source="https://docs.python.org/3/library/asyncio-protocol.html#asyncio.BaseTransport.close,"
    " https://docs.python.org/3/library/asyncio-protocol.html#asyncio.WriteTransport.abort",
)

MUCH = 1_000_000
"""Bytes: more than the system takes of a connection of which nobody reads."""

SIDES = ("the client's", "the server's")


@CLOSES.states(
    "asyncio",
    expect=holds(),
    antecedents=("there was much to write", "there was nothing to write"),
    io=True,
    builds_on=(TIMERS, TASKS, SOCKETS),
)
@given(size=every((0, 1, MUCH)), how=every(("close()", "abort()")), side=every(SIDES))
def test_a_transport_that_is_closed_ends_its_connection(
    size: int, how: str, side: str, new_event_loop: NewLoop
) -> None:
    received = bytearray()
    ended: list[str] = []

    async def of_a_client() -> tuple[asyncio.StreamWriter, socket.socket]:
        with listening() as listener:
            _, writer = await asyncio.open_connection(*listener.getsockname())
            return writer, listener.accept()[0]

    async def of_a_server() -> tuple[asyncio.StreamWriter, socket.socket]:
        arrived: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()
        server = await asyncio.start_server(lambda _, writer: arrived.set_result(writer), HOST, 0)
        peer = socket.create_connection(server.sockets[0].getsockname())
        writer = await arrived
        server.close()
        return writer, peer

    async def main() -> None:
        writer, peer = await (of_a_client() if side == "the client's" else of_a_server())
        with peer:
            peer.setblocking(False)

            def read() -> bool:
                try:
                    while data := peer.recv(AT_ONCE):
                        received.extend(data)
                except BlockingIOError:
                    return False
                except ConnectionError:
                    pass  # without ceremony
                ended.append("the connection")
                return True

            buffer_little(writer.get_extra_info("socket"))
            writer.write(bytes(size))
            if how == "close()":
                writer.close()
            else:
                writer.transport.abort()
            await until(asyncio, read)

    if size == MUCH:
        antecedent("there was much to write")
    elif not size:
        antecedent("there was nothing to write")
    with fresh_loop(new_event_loop) as loop:
        complete(loop, main())
    assert ended, (
        f"{side} transport was ended by {how}, with {size:,} bytes to write, and the other side saw"
        " no end of the connection"
    )
    assert how == "abort()" or len(received) == size, (
        f"{side} transport was ended by {how}, with {size:,} bytes to write, and the other side got"
        f" {len(received):,}"
    )
