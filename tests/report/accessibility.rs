//! axe-core finds no violation on any kind of page, contrast included. It runs in the system's Chromium; where the
//! browser or axe-core (`npm ci --prefix tests/report/axe`) is missing, the test is skipped.

use crate::{
    history::{at, ledger_page},
    html_browser::{browser, folder, opened},
    records::{cut_short, green, large, red, unknown},
};
use pulp_drill::{
    model::record::RunRecord,
    report::{html::render, pages::ImageSources},
};

const AXE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/report/axe/node_modules/axe-core/axe.min.js");

/// Replaces the page by the violations, one a line, after axe has run.
const RUN: &str = "axe.run().then(results => { document.body.innerHTML = \"<pre id=axe>\" + \
    results.violations.flatMap(v => v.nodes.map(n => v.id + \": \" + n.target.join(\" \") + \" \" + n.failureSummary)) \
    .join(\"\\n\").replaceAll(\"<\", \"&lt;\") + \"</pre>\"; });";

/// What axe-core reports about a page.
fn violations(browser: &str, axe: &str, page: &str, options: &[&str]) -> String {
    // The page's own policy allows no other script.
    let (before, rest) = page.split_once("<meta http-equiv").expect("a policy");
    let (_, after) = rest.split_once('>').expect("an end");
    let (head, end) = after.rsplit_once("</body>").expect("a body");
    let page = format!("{before}{head}<script>{axe}</script><script>{RUN}</script></body>{end}");
    let mut all = vec!["--dump-dom", "--virtual-time-budget=60000"];
    all.extend(options);
    let dom = opened(browser, folder().path(), &page, &all);
    let (_, found) = dom.split_once("<pre id=\"axe\">").unwrap_or_else(|| panic!("axe did not run: {dom}"));
    found.split("</pre>").next().unwrap_or_default().to_owned()
}

#[test]
fn axe_finds_no_violation() {
    let Some(browser) = browser() else { return };
    let Ok(axe) = std::fs::read_to_string(AXE) else {
        println!("skipped: npm ci --prefix tests/report/axe was not run");
        return;
    };
    let page = |record: &RunRecord| render(record, &ImageSources::default());
    let dark = "--blink-settings=preferredColorScheme=0";
    for (name, page, options) in [
        ("green", page(&green()), vec!["--window-size=1280,900"]),
        ("red", page(&red()), vec!["--window-size=1280,900"]),
        ("red, dark, small", page(&red()), vec![dark, "--window-size=400,800"]),
        ("unknown, dark", page(&unknown()), vec![dark, "--window-size=1280,900"]),
        ("cut short", page(&cut_short()), vec!["--window-size=400,800"]),
        ("large", page(&large()), vec!["--window-size=1280,900"]),
        ("empty", page(&RunRecord::default()), vec!["--window-size=1280,900"]),
        ("ledger", ledger_page(at("2026-12-01T00:00:00Z")), vec!["--window-size=1280,900"]),
        ("ledger, dark, small", ledger_page(at("2027-03-01T00:00:00Z")), vec![dark, "--window-size=400,800"]),
    ] {
        assert_eq!(violations(browser, &axe, &page, &options), "", "{name}");
    }
}
