//! Timelines as SVG: a bar for each step in its lane, and the drills of a run in rows. Each has a text alternative;
//! the table of steps has the same figures.

use crate::{
    base::clock::human,
    model::{
        event::StepStage,
        record::{RunRecord, ScenarioRecord, Skipped},
        verdict::Verdict,
    },
    report::html::text::{count, line, verdict_class, verdict_sign, verdict_word},
};
use chrono::{DateTime, TimeDelta, Utc};
use maud::{Markup, html};

/// Left edge and total width of the bars, in units of the image.
const LEFT: f64 = 90.0;
const WIDTH: f64 = 850.0;
const RIGHT: f64 = 60.0;
const ROW: f64 = 22.0;

/// The most rows of the timeline of the run.
const MOST: usize = 200;

/// In a larger run, the drills that passed are grouped.
const MOST_SINGLE: usize = 20;

/// A lane, in display order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    Stores,
    Engine,
    Backup,
    Fault,
    Restore,
    Verify,
}

impl Lane {
    const ALL: [Self; 6] =
        [Self::Stores, Self::Engine, Self::Backup, Self::Fault, Self::Restore, Self::Verify];

    fn name(self) -> &'static str {
        match self {
            Self::Stores => "stores",
            Self::Engine => "engine",
            Self::Backup => "backup",
            Self::Fault => "fault",
            Self::Restore => "restore",
            Self::Verify => "verify",
        }
    }

    /// The colour if the style sheet is blocked.
    fn fill(self) -> &'static str {
        match self {
            Self::Stores => "#6b7280",
            Self::Engine => "#7c3aed",
            Self::Backup => "#2563eb",
            Self::Fault => "#c2410c",
            Self::Restore => "#0f766e",
            Self::Verify => "#a16207",
        }
    }

    /// The lane of a step.
    fn of(stage: StepStage) -> Self {
        match stage {
            StepStage::Engine => Self::Engine,
            StepStage::Backup => Self::Backup,
            StepStage::Fault => Self::Fault,
            StepStage::Loss => Self::Stores,
            StepStage::Restore => Self::Restore,
        }
    }
}

/// An interval in a lane.
struct Bar {
    lane: Lane,
    name: String,
    from: DateTime<Utc>,
    ms: u64,
    ended: bool,
}

impl Bar {
    fn end(&self) -> DateTime<Utc> {
        self.from + TimeDelta::milliseconds(i64::try_from(self.ms).unwrap_or(0).min(1_000_000_000_000))
    }
}

fn bars(scenario: &ScenarioRecord) -> Vec<Bar> {
    let mut bars = Vec::new();
    let first = scenario.steps.first().map(|s| s.began);
    if let (Some(began), Some(first)) = (scenario.began, first) {
        let ms = u64::try_from((first - began).num_milliseconds()).unwrap_or(0);
        let name = "create, fill and check the site".to_owned();
        bars.push(Bar { lane: Lane::Stores, name, from: began, ms, ended: true });
    }
    bars.extend(scenario.steps.iter().map(|step| Bar {
        lane: Lane::of(step.stage),
        name: line(&step.name),
        from: step.began,
        ms: step.ms.unwrap_or(0),
        ended: step.ms.is_some(),
    }));
    for ((check, _, ms), end) in scenario.checks.iter().zip(&scenario.check_ends) {
        let from = *end - TimeDelta::milliseconds(i64::try_from(*ms).unwrap_or(0).min(1_000_000_000_000));
        bars.push(Bar { lane: Lane::Verify, name: check.id().to_owned(), from, ms: *ms, ended: true });
    }
    bars
}

/// From a time to a horizontal position.
struct Scale {
    from: DateTime<Utc>,
    ms: f64,
}

impl Scale {
    /// At least one millisecond long.
    fn over(from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        Self { from, ms: ms_f64((to - from).num_milliseconds()).max(1.0) }
    }

    fn x(&self, at: DateTime<Utc>) -> f64 {
        LEFT + (ms_f64((at - self.from).num_milliseconds()) / self.ms).clamp(0.0, 1.0) * WIDTH
    }

    /// Whole, round times: four to eight of them.
    fn ticks(&self) -> impl Iterator<Item = u64> {
        let mut step = 1.0;
        for factor in [2.0, 2.5, 2.0].into_iter().cycle().take(60) {
            if self.ms / step <= 8.0 {
                break;
            }
            step *= factor;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "milliseconds, not negative"
        )]
        let (step, all) = (step.max(1.0) as u64, self.ms as u64);
        (0..=all).step_by(usize::try_from(step).unwrap_or(usize::MAX))
    }

    fn axis(&self, height: f64) -> Markup {
        html! {
            @for tick in self.ticks() {
                @let x = self.x(self.from + TimeDelta::milliseconds(i64::try_from(tick).unwrap_or(0)));
                line .grid x1=(place(x)) x2=(place(x)) y1="0" y2=(place(height)) stroke="#9ca3af" stroke-width="0.5" {}
                text .tick x=(place(x)) y=(place(height + 14.0)) font-size="11" text-anchor="middle" { (human(tick)) }
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
fn ms_f64(ms: i64) -> f64 {
    ms as f64
}

fn place(x: f64) -> String {
    format!("{x:.1}")
}

/// One drill in lanes. `at` makes its ids unique.
pub fn of_scenario(scenario: &ScenarioRecord, at: &str) -> Markup {
    let bars = bars(scenario);
    let (Some(from), Some(to)) = (bars.iter().map(|b| b.from).min(), bars.iter().map(Bar::end).max()) else {
        return html! {};
    };
    let scale = Scale::over(from, to);
    let height = ROW * 6.0;
    html! {
        svg .timeline viewBox={ "0 0 " (place(LEFT + WIDTH + RIGHT)) " " (place(height + 20.0)) } role="img"
            aria-labelledby={ "time-" (at) " text-" (at) } xmlns="http://www.w3.org/2000/svg" {
            title id={ "time-" (at) } { "Timeline of " (line(scenario.id.as_str())) }
            desc id={ "text-" (at) } { (describe(&bars, from)) }
            (scale.axis(height))
            @for (row, lane) in Lane::ALL.into_iter().enumerate() {
                @let y = ROW * f64::from(u8::try_from(row).unwrap_or(u8::MAX));
                text .lane x="0" y=(place(y + 15.0)) font-size="12" { (lane.name()) }
                @for bar in bars.iter().filter(|bar| bar.lane == lane) { (rect(bar, &scale, y + 3.0, ROW - 6.0)) }
            }
        }
    }
}

fn rect(bar: &Bar, scale: &Scale, y: f64, height: f64) -> Markup {
    let (x, end) = (scale.x(bar.from), scale.x(bar.end()));
    let width = (end - x).max(2.0);
    let title = format!("{}: {}", bar.name, if bar.ended { human(bar.ms) } else { "did not end".to_owned() });
    // A letter is some six units wide.
    let fits =
        bar.name.chars().count() * 7 < width.abs().min(1000.0).floor().to_string().parse().unwrap_or(0);
    html! {
        g {
            title { (title) }
            rect class={ "bar " (bar.lane.name()) } x=(place(x)) y=(place(y)) width=(place(width)) height=(place(height))
                rx="2" fill=(bar.lane.fill()) {}
            @if fits && height > 12.0 {
                text .name x=(place(x + 4.0)) y=(place(y + 12.0)) font-size="11" fill="#ffffff" { (bar.name) }
            }
        }
    }
}

fn describe(bars: &[Bar], from: DateTime<Utc>) -> String {
    let one = |bar: &Bar| {
        let at = human(u64::try_from((bar.from - from).num_milliseconds()).unwrap_or(0));
        let took = if bar.ended { format!("for {}", human(bar.ms)) } else { "without an end".to_owned() };
        format!("{}: {} at {at} {took}", bar.lane.name(), bar.name)
    };
    bars.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// A row of the run's timeline.
struct Row<'a> {
    head: &'static str,
    name: String,
    bars: Vec<Bar>,
    /// The drill, if the row is of one only.
    drill: Option<&'a ScenarioRecord>,
}

/// All drills of a run: a row for each, or for a large run a row for each that did not pass and a few in which the
/// passed ones follow one another.
pub fn of_run(record: &RunRecord) -> Markup {
    let grouped = record.scenarios.len() > MOST_SINGLE;
    let (passed, others): (Vec<&ScenarioRecord>, Vec<_>) =
        record.scenarios.iter().partition(|s| grouped && s.verdict() == Verdict::Pass);
    let mut rows: Vec<Row<'_>> = others.into_iter().filter_map(single).take(MOST).collect();
    rows.extend(packed(&passed));
    let times = || rows.iter().flat_map(|row| &row.bars);
    let (from, to) = (times().map(|b| b.from).min(), times().map(Bar::end).max());
    html! {
        section aria-labelledby="timeline" {
            h2 id="timeline" { "Timeline of the run" }
            @match (from, to) {
                (Some(from), Some(to)) => {
                    p .legend aria-hidden="true" {
                        @for lane in Lane::ALL { span { span class={ "key " (lane.name()) } {} (lane.name()) } }
                    }
                    @if !passed.is_empty() {
                        p .quiet { "The " (count(passed.len(), "drill")) " that passed are grouped, one bar for each." }
                    }
                    (picture(record, &rows, &Scale::over(from, to)))
                }
                _ => { p { "No drill started." } }
            }
        }
    }
}

fn single(scenario: &ScenarioRecord) -> Option<Row<'_>> {
    let bars = bars(scenario);
    let name = format!("{} {}", verdict_sign(scenario.verdict()), line(scenario.id.as_str()));
    let head = verdict_class(scenario.verdict());
    (!bars.is_empty()).then_some(Row { head, name, bars, drill: Some(scenario) })
}

/// Passed drills in as few rows as have drills at the same time.
fn packed(passed: &[&ScenarioRecord]) -> Vec<Row<'static>> {
    let whole = |scenario: &&ScenarioRecord| {
        let bars = bars(scenario);
        let from = bars.iter().map(|b| b.from).min()?;
        let ms = (bars.iter().map(Bar::end).max()? - from).num_milliseconds();
        let (name, ms) = (line(scenario.id.as_str()), u64::try_from(ms).unwrap_or(0));
        Some(Bar { lane: Lane::Verify, name, from, ms, ended: true })
    };
    let mut drills: Vec<Bar> = passed.iter().filter_map(whole).collect();
    drills.sort_by_key(|bar| bar.from);
    let mut rows: Vec<Vec<Bar>> = Vec::new();
    for drill in drills {
        match rows.iter_mut().find(|row| row.last().is_none_or(|last| last.end() <= drill.from)) {
            Some(row) => row.push(drill),
            None => rows.push(vec![drill]),
        }
    }
    let named = |bars: Vec<Bar>| {
        let name = format!("{} {}", verdict_sign(Verdict::Pass), count(bars.len(), "drill"));
        Row { head: verdict_class(Verdict::Pass), name, bars, drill: None }
    };
    rows.into_iter().take(MOST).map(named).collect()
}

fn picture(record: &RunRecord, rows: &[Row<'_>], scale: &Scale) -> Markup {
    let row_at = |row: usize| 30.0 * f64::from(u16::try_from(row).unwrap_or(u16::MAX));
    let skipped = &record.skipped[..record.skipped.len().min(MOST)];
    let height = row_at(rows.len() + skipped.len());
    html! {
        svg .timeline viewBox={ "0 0 " (place(LEFT + WIDTH + RIGHT)) " " (place(height + 20.0)) } role="img"
            aria-labelledby="time-run text-run" xmlns="http://www.w3.org/2000/svg" {
            title id="time-run" { "All drills of run " (line(record.id().as_str())) " over time" }
            desc id="text-run" { (describe_rows(rows, skipped)) }
            (scale.axis(height))
            @for (at, Row { head, name, bars, drill }) in rows.iter().enumerate() {
                @let y = row_at(at);
                @let x = bars.iter().map(|b| scale.x(b.from)).fold(LEFT + WIDTH, f64::min);
                // A late name is right-aligned so that it stays inside the image.
                @let late = x > LEFT + WIDTH * 0.6;
                text .lane x=(place(if late { LEFT + WIDTH + RIGHT } else { x })) y=(place(y + 13.0)) font-size="11"
                    text-anchor=(if late { "end" } else { "start" }) { (name) }
                @for bar in bars {
                    @if drill.is_some() { (rect(bar, scale, y + 17.0, 9.0)) } @else { (drill_bar(bar, scale, y + 17.0)) }
                }
                text x="0" y=(place(y + 25.0)) font-size="11" { (head) }
            }
            @for (row, skipped) in skipped.iter().enumerate() {
                @let y = place(row_at(rows.len() + row) + 25.0);
                text .lane x=(place(LEFT)) y=(y) font-size="11" { "– " (line(skipped.id.as_str())) }
                text x="0" y=(y) font-size="11" { "skipped" }
            }
        }
    }
}

/// A passed drill as one bar, with a gap to the next one.
fn drill_bar(bar: &Bar, scale: &Scale, y: f64) -> Markup {
    let (x, end) = (scale.x(bar.from), scale.x(bar.end()));
    html! {
        g {
            title { (bar.name) ": " (human(bar.ms)) }
            rect .bar .passed x=(place(x)) y=(place(y)) width=(place((end - x - 1.0).max(1.5))) height="9.0" rx="2"
                fill="#0f6b34" {}
        }
    }
}

/// The text alternative; passed drills that are grouped are counted, because the table names them.
fn describe_rows(rows: &[Row<'_>], skipped: &[Skipped]) -> String {
    let row = |row: &Row<'_>| match row.drill {
        Some(s) => format!("{}: {}, {}", line(s.id.as_str()), verdict_word(s.verdict()), human(s.ms)),
        None => format!("{} that passed, one after the other", count(row.bars.len(), "drill")),
    };
    let skipped = skipped.iter().map(|s| format!("{}: skipped", line(s.id.as_str())));
    rows.iter().map(row).chain(skipped).collect::<Vec<_>>().join("; ")
}
