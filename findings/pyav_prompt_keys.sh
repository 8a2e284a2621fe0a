#!/usr/bin/env bash
# ComfyUI's savers put the prompt into `container.metadata["prompt"]` of PyAV. Where do other containers give it back?
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "version: av 18.1.0, numpy 2.4.6"
echo "guess:   container.metadata['prompt'] returns what was written, in every container that keeps it"
python3.11 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps av==18.1.0 numpy==2.4.6

cat > "$work/probe.py" <<'PY'
import io

import av
import numpy as np

PROMPT = '{"1": {"class_type": "SaveAudio", "inputs": {}}}'


def written(container: str, codec: str, rate: int, **options: str) -> io.BytesIO:
    memory = io.BytesIO()
    with av.open(memory, "w", format=container, options=options) as file:
        file.metadata["prompt"] = PROMPT
        if rate:
            stream = file.add_stream(codec, rate=rate, layout="mono")
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), format="flt", layout="mono")
            frame.sample_rate = rate
        else:
            stream = file.add_stream(codec, rate=10)
            stream.width = stream.height = 32
            stream.pix_fmt = "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        frame.pts = 0
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    memory.seek(0)
    return memory


def found(memory: io.BytesIO) -> str:
    with av.open(memory) as file:
        places = {"container": file.metadata, "stream": file.streams[0].metadata}
        hits = [f"{place}[{key}]" for place, keys in places.items() for key, text in keys.items() if text == PROMPT]
    return " ".join(hits) or "lost"


for name, memory in {
    "flac": written("flac", "flac", 44100),
    "mp3": written("mp3", "libmp3lame", 44100),
    "opus": written("opus", "libopus", 48000),
    "wav": written("wav", "pcm_s16le", 44100),
    "webm": written("webm", "libvpx-vp9", 0),
    "mp4": written("mp4", "mpeg4", 0),
    "mp4+use_metadata_tags": written("mp4", "mpeg4", 0, movflags="use_metadata_tags"),
}.items():
    print(f"{name}: {found(memory)}")
PY
seen=$("$work/venv/bin/python" "$work/probe.py" 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
expected='flac: container[prompt]
mp3: container[prompt]
opus: stream[prompt]
wav: lost
webm: container[PROMPT]
mp4: lost
mp4+use_metadata_tags: container[prompt]'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
