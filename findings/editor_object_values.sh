#!/usr/bin/env bash
# A node of ComfyUI's own has its saved values in an object, as files made by programs and by some packs have them. Two
# releases of the editor load it and make the prompt. 1.53.10 is the last seen that leaves the defaults; from 1.54.12 on
# values count in the order of their keys, whatever the names, if there are as many as the node has widgets.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    { echo "skipped: no Chromium on PATH"; exit 0; }
echo "version: comfyui-frontend-package 1.53.10, 1.58.1 (playwright 1.65.2, $("$chromium" --version 2>/dev/null))"
echo "guess:   both look values in an object up by name, or both leave the defaults"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check playwright==1.65.2
for release in 1.53.10 1.58.1; do
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


CLASSES = {
    "Size": node("Size", {"width": ["INT", {"default": 512}], "height": ["INT", {"default": 512}]}, []),
}
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


PROMPT = """async values => {
    const node = {
        id: 1, type: "Size", pos: [0, 0], size: [200, 100], flags: {}, order: 0, mode: 0,
        inputs: [], outputs: [], properties: {}, widgets_values: values,
    };
    const file = {nodes: [node], links: [], version: 0.4, last_node_id: 1, last_link_id: 0};
    await app.loadGraphData(file, true, false);
    return (await app.graphToPrompt()).output["1"].inputs;
}"""
SAVED = ({"width": 64, "height": 32}, {"height": 32, "width": 64}, {"a": 64, "b": 32}, {"width": 64})

chromium, *folders = sys.argv[1:]
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
        page.wait_for_function("window.app?.vueAppReady && !!LiteGraph.registered_node_types.Size")
        for saved in SAVED:
            sent = page.evaluate(PROMPT, saved)
            print(f"{release}: {json.dumps(saved)} becomes width {sent['width']}, height {sent['height']}")
        page.close()
        server.shutdown()
    browser.close()
PY
seen=$("$work/venv/bin/python" "$work/probe.py" "$chromium" "$work/1.53.10" "$work/1.58.1" 2>"$work/errors") ||
    { cat "$work/errors" >&2; exit 1; }
expected='1.53.10: {"width": 64, "height": 32} becomes width 512, height 512
1.53.10: {"height": 32, "width": 64} becomes width 512, height 512
1.53.10: {"a": 64, "b": 32} becomes width 512, height 512
1.53.10: {"width": 64} becomes width 512, height 512
1.58.1: {"width": 64, "height": 32} becomes width 64, height 32
1.58.1: {"height": 32, "width": 64} becomes width 32, height 64
1.58.1: {"a": 64, "b": 32} becomes width 64, height 32
1.58.1: {"width": 64} becomes width 512, height 512'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
