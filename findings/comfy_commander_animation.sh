#!/usr/bin/env bash
# SaveAnimatedWEBP and SaveAnimatedPNG write the prompt into the file. What does comfy-commander save of what it got?
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "version: comfy-commander 0.1.2"
echo "guess:   the file that it fetched, with all frames and the prompt"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check comfy-commander==0.1.2 pillow==12.0.0

cat > "$work/probe.py" <<'PY'
import io
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from comfy_commander import ComfyUIServer, Workflow
from PIL import Image, PngImagePlugin

folder = sys.argv[1]
prompt = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 3, "color": 255}},
    "2": {"class_type": "SaveAnimatedWEBP", "inputs": {"images": ["1", 0], "filename_prefix": "a", "fps": 6.0,
          "lossless": True, "quality": 80, "method": "default"}},
    "3": {"class_type": "SaveAnimatedPNG", "inputs": {"images": ["1", 0], "filename_prefix": "a", "fps": 6.0,
          "compress_level": 4}},
}  # fmt: skip
frames = [Image.new("RGB", (64, 64), color) for color in ("red", "green", "blue")]


def encoded(kind: str) -> bytes:
    """Three frames with the prompt, where SaveAnimatedWEBP and SaveAnimatedPNG write it."""
    data = io.BytesIO()
    if kind == "webp":
        exif = frames[0].getexif()
        exif[0x0110] = "prompt:" + json.dumps(prompt)
        options = {"exif": exif, "lossless": True}
    else:
        texts = PngImagePlugin.PngInfo()
        texts.add(b"comf", b"prompt\0" + json.dumps(prompt).encode("latin-1"), after_idat=True)
        options = {"pnginfo": texts}
    frames[0].save(data, kind, save_all=True, append_images=frames[1:], duration=167, **options)
    return data.getvalue()


files = {f"a_00001_.{kind}": encoded(kind) for kind in ("webp", "png")}
outputs = {
    number: {"images": [{"filename": name, "subfolder": "", "type": "output"}], "animated": [True]}
    for number, name in zip(("2", "3"), files)
}
history = {"job": {"outputs": outputs, "status": {"status_str": "success", "completed": True, "messages": []}}}


class ComfyUI(BaseHTTPRequestHandler):
    def answer(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(json.dumps({"prompt_id": "job", "number": 1, "node_errors": {}}).encode())

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/view":
            self.answer(files[parse_qs(url.query)["filename"][0]])
        else:
            self.answer(json.dumps(history).encode())

    def log_message(self, *_: object) -> None:
        pass


def told(data: bytes) -> str:
    count = getattr(Image.open(io.BytesIO(data)), "n_frames", 1)
    return f"{count} frame{'s' if count > 1 else ''}, {'a' if b'EmptyImage' in data else 'no'} prompt"


server = ThreadingHTTPServer(("127.0.0.1", 0), ComfyUI)
threading.Thread(target=server.serve_forever, daemon=True).start()
result = ComfyUIServer(f"http://127.0.0.1:{server.server_port}").execute(Workflow(api_json=prompt, gui_json=None))
for output in result.media:
    path = f"{folder}/{output.filename}"
    output.save(path)
    with open(path, "rb") as saved:
        print(f"{output.file_extension}: fetched {told(output.data)}; saved {told(saved.read())}")
server.shutdown()
PY
seen=$("$work/venv/bin/python" "$work/probe.py" "$work" 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
expected='webp: fetched 3 frames, a prompt; saved 1 frame, no prompt
png: fetched 3 frames, a prompt; saved 1 frame, a prompt'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
