//! `report.html` in a real browser: its script runs under its own policy, it asks for nothing, it
//! fits a small screen, prints, and is whole without its script.

use crate::{
    html::parsed,
    records::{green, red, unknown},
};
use pulp_drill::report::{html::render, pages::ImageSources};
use std::{fs, path::Path, process::Command};

/// The browser; none where there is none, which is told.
pub fn browser() -> Option<&'static str> {
    let there =
        |name: &&str| Command::new(name).arg("--version").output().is_ok_and(|out| out.status.success());
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(there);
    if found.is_none() {
        println!("skipped: no Chromium is there to open the report");
    }
    found
}

/// Runs the browser on a page in a folder of its own and gives its standard output.
pub fn opened(browser: &str, folder: &Path, page: &str, options: &[&str]) -> String {
    let file = folder.join("report.html");
    fs::write(&file, page).expect("written");
    let mut command = Command::new(browser);
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
    ]);
    command.args([
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
    ]);
    command.arg(format!("--user-data-dir={}", folder.join("profile").display()));
    let fragment =
        options.iter().find_map(|o| o.strip_prefix('#')).map_or(String::new(), |f| format!("#{f}"));
    command.args(options.iter().filter(|o| !o.starts_with('#')));
    command.arg(format!("file://{}{fragment}", file.display()));
    let out = command.current_dir(folder).output().expect("the browser runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("UTF-8")
}

pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn the_script_runs_and_the_page_stays_sound() {
    let Some(browser) = browser() else { return };
    for record in [green(), red(), unknown()] {
        let folder = folder();
        let dom = opened(
            browser,
            folder.path(),
            &render(&record, &ImageSources::default()),
            &["--dump-dom", "#scenario-2"],
        );
        let all = record.scenarios.len();
        assert!(dom.contains(&format!("{all} of {all} shown")), "the filters did not count");
        assert!(!dom.contains("hidden=\"\""), "the filters stay hidden");
        assert_eq!(dom.matches("<details open").count(), 1, "the linked drill is not open");
        if let Some(read) = parsed(&dom) {
            assert_eq!(read["problems"], serde_json::json!([]));
            assert_eq!(read["drills"].as_array().map(Vec::len), Some(all));
        }
    }
}

#[test]
fn without_its_script_it_is_whole() {
    let Some(browser) = browser() else { return };
    let folder = folder();
    // As a viewer of CI artefacts does that lets no script run and no style in.
    let page = render(&red(), &ImageSources::default());
    let page =
        page.replacen("default-src 'none'; img-src data:; style-src", "default-src 'none'; old-src", 1);
    let page = page.replacen("script-src", "other-src", 1);
    let dom = opened(browser, folder.path(), &page, &["--dump-dom"]);
    assert!(dom.contains("id=\"filters\" hidden"), "filters that can't work are shown");
    assert!(dom.contains("Failed: 1 of 4 drills"));
    let Some(read) = parsed(&dom) else { return };
    assert_eq!(read["drills"].as_array().map(Vec::len), Some(4));
}

#[test]
fn it_asks_for_nothing_and_hostile_text_does_nothing() {
    let Some(browser) = browser() else { return };
    let folder = folder();
    let mut record = red();
    let evil = "</script><script>document.title='taken'</script><img src='http://evil.example/x.png'>";
    for scenario in &mut record.scenarios {
        scenario.started.iter_mut().for_each(|s| s.title = evil.to_owned());
        scenario.findings.iter_mut().for_each(|f| f.actual = evil.to_owned());
    }
    let log = format!("--log-net-log={}", folder.path().join("net.json").display());
    let page = render(&record, &ImageSources::default());
    let dom = opened(browser, folder.path(), &page, &["--dump-dom", &log]);
    assert!(!dom.contains("<title>taken"));
    assert!(!dom.contains("<img src=\"http"));
    let net = fs::read_to_string(folder.path().join("net.json")).expect("the browser's log");
    assert!(net.contains("\"events\"") && !net.contains("evil.example"), "the page asked for something");
    // The same text let loose is seen in the log: the log would tell.
    let loose = page
        .replace("<main", "<img src='http://evil.example/x.png'><main")
        .replace("default-src 'none'; img-src data:", "img-src *");
    opened(browser, folder.path(), &loose, &["--dump-dom", &log]);
    let net = fs::read_to_string(folder.path().join("net.json")).expect("the browser's log");
    assert!(net.contains("evil.example"), "the log tells nothing");
}

#[test]
fn its_policy_keeps_out_what_is_not_its_own() {
    let Some(browser) = browser() else { return };
    let folder = folder();
    let planted = "<main id=\"main\"><script>document.title = 'planted'</script><p onclick=\"x\">";
    let page = render(&red(), &ImageSources::default());
    let page = page.replacen("<main id=\"main\"", planted, 1);
    let dom = opened(browser, folder.path(), &page, &["--dump-dom"]);
    assert!(dom.contains("document.title = 'planted'") && !dom.contains("<title>planted"));
    assert!(dom.contains("4 of 4 shown"), "its own script was kept out too");
}

#[test]
fn it_fits_wide_and_small_screens_light_and_dark() {
    let Some(browser) = browser() else { return };
    let page = render(&red(), &ImageSources::default());
    // A script of the test's own writes down what the page measures.
    let (before, rest) = page.split_once("<meta http-equiv").expect("its policy");
    let (_, rest) = rest.split_once('>').expect("its end");
    let measure = "<script>const d = document.documentElement; const c = getComputedStyle(document.body); \
        document.body.dataset.measured = `${d.scrollWidth}/${innerWidth} ${c.color} on ${c.backgroundColor}`</script></body>";
    let page = format!("{before}{}", rest.replace("</body>", measure));
    let mut seen = Vec::new();
    // The browser makes no narrower window.
    for (size, dark) in [("1280,900", false), ("500,844", false), ("1280,900", true)] {
        let folder = folder();
        let window = format!("--window-size={size}");
        let mut options = vec!["--dump-dom", window.as_str()];
        if dark {
            options.push("--blink-settings=preferredColorScheme=0");
        }
        let dom = opened(browser, folder.path(), &page, &options);
        let measured =
            dom.split("data-measured=\"").nth(1).and_then(|m| m.split('"').next()).expect("measured");
        let (widths, colours) = measured.split_once(' ').expect("two parts");
        let (needs, has) = widths.split_once('/').expect("two widths");
        let [needs, has] = [needs, has].map(|n| n.parse::<u32>().expect("a width"));
        assert!(needs <= has, "{size}: {needs} pixels in {has}");
        seen.push(colours.to_owned());
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2], "dark is light");
}

#[test]
fn it_prints() {
    let Some(browser) = browser() else { return };
    let folder = folder();
    let pdf = folder.path().join("printed.pdf");
    let print = format!("--print-to-pdf={}", pdf.display());
    opened(browser, folder.path(), &render(&red(), &ImageSources::default()), &[&print]);
    let Ok(text) = Command::new("pdftotext").arg(&pdf).arg("-").output() else {
        println!("skipped: pdftotext is not there to read the print");
        return;
    };
    let text = String::from_utf8_lossy(&text.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in ["Failed: 1 of 4 drills", "What was not shown", "What to do:", "no such key", "DORA 12(7)"]
    {
        assert!(text.contains(wanted), "{wanted} is not in print: {text}");
    }
    assert!(!text.contains("Skip to the verdict"));
}
