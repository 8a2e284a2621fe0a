#!/usr/bin/env bash
# A combo takes its choices from a route of the server, as LoadImageOutput of ComfyUI does (the files of the output
# folder). A workflow that names a choice which the server no longer lists is loaded once the editor has the list.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    { echo "skipped: no Chromium on PATH"; exit 0; }
echo "version: comfyui-frontend-package 1.45.20, 1.58.1 (playwright 1.65.2, $("$chromium" --version 2>/dev/null))"
echo "guess:   the saved name is sent, and the server says that there is no such file"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check playwright==1.65.2
for release in 1.45.20 1.58.1; do
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$work/$release" \
        "comfyui-frontend-package==$release"
done

cat > "$work/probe.py" <<'PY'
import mimetypes
import pathlib
import sys
from urllib.parse import urlsplit

from playwright.sync_api import Route, sync_playwright

SITE = "http://editor.invalid"
REMOTE = {"route": "/internal/files/output", "refresh_button": True, "control_after_refresh": "first"}
LOADER = {
    "input": {"required": {"image": ["COMBO", {"remote": REMOTE}]}}, "input_order": {"required": ["image"]},
    "output": ["IMAGE"], "output_is_list": [False], "output_name": ["IMAGE"], "name": "Loader",
    "display_name": "Loader", "description": "", "category": "probe", "python_module": "nodes", "output_node": True,
}  # fmt: skip
SYSTEM = {
    "os": "posix", "comfyui_version": "0.33.0", "python_version": "3", "pytorch_version": "2",
    "embedded_python": False, "argv": [], "ram_total": 1, "ram_free": 1,
}  # fmt: skip
API = {
    "object_info": {"Loader": LOADER},
    "users": {"storage": "server", "migrated": True},
    "settings": {"Comfy.TutorialCompleted": True},
    "system_stats": {"system": SYSTEM, "devices": []},
    "queue": {"queue_running": [], "queue_pending": []},
    "jobs": {"jobs": [], "pagination": {"offset": 0, "limit": 1, "total": 0, "has_more": False}},
    "prompt": {"exec_info": {"queue_remaining": 0}},
    "extensions": [], "embeddings": [], "userdata": [], "experiment": [],
}  # fmt: skip
FILE = {
    "nodes": [{
        "id": 1, "type": "Loader", "pos": [0, 0], "size": [200, 100], "flags": {}, "order": 0, "mode": 0,
        "inputs": [], "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": []}],
        "properties": {}, "widgets_values": ["gone.png [output]", "refresh"],
    }],
    "links": [], "groups": [], "version": 0.4, "last_node_id": 1, "last_link_id": 0,
}  # fmt: skip
SEND = """async file => {
    await app.loadGraphData(file, true, false);
    return (await app.graphToPrompt()).output["1"].inputs.image;
}"""


def answers(static: pathlib.Path, listed: list[str]):
    """What the page gets: the package's files, the server's answers, and nothing from elsewhere."""

    def answer(route: Route) -> None:
        asked = urlsplit(route.request.url)
        if f"{asked.scheme}://{asked.netloc}" != SITE:
            route.abort()
        elif asked.path.endswith("/internal/files/output"):
            route.fulfill(json=listed)
        elif asked.path.startswith("/api/"):
            name = asked.path.split("/")[2]
            route.fulfill(json=API.get(name, {}))
        elif (path := static / (asked.path.strip("/") or "index.html")).is_file():
            route.fulfill(path=path, content_type=mimetypes.guess_type(path.name)[0] or "text/plain")
        else:
            route.fulfill(status=404, body="")

    return answer


chromium, *folders = sys.argv[1:]
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    for folder in folders:
        for listed in (["gone.png [output]"], ["new.png [output]"], []):
            page = browser.new_page()
            page.set_default_timeout(120_000)
            page.route("**/*", answers(pathlib.Path(folder, "comfyui_frontend_package/static"), listed))
            page.goto(SITE, wait_until="domcontentloaded")
            page.wait_for_function("window.app?.vueAppReady && !!LiteGraph.registered_node_types.Loader")
            with page.expect_response("**/internal/files/output"):
                page.evaluate(SEND, FILE)
            page.evaluate("() => new Promise(done => setTimeout(done, 500))")  # now it has the list
            shown = ", ".join(listed) or "nothing"
            print(f"{pathlib.Path(folder).name}, listed {shown}: sent {page.evaluate(SEND, FILE)}")
            page.close()
    browser.close()
PY
seen=$("$work/venv/bin/python" "$work/probe.py" "$chromium" "$work/1.45.20" "$work/1.58.1" 2>"$work/errors") ||
    { cat "$work/errors" >&2; exit 1; }
expected='1.45.20, listed gone.png [output]: sent gone.png [output]
1.45.20, listed new.png [output]: sent new.png [output]
1.45.20, listed nothing: sent Loading...
1.58.1, listed gone.png [output]: sent gone.png [output]
1.58.1, listed new.png [output]: sent new.png [output]
1.58.1, listed nothing: sent Loading...'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
