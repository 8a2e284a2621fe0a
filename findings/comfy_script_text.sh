#!/usr/bin/env bash
# ComfyScript turns a prompt into a Python script. Does each text come out as a literal with the same value?
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "version: comfy-script 0.6.1"
echo "guess:   every text comes back as it was, a backslash too"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check comfy-script==0.6.1 aenum==3.1.17 aiohttp==3.14.5 \
    dynaconf==3.3.5 nest-asyncio2==1.7.4 networkx==3.6.1 pillow==13.0.0 yarl==1.25.1

cat > "$work/probe.py" <<'PY'
import ast
import http.server
import json
import threading

from comfy_script.transpile import WorkflowToScriptTranspiler

SCHEMA = {
    "PrimitiveStringMultiline": {
        "name": "PrimitiveStringMultiline",
        "input": {"required": {"value": ["STRING", {"multiline": True}]}},
        "input_order": {"required": ["value"]},
        "output": ["STRING"],
        "output_name": ["STRING"],
        "output_is_list": [False],
        "output_node": False,
    },
    "PreviewAny": {
        "name": "PreviewAny",
        "input": {"required": {"source": ["*", {}]}},
        "input_order": {"required": ["source"]},
        "output": [],
        "output_name": [],
        "output_is_list": [],
        "output_node": True,
    },
}


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(SCHEMA if self.path.endswith("object_info") else []).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{server.server_port}/"

for text in ("it's dusk", "shots\\dusk", "a folder: shots\\", "from shots\\ 'dusk'", "one\r\ntwo"):
    prompt = {
        "1": {"class_type": "PrimitiveStringMultiline", "inputs": {"value": text}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }
    script = WorkflowToScriptTranspiler(prompt, address).to_script()
    try:
        values = [part.value for part in ast.walk(ast.parse(script)) if isinstance(part, ast.Constant)]
        print(f"{text!r}: " + ("the same" if values == [text] else " ".join(map(repr, values))))
    except SyntaxError:
        print(f"{text!r}: no Python")
PY
seen=$("$work/venv/bin/python" "$work/probe.py" 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
expected='"it'\''s dusk": the same
'\''shots\\dusk'\'': the same
'\''a folder: shots\\'\'': no Python
"from shots\\ '\''dusk'\''": "from shots\\ '\''dusk\\'\''"
'\''one\r\ntwo'\'': '\''one\ntwo'\'''
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
