# A short summary of a run in Markdown, from its record.json. --arg verdict: the result of the program;
# --arg part: the part, or empty. It does not judge. Texts come from the system under test, so control
# characters are removed, and punctuation with a meaning in Markdown or HTML is written as a character
# reference.

def text($max):
  (if type == "string" then . else tojson end)
  | gsub("[\\p{Cc}\\p{Cf}\\x{2028}\\x{2029}]+"; " ")
  | if length > $max then .[0:$max] + "…" else . end
  | gsub("(?<c>[!-+.:-@\\[-`{-~])"; "&#\(.c | explode[0]);");

def verdict: .judgement.verdict // "unknown";
def rank: {"fail": 0, "unknown": 1, "pass": 2}[.] // 1;
def count($n; $one): "\($n) \($one)\(if $n == 1 then "" else "s" end)";
# A duration as every report prints it.
def two: tostring | if length < 2 then "0" + . else . end;
def span:
  if . == null then "not measured"
  elif . < 1000 then "\(.) ms"
  elif . < 60000 then "\(. / 1000 | floor).\((. % 1000 + 1000 | tostring)[1:]) s"
  elif . < 3600000 then "\(. / 60000 | floor)m \((. / 1000 | floor) % 60 | two)s"
  elif . < 172800000 then "\(. / 3600000 | floor)h \((. / 60000 | floor) % 60 | two)m"
  else "\(. / 86400000 | floor)d \((. / 3600000 | floor) % 24 | two)h" end;

(.scenarios // []) as $all
| ($all | map(select(verdict != "pass")) | sort_by(verdict | rank)) as $bad
| ($all | map(.rto_ms | values) | max) as $rto
| [ "## pulp-drill: \($verdict)\(if $part == "" then "" else ", part " + ($part | text(20)) end)",
    "",
    "\(count($all | map(select(verdict == "pass")) | length; "drill")) passed, "
      + "\($all | map(select(verdict == "fail")) | length) failed, "
      + "\($all | map(select(verdict == "unknown")) | length) unknown, "
      + "\((.skipped // []) | length) not run. Longest recovery time: \($rto | span).",
    "Engine \((.started.config.engine // "unknown") | text(80)), seed \((.started.seed // "unknown") | text(30)), "
      + "signing key \((.started.config["signing key"] // "none") | text(80)).",
    "",
    (if ($bad | length) > 0 then
      "| verdict | drill | findings | why |", "|---|---|---|---|",
      ($bad[:50][] | [
        "**\(verdict)**",
        (.id | text(80)),
        ([.findings // [], .judgement.roles // []] | transpose | map(select(.[1].role == "unexpected") | .[0].kind)
          | group_by(.) | map("\(length)× \(.[0] | text(60))") | .[:5] | join(", ")),
        ((.judgement.reasons // []) + (.errors // []) | if . == [] then ["it did not end"] else . end
          | .[:3] | map(text(240)) | join("<br>"))
      ] | "| " + join(" | ") + " |"),
      (if ($bad | length) > 50 then "", "And \(($bad | length) - 50) more: see report&#46;html." else empty end),
      ""
    else empty end),
    (if ((.budgets // []) | length) > 0 then
      "| budget | limit | measured | verdict |", "|---|---|---|---|",
      (.budgets[] | "| \(.budget | text(20)) | \(.limit_ms | span) | \(.measured_ms | span) | \(.verdict | text(10)) |"),
      ""
    else empty end),
    ((.skipped // [])[:20][] | "- not run: \(.id | text(80)): \(.why | text(160))"),
    ((.errors // [])[:20][] | "- error: \(text(240))"),
    (.finished.cut_short // empty | "- cut short: \(text(240))"),
    (if .finished == null then "- the run did not end" else empty end)
  ] | join("\n") + "\n"
