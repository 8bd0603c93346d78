"""Waits for the first model and says so. Runs in an init container: wait_for_model.py STORE NAMESPACE SELECTOR."""

import signal
import sys
import time
from pathlib import Path

SAY_EVERY = 30.0

# As the container's first process nothing would end it otherwise.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
store, namespace, selector = sys.argv[1:]
pointer = Path(store, "CURRENT.json")
started = time.monotonic()
say_at = started
while not pointer.is_file():
    now = time.monotonic()
    if now >= say_at:
        print(f"waiting for the first model: {pointer} isn't there yet ({now - started:.0f} s)", flush=True)
        print(f"  training publishes it; see: kubectl -n {namespace} logs -l {selector} --tail 20", flush=True)
        say_at = now + SAY_EVERY
    time.sleep(0.5)
print(f"model: {pointer.read_text().strip()}")
