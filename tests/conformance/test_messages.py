"""What a client hears of a run, and in which order."""

from __future__ import annotations

import json
import struct
import uuid

import pytest

from . import prompts
from .session import Run, Server, Session

NODE = ["progress_state", "executing", "progress_state"]
OUTPUT = ["progress_state", "executing", "executed", "progress_state"]


def test_a_fresh_run(session: Session) -> None:
    run = session.run(prompts.preview())
    assert run.run_types == [
        *("execution_start", "execution_cached", *NODE, *OUTPUT, "execution_success", "executing")
    ]
    assert run.types[-2:] == ["status", "executing"]
    assert run.types.count("status") == 3


def test_the_keys_of_each_message(session: Session) -> None:
    run = session.run(prompts.preview())
    prompt_id = run.prompt_id
    assert all(data == {"status": data["status"]} for data in run.of("status"))
    assert run.of("execution_start")[0].keys() == {"prompt_id", "timestamp"}
    assert run.of("execution_cached")[0].keys() == {"nodes", "prompt_id", "timestamp"}
    assert run.of("executing")[0] == {"node": "1", "display_node": "1", "prompt_id": prompt_id}
    assert run.of("executing")[-1] == {"node": None, "prompt_id": prompt_id}
    assert run.of("executed")[0].keys() == {"node", "display_node", "output", "prompt_id"}
    assert run.of("execution_success")[0].keys() == {"prompt_id", "timestamp"}
    state = run.of("progress_state")[-1]
    assert state.keys() == {"prompt_id", "nodes"}
    assert state["nodes"]["2"] == {
        "value": 1.0,
        "max": 1.0,
        "state": "finished",
        "node_id": "2",
        "prompt_id": prompt_id,
        "display_node_id": "2",
        "parent_node_id": None,
        "real_node_id": "2",
    }


def test_progress_state_grows_and_leaves_out_what_has_not_begun(session: Session) -> None:
    states = session.run(prompts.preview()).of("progress_state")
    assert [list(state["nodes"]) for state in states] == [["1"], ["1"], ["1", "2"], ["1", "2"]]
    assert [state["nodes"]["1"]["state"] for state in states] == ["running", *["finished"] * 3]


def test_an_identical_run_is_cached(session: Session) -> None:
    prompt = prompts.preview()
    fresh, cached = session.run(prompt), session.run(prompt)
    assert cached.of("execution_cached")[0]["nodes"] == ["1", "2"]
    assert cached.run_types == [
        *(
            "execution_start",
            "execution_cached",
            "executed",
            "progress_state",
            "execution_success",
            "executing",
        )
    ]
    assert cached.of("executed")[0]["output"] == fresh.of("executed")[0]["output"]
    assert cached.outputs == fresh.outputs


def test_a_renamed_graph_is_cached_too(session: Session) -> None:
    color = prompts.new_color()
    session.run(prompts.preview(color))
    renamed = {"7": prompts.picture(color), "5": prompts.node("PreviewImage", images=["7", 0])}
    run = session.run(renamed)
    assert sorted(run.of("execution_cached")[0]["nodes"]) == ["5", "7"]
    assert run.of("executed")[0]["node"] == "5"
    assert run.entry["meta"]["5"]["node_id"] == "2"


def test_a_changed_value_runs_what_depends_on_it(session: Session) -> None:
    prompt = prompts.save(f"conformance/{uuid.uuid4().hex}")
    session.run(prompt)
    prompt["9"]["inputs"]["filename_prefix"] += "-again"
    run = session.run(prompt)
    assert sorted(run.of("execution_cached")[0]["nodes"]) == ["1", "2", "8"]
    assert [data["node"] for data in run.of("executing")] == ["9", None]


def test_a_prompt_of_before_the_last_is_not_cached(session: Session) -> None:
    first, second = prompts.preview(), prompts.preview()
    for prompt in (first, second):
        session.run(prompt)
    assert session.run(first).of("execution_cached")[0]["nodes"] == []


def test_a_node_that_raises(session: Session) -> None:
    run = session.run(prompts.failing(uuid.uuid4().hex))
    (error,) = run.of("execution_error")
    assert error.keys() == {
        *(
            "prompt_id",
            "node_id",
            "node_type",
            "executed",
            "exception_message",
            "exception_type",
            "traceback",
        ),
        *("current_inputs", "current_outputs", "timestamp"),
    }
    assert (error["node_id"], error["node_type"], error["executed"]) == ("1", "RegexReplace", [])
    assert error["exception_message"].endswith("\n")
    assert error["current_inputs"]["regex_pattern"] == ["("]
    assert sorted(error["current_outputs"]) == ["1", "2"]
    assert "execution_success" not in run.types
    assert run.run_types[-1] == "executing"
    assert run.of("progress_state")[-1]["nodes"]["1"]["state"] == "running"
    status = run.entry["status"]
    assert (status["status_str"], status["completed"]) == ("error", False)
    assert [kind for kind, _ in status["messages"]][-1] == "execution_error"


def test_what_ran_before_an_error_stays_cached(session: Session) -> None:
    color = prompts.new_color()
    prompt = {
        "1": prompts.picture(color),
        "2": prompts.node("ImageInvert", image=["1", 0], bogus=["1", 0]),
        "3": prompts.node("PreviewImage", images=["2", 0]),
    }
    (error,) = session.run(prompt).of("execution_error")
    assert (error["node_id"], error["exception_type"], error["executed"]) == ("2", "TypeError", ["1"])
    assert session.run(prompt).of("execution_cached")[0]["nodes"] == ["1"]


def test_only_the_client_that_sent_it_hears_of_a_run(server: Server, session: Session) -> None:
    with server.session() as other:
        session.run(prompts.preview())
        heard = {message.type for message in other.rest()}
    assert heard == {"status"}


def test_a_run_without_a_client_is_told_to_nobody_but_its_progress_to_all(
    server: Server, session: Session
) -> None:
    server.entry(server.submit(prompts.preview()))
    heard = [message.type for message in session.rest()]
    assert set(heard) == {"status", "progress_state"}
    assert heard.count("progress_state") == 4


def test_a_client_that_is_not_there_is_a_client_all_the_same(server: Server, session: Session) -> None:
    prompt = prompts.preview()
    for _ in range(2):
        entry = server.entry(server.submit(prompt, client_id="nobody"))
        assert entry["outputs"].keys() == {"2"}
    assert {message.type for message in session.rest()} == {"status"}


def test_cached_outputs_without_a_client(server: Server, session: Session) -> None:
    prompt = prompts.preview()
    session.run(prompt)
    entry = server.entry(server.submit(prompt))
    assert entry["status"]["status_str"] == "success"
    told = not server.is_new or server.since(0, 28)
    assert entry["outputs"].keys() == ({"2"} if told else set())


def test_the_client_id_may_stand_in_extra_data(server: Server, session: Session) -> None:
    prompt_id = server.submit(prompts.preview(), extra_data={"client_id": session.client_id})
    heard = session.until(lambda message: message.is_end)
    assert heard[-1].data["prompt_id"] == prompt_id


def frames(run: Run, kind: int) -> list[bytes]:
    return [message.data for message in run.messages if message.type == f"frame {kind}"]


def websocket_images(color: int, batch: int = 2) -> prompts.Prompt:
    images = prompts.node("SaveImageWebsocket", images=["1", 0])
    return {"1": prompts.picture(color, batch=batch), "2": images}


@pytest.mark.usefixtures("picture_sender")
def test_websocket_images_without_feature_flags(session: Session) -> None:
    run = session.run(websocket_images(prompts.new_color()))
    found = frames(run, 1)
    assert [struct.unpack(">I", frame[:4])[0] for frame in found] == [2, 2]
    assert all(frame[4:12] == b"\x89PNG\r\n\x1a\n" for frame in found)
    at = run.run_types.index("frame 1")
    assert run.run_types[at - 2 : at] == ["progress_state", "progress"]
    assert run.of("progress")[0] == {"value": 0, "max": 2, "prompt_id": run.prompt_id, "node": "2"}


@pytest.mark.usefixtures("picture_sender")
def test_websocket_images_with_preview_metadata(session: Session) -> None:
    assert session.say_flags(supports_preview_metadata=True)["supports_preview_metadata"] is True
    run = session.run(websocket_images(prompts.new_color()))
    found = frames(run, 4)
    assert len(found) == 2
    length = struct.unpack(">I", found[0][:4])[0]
    assert json.loads(found[0][4 : 4 + length]) == {
        "node_id": "2",
        "prompt_id": run.prompt_id,
        "display_node_id": "2",
        "parent_node_id": None,
        "real_node_id": "2",
        "image_type": "image/png",
    }
    assert found[0][4 + length :].startswith(b"\x89PNG")
    at = run.run_types.index("frame 4")
    assert (run.run_types[at - 1], run.run_types[at + 1]) == ("progress_state", "progress")


@pytest.mark.usefixtures("picture_sender")
def test_websocket_images_are_made_again_each_time(session: Session) -> None:
    prompt = websocket_images(prompts.new_color(), 1)
    session.run(prompt)
    assert session.run(prompt).of("execution_cached")[0]["nodes"] == ["1"]


def test_text_of_a_node_is_broadcast(server: Server, session: Session) -> None:
    prompt = {
        "1": prompts.picture(),
        "2": prompts.node("GetImageSize", image=["1", 0]),
        "3": prompts.node("PreviewAny", source=["2", 0]),
    }
    with server.session() as other:
        run = session.run(prompt)
        assert [message.type for message in other.rest() if message.type != "status"] == ["frame 3"]
    (frame,) = frames(run, 3)
    assert frame[:5] == b"\0\0\0\x012"
    assert frame[5:].decode() == "width: 16, height: 16\n batch size: 1"


def test_sampling_tells_each_step(server: Server, session: Session) -> None:
    if server.checkpoint is None:
        pytest.skip("no checkpoint to sample with: COMFYUI_CHECKPOINT")
    run = session.run(prompts.text2image(server.checkpoint, prompts.new_color()))
    assert [(data["value"], data["max"], data["node"]) for data in run.of("progress")] == [
        (1, 2, "3"),
        (2, 2, "3"),
    ]
    assert run.outputs["9"]["images"][0]["type"] == "output"
    assert not frames(run, 1)


@pytest.mark.parametrize("flagged", [False, True])
def test_previews_on_request(server: Server, session: Session, flagged: bool) -> None:
    if server.checkpoint is None or not server.is_new:
        pytest.skip("no checkpoint to sample with, or a server that knows no preview_method")
    if flagged:
        session.say_flags(supports_preview_metadata=True)
    prompt = prompts.text2image(server.checkpoint, prompts.new_color())
    run = session.run(prompt, extra_data={"preview_method": "latent2rgb"})
    found = frames(run, 4 if flagged else 1)
    assert len(found) == 2
    assert b"\xff\xd8\xff" in found[0][:400]


def test_lists_are_executed_one_by_one(session: Session) -> None:
    prompt = {
        "1": prompts.picture(batch=3),
        "2": prompts.node("RebatchImages", images=["1", 0], batch_size=1),
        "3": prompts.node("PreviewImage", images=["2", 0]),
    }
    run = session.run(prompt)
    assert len(run.outputs["3"]["images"]) == 3
    assert run.types.count("executed") == 1


def test_a_lazy_branch_is_not_executed(server: Server, session: Session) -> None:
    if not server.is_new:
        pytest.skip("a server before ComfySwitchNode")
    text = uuid.uuid4().hex
    prompt = {
        "1": prompts.node("PrimitiveString", value=f"yes {text}"),
        "2": prompts.node("PrimitiveString", value=f"no {text}"),
        "4": prompts.node("ComfySwitchNode", switch=True, on_true=["1", 0], on_false=["2", 0]),
        "5": prompts.node("PreviewAny", source=["4", 0]),
    }
    run = session.run(prompt)
    assert [data["node"] for data in run.of("executing")] == ["4", "1", "4", "5", None]
    assert run.outputs == {"5": {"text": [f"yes {text}"]}}


def test_intermediate_outputs(server: Server, session: Session) -> None:
    if not server.is_new:
        pytest.skip("a server before nodes that have intermediate outputs")
    region = {"x": 0, "y": 0, "width": 8, "height": 8}
    prompt = {
        "1": prompts.picture(),
        "2": prompts.node("ImageCropV2", image=["1", 0], crop_region=region),
        "3": prompts.node("PreviewImage", images=["2", 0]),
    }
    run, again = session.run(prompt), session.run(prompt)
    assert run.outputs.keys() == again.outputs.keys() == {"2", "3"}
    assert {data["node"] for data in again.of("executed")} == {"2", "3"}


def test_free_memory_forgets_what_is_cached(server: Server, session: Session) -> None:
    prompt = prompts.preview()
    session.run(prompt)
    assert server.http.post("/free", json={"unload_models": True, "free_memory": True}).status_code == 200
    # The worker looks at what was asked for between two prompts: the next one may come before that.
    runs = (session.run(prompt).of("execution_cached")[0]["nodes"] for _ in range(3))
    assert [] in runs
