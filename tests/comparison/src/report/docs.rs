//! The figures in `docs/benchmarks.md`, between two marks, and the plot beside it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use comfy_table::Table;

use super::table;
use crate::machine::BUSY;
use crate::part::Part;
use crate::plot;
use crate::results::Results;

const BEGIN: &str = "<!-- ./bench.sh writes from here -->";
const END: &str = "<!-- to here -->";
const PAGE: &str = "benchmarks.md";
const PLOT: &str = "side-by-side.svg";

/// The folder of the page and the plot.
#[derive(Clone, Debug)]
pub(crate) struct Docs {
    folder: PathBuf,
}

impl Docs {
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Writes both.
    ///
    /// # Errors
    /// When the page has no marks, or a file cannot be written.
    pub(crate) fn write(&self, results: &Results) -> anyhow::Result<()> {
        let page = self.folder.join(PAGE);
        let text = fs::read_to_string(&page).with_context(|| page.display().to_string())?;
        let text = between_marks(&text, &markdown(results))
            .with_context(|| format!("{} has no {BEGIN:?} before {END:?}", page.display()))?;
        fs::write(&page, text).with_context(|| page.display().to_string())?;
        plot::draw(results, &self.folder.join(PLOT))
    }
}

fn between_marks(page: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{text}\n{END}{after}"))
}

/// Returns everything that was measured as Markdown.
fn markdown(results: &Results) -> String {
    let mut text = String::new();
    section(
        &mut text,
        "Targets",
        "Of ours with all defaults. *Per-core* and *work-stealing* are ours with that `--runtime`; plain tonic has no metrics, registry or health.",
        vec![table::targets(results)],
    );
    let reasons = table::reasons(results);
    if !reasons.is_empty() {
        let _ = write!(text, "{}\n\n", reasons.join("\n"));
    }
    for part in Part::ALL {
        if results.parts.contains_key(&part) {
            section(
                &mut text,
                part.title(),
                note(part),
                table::of(results, part),
            );
        }
    }
    let _ = write!(text, "### Where and when\n\n");
    let mut machine = None;
    for (part, measured) in &results.parts {
        if machine != Some(&measured.machine) {
            machine = Some(&measured.machine);
            let _ = write!(text, "{}\n\n", measured.machine.sentence());
        }
        let busy = if measured.busy > BUSY {
            "; the machine was busy"
        } else {
            ""
        };
        let before = match &measured.before {
            Some(commit) => format!("; ours per-core is built from {commit}"),
            None => String::new(),
        };
        let _ = writeln!(
            text,
            "* {part}: {}, {} rounds in {:.0} s, {:.0} % of the machine in use by others before{busy}{before}",
            measured.at,
            measured.rounds,
            measured.seconds,
            measured.busy * 100.0,
        );
    }
    text
}

/// Adds a heading, a note, and tables.
fn section(text: &mut String, heading: &str, note: &str, tables: Vec<Table>) {
    let _ = write!(text, "### {heading}\n\n{note}\n");
    for table in tables {
        let _ = write!(text, "\n{}\n", table::lines(table));
    }
    text.push('\n');
}

/// Returns how a part is measured.
fn note(part: Part) -> &'static str {
    match part {
        Part::Handlers => {
            "\
Each greeting computes for 200 µs, on 8 connections and on one; `h2load` needs the cores, too. Then there are two methods, one of which
answers at once: 4 connections call it 100 times a second each while 4 others call the one that computes without a pause; and on one
connection it is called 250 times a second, and health is checked as often, beside a method that blocks its thread for 50 ms."
        }
        Part::Provider => {
            "\
All providers run at once, registered in ZooKeeper, with health and metadata service, and take turns under `h2load` with 8
connections and 16 calls in flight on each; then with one connection and 128 calls in flight; then at 2,000 calls/s. No delay, no
errors. *× n* is the median of the rounds' ratios to dubbo-go with metrics, *±* half of what lies between the lowest and the highest
round. Memory is what is resident after a turn."
        }
        Part::Consumer => {
            "\
16 callers without a pause, all on the same provider of ours, found through ZooKeeper (plain tonic and ours in a program's own
`#[tokio::main]`: told), which counts the calls."
        }
        Part::Pair => {
            "\
A consumer and a provider of the same kind. First 16 callers without a pause; then 16 callers with a pause of 8 ms each, whose
response times are the callers' own."
        }
        Part::Exactness => {
            "\
Calls are counted by `h2load` and, afterwards, by the provider's `dubbo_provider_requests_total`. For the quantiles each call takes
100 to 800 ms, spread evenly over the logarithm; the true ones come from `h2load`'s log of every call."
        }
        Part::Costs => {
            "\
Providers are called from their start on until they answer; consumers start beside a registered provider of ours. Scrapes are not
compressed. Pushes go to a Pushgateway each second, and carry what an idle process costs besides."
        }
        Part::Growth => {
            "\
Medians of three turns. Connections: 2,000 calls/s over all of them. Providers: a consumer's 16 callers without a pause, on providers in one process.
Methods: called in turn under `h2load`, 8 × 16. *each* is the slope of the line of least squares; a figure is *flat* when its highest
point is at most 15 % above its lowest, *linear* when a rising line explains 97 % of its variance."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let page = format!("# Title\n\n{BEGIN}\nold\n{END}\n\n## More\n");
        let written = between_marks(&page, "new\n").unwrap();
        assert_eq!(
            written,
            format!("# Title\n\n{BEGIN}\n\nnew\n\n{END}\n\n## More\n")
        );
        let again = between_marks(&written, "new\n").unwrap();
        assert_eq!(again, written);
    }

    #[test]
    fn a_page_without_marks_is_left_alone() {
        assert_eq!(between_marks("# Title\n", "new"), None);
        assert_eq!(between_marks(&format!("{END}{BEGIN}"), "new"), None);
    }
}
