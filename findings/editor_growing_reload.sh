#!/usr/bin/env bash
# A node has a DynamicCombo whose option has inputs that grow (Autogrow), as HappyHorseReferenceVideoApi of ComfyUI has.
# In two releases of the editor the node is built, linked and saved, and the file is loaded again. Reports (ComfyUI #15668,
# ComfyUI_frontend #17969) say that links are lost; here they are on other inputs. 1.53.6 loads them right, and 1.53.10 is
# the first seen that does not.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    { echo "skipped: no Chromium on PATH"; exit 0; }
echo "version: comfyui-frontend-package 1.45.20, 1.58.1 (playwright 1.65.2, $("$chromium" --version 2>/dev/null))"
echo "guess:   both load every link back to the input that it was saved from"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check playwright==1.65.2
for release in 1.45.20 1.58.1; do
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$work/$release" \
        "comfyui-frontend-package==$release"
done

cat > "$work/probe.py" <<'PY'
import http.server
import json
import pathlib
import sys
import threading
from urllib.parse import unquote, urlsplit

from playwright.sync_api import sync_playwright


def node(name: str, required: dict, outputs: list[str]) -> dict:
    return {
        "input": {"required": required}, "input_order": {"required": list(required)},
        "output": outputs, "output_is_list": [False] * len(outputs), "output_name": outputs,
        "name": name, "display_name": name, "description": "", "category": "probe",
        "python_module": "nodes", "output_node": not outputs,
    }  # fmt: skip


images = {
    "template": {
        "input": {"required": {"picture": ["IMAGE", {}]}},
        "names": [f"image{number}" for number in range(1, 10)],
        "min": 1,
    }
}
inputs = {
    "text": ["STRING", {"default": "", "multiline": True}],
    "size": ["COMBO", {"options": ["small", "large"]}],
    "ratio": ["COMBO", {"options": ["16:9", "1:1"]}],
    "length": ["INT", {"default": 5, "min": 3, "max": 15}],
    "pictures": ["COMFY_AUTOGROW_V3", images],
}
combo = {"options": [{"key": key, "inputs": {"required": inputs}} for key in ("first", "second")]}
CLASSES = {
    "Source": node("Source", {"number": ["INT", {"default": 0}]}, ["IMAGE"]),
    "Target": node("Target", {
        "model": ["COMFY_DYNAMICCOMBO_V3", combo],
        "seed": ["INT", {"default": 0, "min": 0, "max": 99, "control_after_generate": True}],
        "mark": ["BOOLEAN", {"default": False}],
    }, []),
}  # fmt: skip
ANSWERS = {
    "object_info": CLASSES,
    "users": {"storage": "server", "migrated": True},
    "settings": {"Comfy.TutorialCompleted": True},
    "system_stats": {
        "system": {
            "os": "posix", "comfyui_version": "0.33.0", "python_version": "3", "pytorch_version": "2",
            "embedded_python": False, "argv": [], "ram_total": 1, "ram_free": 1,
        },
        "devices": [],
    },
    "queue": {"queue_running": [], "queue_pending": []},
    "jobs": {"jobs": [], "pagination": {"offset": 0, "limit": 1, "total": 0, "has_more": False}},
    "prompt": {"exec_info": {"queue_remaining": 0}},
    **dict.fromkeys(("extensions", "embeddings", "userdata", "experiment/models"), []),
    **dict.fromkeys(("features", "i18n", "history", "global_subgraphs", "workflow_templates", "node_replacements"), {}),
}  # fmt: skip


class Handler(http.server.SimpleHTTPRequestHandler):
    """The files of the package, and an answer to what the editor asks for as it starts."""

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if not path.startswith("/api/"):
            return super().do_GET()
        asked = path.removeprefix("/api/")
        known = [answer for name, answer in ANSWERS.items() if f"{asked}/".startswith(f"{name}/")]
        body = json.dumps(known[0] if known else {}).encode()
        self.send_response(200 if known else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


BUILD = """async count => {
    const target = LiteGraph.createNode("Target");
    app.graph.add(target);
    const slot = async number => {
        for (let wait = 0; wait < 500; wait++) {
            const found = target.inputs.findIndex(input => input.name === `model.pictures.image${number}`);
            if (found >= 0) return found;
            await new Promise(done => setTimeout(done, 20));
        }
        throw new Error(`no image${number} grew: ${target.inputs.map(input => input.name)}`);
    };
    for (let number = 1; number <= count; number++) {
        const source = LiteGraph.createNode("Source");
        source.widgets[0].value = number;
        app.graph.add(source);
        source.connect(0, target, await slot(number));
    }
    await slot(count + 1);
    return JSON.parse(JSON.stringify(app.graph.serialize()));
}"""
LOAD = """async file => {
    await app.loadGraphData(file, true, false);
    // What grows may grow later than the promise is kept.
    await new Promise(done => setTimeout(done, 1000));
}"""
PROMPT = "async () => (await app.graphToPrompt()).output"
EMPTY = {"nodes": [], "links": [], "version": 0.4, "last_node_id": 0, "last_link_id": 0}


def links(prompt: dict) -> str:
    """Which source each input of the target takes, as the editor sends it."""
    (target,) = (node for node in prompt.values() if node["class_type"] == "Target")
    found = {
        name.removeprefix("model.pictures."): prompt[value[0]]["inputs"]["number"]
        for name, value in target["inputs"].items()
        if isinstance(value, list)
    }
    return ", ".join(f"{name} {source}" for name, source in sorted(found.items(), key=lambda link: link[1]))


chromium, *folders = sys.argv[1:]
files = {}
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    for folder in folders:
        release = pathlib.Path(folder).name
        static = f"{folder}/comfyui_frontend_package/static"
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), lambda *given, static=static: Handler(*given, directory=static)
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{server.server_port}/"
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.route(lambda url, here=here: not url.startswith((here, "data:", "blob:")), lambda route: route.abort())
        page.goto(here, wait_until="domcontentloaded")
        page.wait_for_function("window.app?.vueAppReady && !!LiteGraph.registered_node_types.Target")
        for count in (2, 5):
            page.evaluate(LOAD, EMPTY)
            files[release, count] = page.evaluate(BUILD, count)
            print(f"{release}, built:  {links(page.evaluate(PROMPT))}")
            page.evaluate(LOAD, files[release, count])
            print(f"{release}, loaded: {links(page.evaluate(PROMPT))}")
        first = pathlib.Path(folders[0]).name
        if release != first:
            page.evaluate(LOAD, files[first, 5])
            print(f"{release}, loaded from {first}: {links(page.evaluate(PROMPT))}")
        page.close()
        server.shutdown()
    browser.close()
PY
seen=$("$work/venv/bin/python" "$work/probe.py" "$chromium" "$work/1.45.20" "$work/1.58.1" 2>"$work/errors") ||
    { cat "$work/errors" >&2; exit 1; }
expected='1.45.20, built:  image1 1, image2 2
1.45.20, loaded: image1 1, image2 2
1.45.20, built:  image1 1, image2 2, image3 3, image4 4, image5 5
1.45.20, loaded: image1 1, image2 2, image3 3, image4 4, image5 5
1.58.1, built:  image1 1, image2 2
1.58.1, loaded: image1 1, image2 2
1.58.1, built:  image1 1, image2 2, image3 3, image4 4, image5 5
1.58.1, loaded: image1 1, image2 2, model 3, seed 4, mark 5
1.58.1, loaded from 1.45.20: image1 1, image2 2, model 3, seed 4, mark 5'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
