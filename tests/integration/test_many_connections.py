"""1,024 publishers on keep-alive connections: none of them is ever left without an answer."""

import asyncio

import pytest

from harness import planted
from harness.suite import Suite
from harness.topics import register_topic

CONNECTIONS = 1024
ROUNDS = 4
# For a single answer while all the others are waiting, too; a stall would last for ever.
ANSWER_BOUND = 60


@pytest.fixture
def patient(kafka, tmp_path):
    """Does not give up a connection, or what Kafka is to confirm, because a slow machine takes its time."""
    settings = {"WEBSUB_HUB_HEADER_TIMEOUT": "2m", "WEBSUB_KAFKA_PRODUCE_TIMEOUT": "2m"}
    with Suite(kafka.bootstrap, tmp_path, "connections-", dispatchers=0, settings=settings) as suite:
        yield suite.start()


def test_1024_keep_alive_publishers_never_stall(patient):
    """All connections are open before the first request, and no new one comes to wake a thread up."""
    hub = patient.hub()
    topic = register_topic(hub, "connections")
    hub.publish(topic, planted.payload("first")).check_accepted()
    hub.close()
    answers = asyncio.run(publish_on_all(patient["hub-0"].port, topic))
    assert answers == [200] * CONNECTIONS * ROUNDS


async def publish_on_all(port: int, topic: str) -> list[int]:
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS)]
    try:
        per_connection = await asyncio.gather(*(publish(topic, *connection) for connection in connections))
    finally:
        for _, writer in connections:
            writer.close()
    return [status for statuses in per_connection for status in statuses]


async def publish(topic: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[int]:
    body = planted.payload()
    request = (
        f"POST /hub?hub.mode=publish&hub.topic={topic} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    statuses = []
    for _ in range(ROUNDS):
        writer.write(request)
        statuses.append(await asyncio.wait_for(read_answer(reader), ANSWER_BOUND))
    return statuses


async def read_answer(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status_line, *lines = head.strip().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    await reader.readexactly(int(headers["content-length"]))
    return int(status_line.split()[1])
