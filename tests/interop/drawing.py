#!/usr/bin/env python3
"""drawing.py ARROWS FILE...: opens drawings of `hythe trace` (SVG or HTML) in headless Chromium, 1280 pixels wide, and looks at what is really there:
so many arrows, no text over another or beyond the edge, none smaller than can be read, no script that runs. HTML is looked at with its packets
closed and open. Called by trace.sh."""
import base64
import json
import re
import subprocess
import sys
import tempfile

SCRIPT = """
<script>
function look() {
	const texts = [...document.querySelectorAll('text'), ...document.querySelectorAll('details[open] > pre')].filter(e => e.textContent.trim());
	const boxes = texts.map(e => { const b = e.getBoundingClientRect(); return {l: b.left, t: b.top, r: b.right, b: b.bottom, s: e.textContent.slice(0, 60)}; })
		.filter(b => b.r > b.l && b.b > b.t).sort((a, b) => a.t - b.t);
	const bad = [];
	for (let i = 0; i < boxes.length; i++) {
		const a = boxes[i];
		if (a.l < 0 || a.r > 1280.5) bad.push(['outside', a.s]);
		for (let j = i + 1; j < boxes.length && boxes[j].t < a.b - 2; j++)
			if (boxes[j].l < a.r - 1 && a.l < boxes[j].r - 1 && a.s != '!' && boxes[j].s != '!') bad.push(['overlap', a.s, boxes[j].s]);
	}
	const small = [...document.querySelectorAll('text')].filter(e => parseFloat(getComputedStyle(e).fontSize) < 12).length;
	return {arrows: document.querySelectorAll('.tip').length, signs: document.querySelectorAll('.sign').length, texts: boxes.length,
		failed: document.querySelectorAll('.failed').length, scripts: document.scripts.length, small, bad: bad.slice(0, 5)};
}
addEventListener('load', () => {
	const all = [look()];
	const parts = document.querySelectorAll('details');
	parts.forEach(e => e.open = true);
	if (parts.length) all.push(look());
	const out = document.createElement('div');
	out.id = 'found';
	out.textContent = btoa(unescape(encodeURIComponent(JSON.stringify(all))));
	document.body.append(out);
});
</script>
"""


def looked_at(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if path.endswith(".svg"):
        text = "<!DOCTYPE html><meta charset=utf-8><body style='margin:0'>" + text + SCRIPT
    else:
        # The page forbids scripts, ours too.
        text = re.sub(r"<meta http-equiv=[^>]*>\n", "", text).replace("</body>", SCRIPT + "</body>")
    with tempfile.NamedTemporaryFile("w", suffix=".html", encoding="utf-8") as f, tempfile.TemporaryDirectory() as profile:
        f.write(text)
        f.flush()
        out = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}",
                              "--window-size=1280,1000", "--virtual-time-budget=5000", "--dump-dom", "file://" + f.name],
                             capture_output=True, text=True, timeout=120, check=False).stdout
    found = re.search(r'id="found">([A-Za-z0-9+/=]*)<', out)
    if not found:
        sys.exit(f"{path}: Chromium shows nothing: {out[:300]}")
    return json.loads(base64.b64decode(found.group(1)))


wanted = int(sys.argv[1])
for name in sys.argv[2:]:
    for see in looked_at(name):
        print(name, see)
        if see["arrows"] != wanted or see["bad"] or see["small"] or see["scripts"] != 1 or see["signs"] != see["failed"]:
            sys.exit(f"{name}: not as it should be ({wanted} arrows wanted)")
