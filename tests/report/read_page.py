"""Reads a report with Python's own HTML parser: prints as JSON what is in it and what is wrong with it.

Wrong is what a browser would mend silently or a reader could not use: tags that do not close, ids
given twice, headings that skip a level, pictures without words, addresses that lead out.
"""

import json
import sys
from html.parser import HTMLParser

VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "wbr"}
# Files beside the page that it may link to.
RUNBOOK = "https://github.com/pulp-drill/pulp-drill/blob/main/docs/runbook.md#s"
LOCAL = set(sys.argv[1:])


class Report(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.links, self.problems = [], set(), [], []
        self.names, self.level, self.tags = [], 0, {}
        self.text, self.drills, self.count, self.verdict, self.counts = [], [], None, None, None
        self.policy = None

    def handle_starttag(self, tag, pairs):
        values = dict(pairs)
        self.tags[tag] = self.tags.get(tag, 0) + 1
        if len(values) != len(pairs):
            self.problems.append(f"<{tag}> gives an attribute twice")
        if tag not in VOID:
            self.open.append(tag)
        if "id" in values:
            if values["id"] in self.ids:
                self.problems.append(f"id {values['id']} is given twice")
            self.ids.add(values["id"])
        self.attributes(tag, values)
        self.meaning(tag, values)
        if tag in ("p", "li", "h1", "h2", "h3", "h4", "tr", "dt", "dd", "summary", "caption", "figcaption", "br"):
            self.text.append("\n")
        elif tag in ("td", "th"):
            self.text.append(" | ")

    def attributes(self, tag, values):
        for name, value in values.items():
            if name.startswith("on") or name == "style" or name == "srcdoc":
                self.problems.append(f"<{tag}> has {name}")
            if name in ("src", "href", "action", "data", "poster", "srcset", "xlink:href"):
                inside = value.startswith(("#", "data:image/png;base64,", "artefacts/")) or value in LOCAL
                # A link to the page about the runbook loads nothing.
                about = tag == "a" and name == "href" and value.startswith(RUNBOOK)
                if not inside and not about and (tag, value) != ("link", "data:,"):
                    self.problems.append(f"<{tag}> leads to {value}")
                if value.startswith("#"):
                    self.links.append(value[1:])
            if name in ("aria-labelledby", "aria-describedby", "for"):
                self.names += value.split()
        if tag == "meta" and values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"]

    def meaning(self, tag, values):
        if tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            level = int(tag[1])
            if level > self.level + 1 or (level == 1 and self.tags[tag] > 1):
                self.problems.append(f"<{tag}> after level {self.level}")
            self.level = level
        if tag == "th" and "scope" not in values:
            self.problems.append("<th> without scope")
        if tag == "img" and not values.get("alt"):
            self.problems.append("<img> without words")
        if tag == "svg" and (values.get("role") != "img" or not values.get("aria-labelledby")):
            self.problems.append("<svg> without words")
        if tag == "section" and not (values.get("aria-labelledby") or values.get("aria-label")):
            self.problems.append("<section> without a name")
        if tag == "section" and values.get("id") == "verdict":
            self.verdict = values["data-verdict"]
        if values.get("id") == "counts":
            self.counts = {k[5:]: int(v) for k, v in values.items() if k.startswith("data-")}
        if tag == "tbody" and "data-verdict" in values:
            self.drills.append({"id": values["data-id"], "verdict": values["data-verdict"]})
        self.count = values.get("data-count", None) if tag == "td" else self.count

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open[-1] != tag:
            self.problems.append(f"</{tag}> closes {self.open[-1:]}")
        if tag in self.open:
            while self.open.pop() != tag:
                pass
        self.count = None

    def handle_data(self, data):
        if self.open and self.open[-1] in ("script", "style", "title", "desc"):
            return
        if self.count:
            self.drills[-1][self.count] = int(data)
        self.text.append(data)


report = Report()
page = sys.stdin.buffer.read().decode("utf-8")
report.feed(page)
report.close()
report.problems += [f"<{tag}> is not closed" for tag in report.open]
report.problems += [f"nothing is called {name}" for name in report.names + report.links if name not in report.ids]
lines = [" ".join(line.split()) for line in "".join(report.text).split("\n")]
json.dump(
    {
        "problems": report.problems,
        "tags": report.tags,
        "text": "\n".join(line for line in lines if line),
        "drills": report.drills,
        "verdict": report.verdict,
        "counts": report.counts,
        "policy": report.policy,
    },
    sys.stdout,
)
