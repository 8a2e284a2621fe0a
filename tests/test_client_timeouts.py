"""What a wait says whose time is up: how long it was to be, and what is known about the prompt."""

from __future__ import annotations

from typing import Any

import pytest

from comfyflow.client.flow import Answer, Flow, Forward, Request, sleep
from comfyflow.client.run_event import ServerAway
from comfyflow.client_options import Limits
from comfyflow.errors import ServerUnreachable, WaitTimeout
from comfyflow.simulator import Simulator
from tests.clients import KINDS, connected, sends_prompt
from tests.model_server import ModelServer
from tests.simulated import NODES, SAVE
from tests.test_client_waiting import submitted, waited


@pytest.mark.parametrize("by_socket", [True, False])
def test_a_request_that_the_wait_cuts_off_says_nothing_about_the_server(by_socket: bool) -> None:
    server = ModelServer(seconds=1000, connected=by_socket)
    run = submitted(server).run

    def late(request: Any) -> Any:
        server.world._pass(request.timeout)
        raise ServerUnreachable("timed out", timed_out=True)

    server.world.respond = late
    with pytest.raises(
        WaitTimeout, match=r"has not ended after 5 s; .* The timeout does not stop it"
    ) as caught:
        waited(server, run, 5)
    assert "no longer answers" not in str(caught.value)
    assert ServerAway not in map(type, run._backlog.events)
    server.world.core.limits = Limits(answer=1)
    with pytest.raises(WaitTimeout, match=r"the server no longer answers \(timed out\)"):
        waited(server, run, 5)


def test_a_prompt_that_has_ended_is_not_said_to_be_running() -> None:
    server = ModelServer(history_lag=30)
    run = submitted(server).run
    with pytest.raises(WaitTimeout) as caught:
        waited(server, run, 3)
    assert str(caught.value) == (
        f"prompt {run.prompt_id} has no result after 3 s: "
        "it has ended, but is not in the server's history yet. Wait again"
    )
    assert caught.value.prompt_id == run.prompt_id


def slowly(request: Request, forward: Forward) -> Flow[Answer]:
    """A server that takes its time to queue a prompt."""
    if sends_prompt(request):
        yield from sleep(0.6)
    return (yield from forward(request))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"on_event": lambda _: None}])
def test_a_timeout_is_the_one_that_was_given(kind: str, options: dict[str, Any]) -> None:
    """Not what the sending had left of it."""
    with Simulator(NODES) as server:
        server.instance.queue.hold(True)
        late = pytest.raises(WaitTimeout, match="has not ended after 3 s; ")
        with connected(kind, server.url, middleware=[slowly]) as client, late:
            client.run(SAVE, timeout=3, **options)
