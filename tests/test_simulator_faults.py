"""What can be made to go wrong, and what goes wrong by itself as on real servers."""

from __future__ import annotations

import json
import socket
import threading
import time
import uuid
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import ClientConnection, connect

from comfyflow.errors import SimulatorError
from comfyflow.simulator import Simulator
from tests.simulated import HTTP, NODES, SAVE, entry, error, run, submit, text


def listen(server: Simulator, client_id: str) -> ClientConnection:
    address = server.url.replace("http", "ws", 1) + f"/ws?clientId={client_id}"
    return connect(address, max_queue=None)


def types_until_silence(client: ClientConnection, seconds: float = 0.3) -> list[str]:
    heard: list[str] = []
    try:
        while True:
            heard.append(json.loads(client.recv(seconds))["type"])
    except TimeoutError:
        return heard


def wait_for(condition: Any) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until, "it never came to pass"
        time.sleep(0.005)


def remaining(server: Simulator) -> int:
    return HTTP.get(f"{server.url}/prompt").json()["exec_info"]["queue_remaining"]


def test_a_fault_of_a_class_that_is_not_there_is_refused() -> None:
    """No node would ever have it, and the test that asked for it would pass."""
    server = Simulator(NODES)
    with pytest.raises(SimulatorError, match=r"has no node class 'SaveImg'; did you mean 'SaveImage'\?"):
        server.fail_next("disk full", class_type="SaveImg")
    with pytest.raises(SimulatorError, match="has no node class 'SaveImg'"):
        server.slow_down(1, "SaveImg")
    with pytest.raises(SimulatorError, match="has no node class 'Qqqqqq'; define it first, with simulate"):
        server.fail_next(class_type="Qqqqqq")
    server.simulate("Qqqqqq", lambda text: text)
    server.fail_next(class_type="Qqqqqq")
    assert [fault.class_type for fault in server.faults.node_faults] == ["Qqqqqq"]
    assert server.faults.slow_nodes == {}


def test_one_node_fails_once() -> None:
    with Simulator(NODES) as server:
        server.fail_next("too hot", exception_type="ValueError", class_type="ImageInvert")
        told = error(server, SAVE)
        assert (told["node_id"], told["exception_type"]) == ("2", "ValueError")
        assert told["exception_message"] == "too hot\n"
        assert run(server, SAVE)["status"]["status_str"] == "success"


def test_a_node_of_an_id_fails() -> None:
    with Simulator(NODES) as server:
        server.fail_next(node_id="9")
        assert error(server, SAVE)["node_id"] == "9"


def test_out_of_memory() -> None:
    with Simulator(NODES) as server:
        server.fail_next("Allocation on device", out_of_memory=True)
        told = error(server, SAVE)
    assert told["exception_type"] == "torch.OutOfMemoryError"
    assert told["exception_message"].startswith("Allocation on device\n")
    assert len(told["exception_message"]) > len("Allocation on device\n")


def test_a_rejected_prompt() -> None:
    problem = {"9": {"errors": [], "dependent_outputs": ["9"], "class_type": "SaveImage"}}
    with Simulator(NODES) as server:
        server.reject_next(node_errors=problem)
        answer = HTTP.post(f"{server.url}/prompt", json={"prompt": SAVE})
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "prompt_outputs_failed_validation"
        assert answer.json()["node_errors"] == problem
        assert server.prompts == []
        run(server, SAVE)


def test_a_lost_reply_is_of_a_prompt_that_runs() -> None:
    prompt_id = str(uuid.uuid4())
    with Simulator(NODES) as server:
        server.lose_reply()
        with pytest.raises(httpx.RemoteProtocolError):
            HTTP.post(f"{server.url}/prompt", json={"prompt": SAVE, "prompt_id": prompt_id})
        assert entry(server, prompt_id)["status"]["status_str"] == "success"
        run(server, SAVE)


def test_a_500_is_of_a_prompt_that_runs() -> None:
    prompt_id = str(uuid.uuid4())
    with Simulator(NODES) as server:
        server.answer_500()
        answer = HTTP.post(f"{server.url}/prompt", json={"prompt": SAVE, "prompt_id": prompt_id})
        assert answer.status_code == 500
        assert entry(server, prompt_id)["status"]["status_str"] == "success"


def test_a_late_reply_comes_after_the_run() -> None:
    with Simulator(NODES) as server, listen(server, "me") as client:
        server.delay_reply(0.4)
        answered: list[float] = []

        def send() -> None:
            submit(server, SAVE, client_id="me")
            answered.append(time.monotonic())

        sender = threading.Thread(target=send)
        sender.start()
        while json.loads(client.recv(5))["type"] != "execution_success":
            pass
        assert not answered
        sender.join()


def test_a_late_history() -> None:
    with Simulator(NODES) as server, listen(server, "me") as client:
        server.delay_history(0.3)
        prompt_id = submit(server, SAVE, client_id="me")
        while json.loads(client.recv(5))["type"] != "execution_success":
            pass
        assert HTTP.get(f"{server.url}/history/{prompt_id}").json() == {}
        message: dict[str, Any] = {}
        while message.get("type") != "executing":
            message = json.loads(client.recv(5))
        assert HTTP.get(f"{server.url}/history/{prompt_id}").json()


def test_a_dropped_socket_gets_no_goodbye_and_no_replay() -> None:
    with Simulator(NODES) as server:
        with listen(server, "me") as client, listen(server, "other") as other:
            client.recv(5)
            other.recv(5)
            server.drop_socket("me")
            with pytest.raises(ConnectionClosedError) as closed:
                client.recv(5)
            assert closed.value.rcvd is None
            run(server, SAVE, client_id="me")
            assert set(types_until_silence(other)) == {"status"}
        with listen(server, "me") as again:
            assert types_until_silence(again) == ["status"]


def test_all_sockets_dropped() -> None:
    with Simulator(NODES) as server, listen(server, "a") as first, listen(server, "b") as second:
        for client in (first, second):
            client.recv(5)
        server.drop_socket()
        for client in (first, second):
            with pytest.raises(ConnectionClosedError):
                client.recv(5)


def test_silent_sockets_lose_what_is_said() -> None:
    with Simulator(NODES) as server, listen(server, "me") as client:
        client.recv(5)
        with server.silent_sockets():
            run(server, SAVE, client_id="me")
            assert types_until_silence(client) == []
        run(server, SAVE, client_id="me")
        assert "execution_success" in types_until_silence(client)


def test_stalled_sockets_say_it_later() -> None:
    with Simulator(NODES) as server, listen(server, "me") as client:
        client.recv(5)
        with server.stalled_sockets():
            run(server, SAVE, client_id="me")
            assert types_until_silence(client) == []
        assert "execution_success" in types_until_silence(client)


def test_a_client_that_does_not_read_starves_the_others() -> None:
    """As on real servers (recordings, l12): all messages leave through one task."""
    with Simulator(NODES) as server, listen(server, "me") as client:
        with socket.create_connection((server.url[7:].split(":")[0], server.port)) as stuck:
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stuck.sendall(
                b"GET /ws?clientId=stuck HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            wait_for(lambda: "stuck" in server.instance.sockets.clients)
            for _ in range(40):
                server.send("big", {"filler": "x" * 400_000}, "stuck")
            types_until_silence(client)
            run(server, SAVE, client_id="me")
            assert types_until_silence(client) == []
        assert "execution_success" in types_until_silence(client, 2.0)


def test_a_held_queue() -> None:
    with Simulator(NODES) as server:
        with server.held_queue():
            ids = [submit(server, text(f"{number}")) for number in range(3)]
            queue = HTTP.get(f"{server.url}/queue").json()
            assert queue["queue_running"] == []
            assert [item[1] for item in queue["queue_pending"]] == ids
        for prompt_id in ids:
            entry(server, prompt_id)


def test_foreign_prompts() -> None:
    with Simulator(NODES) as server:
        running = server.add_foreign_prompt(seconds=60)
        wait_for(lambda: HTTP.get(f"{server.url}/queue").json()["queue_running"])
        mine = submit(server, SAVE)
        preempting = server.add_foreign_prompt(number=-1)
        assert remaining(server) == 3
        HTTP.post(f"{server.url}/interrupt", json={"prompt_id": running})
        entry(server, mine)
        assert list(HTTP.get(f"{server.url}/history").json()) == [running, preempting, mine]
        assert "ComfyflowOccupy" not in HTTP.get(f"{server.url}/object_info").json()


def test_slow_nodes() -> None:
    with Simulator(NODES) as server:
        server.slow_down(0.2, "ImageInvert")
        started = time.monotonic()
        run(server, SAVE)
        assert time.monotonic() - started >= 0.2
        server.faults.clear()
        assert server.faults.slow_nodes == {}


def is_dead(server: Simulator) -> bool:
    return not server.instance.worker_alive


def test_a_killed_worker_leaves_its_prompt_running_and_answers_on() -> None:
    with Simulator(NODES) as server:
        server.kill_worker()
        first = submit(server, SAVE)
        wait_for(lambda: is_dead(server))
        second = submit(server, SAVE)
        queue = HTTP.get(f"{server.url}/queue").json()
        assert [item[1] for item in queue["queue_running"]] == [first]
        assert [item[1] for item in queue["queue_pending"]] == [second]
        server.restart()
        run(server, SAVE)


KILLERS: dict[str, dict[str, Any]] = {
    "a link of an unknown input to nowhere": {
        **SAVE,
        "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0], "bogus": ["77", 0]}},
    },
    "an unreachable node without inputs": {**SAVE, "77": {"class_type": "EmptyImage"}},
    "a constant nested too deep": text("x") | {"2": {"class_type": "PreviewAny", "inputs": {"source": {}}}},
    "an unreachable chain that is too long": {
        **SAVE,
        **{
            f"c{number}": {"class_type": "ImageInvert", "inputs": {"image": [f"c{number - 1}", 0]}}
            for number in range(1, 1200)
        },
        "c0": SAVE["1"],
    },
}
nested: Any = 1
for _ in range(700):
    nested = {"a": nested}
KILLERS["a constant nested too deep"]["2"]["inputs"]["source"] = nested


@pytest.mark.parametrize("what", KILLERS)
def test_what_kills_the_worker_of_a_real_server_kills_this_one(what: str) -> None:
    with Simulator(NODES) as server:
        submit(server, KILLERS[what])
        wait_for(lambda: is_dead(server))
        assert HTTP.get(f"{server.url}/queue").status_code == 200


def test_the_same_id_and_number_is_a_500_although_it_is_queued() -> None:
    body = {"prompt": SAVE, "prompt_id": str(uuid.uuid4()), "number": 5}
    with Simulator(NODES) as server:
        with server.held_queue():
            statuses = [HTTP.post(f"{server.url}/prompt", json=body).status_code for _ in range(2)]
            assert statuses == [200, 500]
            assert remaining(server) == 2
        wait_for(lambda: is_dead(server) or remaining(server) == 0)


@pytest.mark.parametrize("client_id", [["a", "list"], {"an": "object"}])
def test_what_cannot_be_sent_ends_the_process(client_id: object) -> None:
    with Simulator(NODES) as server:
        submit(server, SAVE, client_id=client_id)

        def is_gone() -> bool:
            try:
                HTTP.get(f"{server.url}/prompt")
            except httpx.TransportError:
                return True
            return False

        wait_for(is_gone)
        server.restart()
        run(server, SAVE)


def test_custom_messages() -> None:
    with Simulator(NODES) as server, listen(server, "me") as client:
        client.recv(5)
        server.send("custom.thing", [1, {"a": float("nan")}], "me")
        server.send("", b"\x00\x00\x00\x63payload")
        assert client.recv(5) == '{"type": "custom.thing", "data": [1, {"a": NaN}]}'
        assert client.recv(5) == b"\x00\x00\x00\x63payload"
