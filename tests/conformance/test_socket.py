"""The socket itself: greeting, handshake, reconnecting."""

from __future__ import annotations

import json
import re
import uuid

import pytest
from websockets.sync.client import connect

from . import prompts
from .session import PATIENCE, Message, Server, Session


def test_the_greeting_says_the_queue_and_the_id(session: Session) -> None:
    assert session.greeting.type == "status"
    expected = {"status": {"exec_info": {"queue_remaining": 0}}, "sid": session.client_id}
    assert session.greeting.data == expected


def test_without_an_id_one_is_made(server: Server) -> None:
    with connect(server.url.replace("http", "ws", 1) + "/ws") as socket:
        greeting = Message.read(socket.recv(PATIENCE))
    assert re.fullmatch(r"[0-9a-f]{32}", greeting.data["sid"])


def test_under_api_too(server: Server) -> None:
    with server.session(path="/api/ws") as session:
        assert session.greeting.data["sid"] == session.client_id


def test_only_the_first_message_counts(server: Server, session: Session) -> None:
    session.send("no json")
    features = session.say_flags(supports_preview_metadata=True)
    assert features == server.http.get("/features").json()
    session.send(json.dumps({"type": "feature_flags", "data": {}}))
    assert session.rest() == []


def test_another_first_message_uses_the_handshake_up(session: Session) -> None:
    session.send(json.dumps({"type": "hello"}))
    session.send(json.dumps({"type": "feature_flags", "data": {}}))
    assert session.rest() == []


def test_pings_are_answered(session: Session) -> None:
    assert session.socket.ping().wait(PATIENCE)


def test_reconnecting_in_a_run_tells_the_node_but_not_the_prompt(server: Server, session: Session) -> None:
    prompt_id = server.submit(prompts.slow(), client_id=session.client_id)
    session.until(lambda message: message.type == "executing")
    session.socket.close()
    with server.session(session.client_id) as again:
        again.until(lambda message: message.type == "executing" and message.data.keys() == {"node"})
        heard = again.until(lambda message: message.is_end)
    assert heard[-1].data["prompt_id"] == prompt_id
    assert "execution_start" not in [message.type for message in heard]


@pytest.mark.usefixtures("picture_sender")
def test_feature_flags_are_lost_on_reconnect(server: Server) -> None:
    client_id = uuid.uuid4().hex
    with server.session(client_id) as session:
        session.say_flags(supports_preview_metadata=True)
    images = {"1": prompts.picture(), "2": prompts.node("SaveImageWebsocket", images=["1", 0])}
    with server.session(client_id) as session:
        assert "frame 1" in session.run(images).types


def test_a_second_socket_takes_over_and_either_end_silences_the_other(
    server: Server, session: Session
) -> None:
    with server.session(session.client_id) as second:
        second.run(prompts.preview())
        assert session.rest() == []
        session.socket.close()
        second.rest()
        server.entry(server.submit(prompts.preview(), client_id=session.client_id))
        assert second.rest() == []
        assert second.socket.ping().wait(PATIENCE)
