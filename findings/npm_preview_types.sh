#!/usr/bin/env bash
# A preview frame says in bytes 4 to 7 whether its picture is a JPEG (1) or a PNG (2); a frame of type 4 brings the same
# with JSON about it. Two clients are sent one of each.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "version: @saintno/comfyui-sdk 0.3.1, @stable-canvas/comfyui-client 1.5.9 (ws 8.20.0)"
echo "guess:   both label the JPEG image/jpeg and the PNG image/png, and both show the picture of a type 4 frame once"
cd "$work"
echo '{"private": true}' > package.json
npm install --silent --no-audit --no-fund --ignore-scripts --save-exact \
    @saintno/comfyui-sdk@0.3.1 @stable-canvas/comfyui-client@1.5.9 ws@8.20.0

cat > probe.cjs <<'JS'
const http = require("http");
const WebSocket = require("ws");

const uint = (value) => { const bytes = Buffer.alloc(4); bytes.writeUInt32BE(value); return bytes; };
const jpeg = Buffer.from([0xff, 0xd8, 0xff, 0xe0]);
const png = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const about = Buffer.from(JSON.stringify({ node_id: "3", prompt_id: "p", image_type: "image/jpeg" }));
const frames = {
  JPEG: Buffer.concat([uint(1), uint(1), jpeg]),
  PNG: Buffer.concat([uint(1), uint(2), png]),
  "type 4": Buffer.concat([uint(4), uint(about.length), about, jpeg]),
};
let socket;
const server = http.createServer((request, response) => {
  response.setHeader("content-type", "application/json");
  response.end("{}");
});
const tell = (type, data) => socket.send(JSON.stringify({ type, data }));
new WebSocket.Server({ server }).on("connection", (opened) => {
  socket = opened;
  tell("status", { status: { exec_info: { queue_remaining: 0 } }, sid: "s" });
});
process.on("unhandledRejection", () => {}); // what the SDK asks of the server beside the socket
const send = (frame) => { socket.send(frame); tell("last", { after: "frame" }); };

async function saintno(host, frame) {
  const { ComfyApi } = await import("@saintno/comfyui-sdk");
  const client = new ComfyApi(`http://${host}`);
  const heard = [];
  client.on("b_preview", (event) => heard.push(event.detail.type));
  const over = new Promise((resolve) => client.on("last", resolve));
  client.on("status", () => send(frame));
  client.init();
  await over;
  return heard;
}

async function stableCanvas(host, frame) {
  const { Client } = require("@stable-canvas/comfyui-client");
  const client = new Client({ api_host: host, clientId: "c", WebSocket, fetch });
  const heard = [];
  client.on("image_data", ({ mime }) => heard.push(mime));
  const over = new Promise((resolve) => client.on("last", resolve));
  await client.connect();
  send(frame);
  await over;
  // It reads a frame's bytes later, after the messages that follow it.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return heard;
}

server.listen(0, "127.0.0.1", async () => {
  const host = `127.0.0.1:${server.address().port}`;
  for (const [name, bytes] of Object.entries(frames)) {
    console.log(`saintno, ${name}: ${(await saintno(host, bytes)).join(" ") || "nothing"}`);
    console.log(`stable-canvas, ${name}: ${(await stableCanvas(host, bytes)).join(" ") || "nothing"}`);
  }
  process.exit();
});
setTimeout(() => { console.log("no answer"); process.exit(1); }, 60000).unref();
JS
seen=$(node probe.cjs 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
expected='saintno, JPEG: image/jpeg
stable-canvas, JPEG: image/png
saintno, PNG: image/jpeg
stable-canvas, PNG: image/png
saintno, type 4: nothing
stable-canvas, type 4: image/jpeg image/jpeg'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
