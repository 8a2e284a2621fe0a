#!/usr/bin/env bash
# cfli runs a workflow with the inputs that -i and -p set. Which values does it send for texts and names?
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "version: @saintno/comfyui-sdk 0.3.1 (ws 8.20.0)"
echo "guess:   a value takes the type that the workflow has there: texts and names stay strings, whatever they look"
echo "         like, and an empty text is sent as one"
cd "$work"
echo '{"private": true}' > package.json
npm install --silent --no-audit --no-fund --ignore-scripts --save-exact @saintno/comfyui-sdk@0.3.1 ws@8.20.0

cat > probe.mjs <<'JS'
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import http from "node:http";
import { WebSocketServer } from "ws";

const node = (class_type, inputs) => ({ class_type, inputs });
const workflow = {
  1: node("CheckpointLoaderSimple", { ckpt_name: "base.safetensors" }),
  2: node("CLIPTextEncode", { text: "a lighthouse", clip: ["1", 1] }),
  3: node("CLIPTextEncode", { text: "blurry", clip: ["1", 1] }),
  4: node("EmptyLatentImage", { width: 64, height: 64, batch_size: 1 }),
  5: node("KSampler", {
    seed: 1, steps: 20, cfg: 7, sampler_name: "euler", scheduler: "normal", denoise: 1,
    model: ["1", 0], positive: ["2", 0], negative: ["3", 0], latent_image: ["4", 0],
  }),
  6: node("VAEDecode", { samples: ["5", 0], vae: ["1", 2] }),
  7: node("SaveImage", { filename_prefix: "a", images: ["6", 0] }),
};
const values = [
  ["2", "text", "a harbour"],
  ["2", "text", '{"scene": "a harbour", "people": false}'],
  ["2", "text", "{red|blue} boats"],
  ["2", "text", "[dawn:dusk:0.5] at sea"],
  ["2", "text", "true"],
  ["3", "text", ""],
  ["7", "filename_prefix", "001"],
  ["7", "filename_prefix", "1.10"],
];
writeFileSync("workflow.json", JSON.stringify(workflow));

let got;
const server = http.createServer((request, response) => {
  let body = "";
  request.on("data", (data) => (body += data));
  request.on("end", () => {
    response.setHeader("content-type", "application/json");
    if (request.method === "POST" && request.url.startsWith("/prompt")) got(JSON.parse(body).prompt);
    else response.end(request.url.startsWith("/system_stats") ? '{"system": {"os": "posix"}, "devices": []}' : "{}");
  });
});
new WebSocketServer({ server }).on("connection", (socket) =>
  socket.send(JSON.stringify({ type: "status", data: { status: { exec_info: { queue_remaining: 0 } }, sid: "s" } })));

/** What cfli sends for a value, or how it ends without sending: it is stopped once the prompt has come. */
const run = (host, number, input, value) => new Promise((resolve) => {
  const cfli = spawn(process.execPath, [
    "node_modules/@saintno/comfyui-sdk/dist/cli.js", "-f", "workflow.json", "-H", host, "--json",
    "-i", `${number}.inputs.${input}=${value}`,
  ], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  cfli.stdout.on("data", (data) => (output += data));
  cfli.stderr.on("data", (data) => (output += data));
  got = (prompt) => {
    cfli.kill();
    const sent = prompt[number].inputs[input];
    resolve(`${typeof sent} ${JSON.stringify(sent)}`);
  };
  cfli.on("close", (code) => {
    const error = output.match(/"type": "(\w+)"/)?.[1];
    resolve(`not sent, exit status ${code}, ${error ?? (output.trim() ? "other words" : "no words")}`);
  });
});

server.listen(0, "127.0.0.1", async () => {
  const host = `http://127.0.0.1:${server.address().port}`;
  for (const [number, input, value] of values)
    console.log(`${input}=${value} -> ${await run(host, number, input, value)}`);
  process.exit();
});
setTimeout(() => { console.log("no answer"); process.exit(1); }, 60000).unref();
JS
seen=$(node probe.mjs 2>"$work/errors") || { cat "$work/errors" >&2; exit 1; }
expected='text=a harbour -> string "a harbour"
text={"scene": "a harbour", "people": false} -> object {"scene":"a harbour","people":false}
text={red|blue} boats -> not sent, exit status 1, SyntaxError
text=[dawn:dusk:0.5] at sea -> not sent, exit status 1, SyntaxError
text=true -> boolean true
text= -> not sent, exit status 1, no words
filename_prefix=001 -> string "001"
filename_prefix=1.10 -> number 1.1'
printf 'seen:\n%s\n' "$seen"
[ "$seen" = "$expected" ] || { printf 'changed, was:\n%s\n' "$expected"; exit 1; }
