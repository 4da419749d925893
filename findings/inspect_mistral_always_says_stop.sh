#!/usr/bin/env bash
# inspect_ai asks mistral/... by Mistral's conversations API unless told otherwise. A reply of that API has
# no finish reason, and Inspect reports "stop" (the model ended its answer), not "unknown": also of an answer
# whose usage says that it filled max_tokens. An evaluation of truncated answers, or a judge that refuses
# verdicts which were cut, is told that nothing ever is. (With -M conversation_api=false the same model says
# "max_tokens".) Exits 0 while that is so. A server of our own speaks both APIs; nothing is sent elsewhere.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q inspect_ai==0.3.285 mistralai==3.7.0 openai==3.54.0
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import inspect_ai
from inspect_ai.model import GenerateConfig, get_model

LIMIT = 4
USAGE = {"prompt_tokens": 5, "completion_tokens": LIMIT, "total_tokens": 5 + LIMIT}


class Mistral(BaseHTTPRequestHandler):
    """An answer that filled the limit, as each of the two APIs writes it."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = {"role": "assistant", "content": "The bridge is a"}
        if self.path.endswith("/conversations"):
            assert asked["completion_args"]["max_tokens"] == LIMIT
            entry = {"object": "entry", "type": "message.output", "id": "m1", "model": "small", **said}
            reply = {"object": "conversation.response", "conversation_id": "c1", "outputs": [entry]}
        else:
            assert asked["max_tokens"] == LIMIT
            choice = {"index": 0, "message": said, "finish_reason": "length"}
            reply = {"id": "a", "object": "chat.completion", "model": "small", "created": 1}
            reply["choices"] = [choice]
        body = json.dumps({**reply, "usage": USAGE}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


async def stop_reason(url: str, **arguments: bool) -> str:
    model = get_model("mistral/small", base_url=url, api_key="none", memoize=False, **arguments)
    said = await model.generate("Where is the bridge?", config=GenerateConfig(max_tokens=LIMIT))
    assert said.usage is not None
    assert said.usage.output_tokens == LIMIT
    return said.stop_reason


server = ThreadingHTTPServer(("127.0.0.1", 0), Mistral)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
usual = asyncio.run(stop_reason(url))
chat = asyncio.run(stop_reason(url, conversation_api=False))
print("inspect_ai", inspect_ai.__version__)
print(f"expected: max_tokens, or unknown; seen: {usual} (by chat completions: {chat})")
sys.exit(not (usual == "stop" and chat == "max_tokens"))
PYTHON
