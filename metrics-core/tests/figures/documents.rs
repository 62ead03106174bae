//! `docs/metrics.md` is made from the table of families: `UPDATE_DOCS=1 cargo test -p metrics-core documents` writes it.

mod java;
mod sizes;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use metrics_core::{Family, Fault, Outcome, Type, families};

const HEAD: &str = "\
# Metrics

Every family that a process can export, made from the table in `metrics-core/src/families.rs`
(`UPDATE_DOCS=1 cargo test -p metrics-core documents` writes this page, and a test fails when it is stale).

All names of dubbo-go 3.3.2 are kept, with their types and labels, so that its dashboards and alerts work. What differs is the values, where
dubbo-go's are wrong: the last column says how.

## Labels

| label | value |
|---|---|
| `application_name`, `application_version` | the process's own application, on both sides (dubbo-go's consumer shows the provider's) |
| `hostname`, `ip` | the machine, and the address that the process gives to others |
| `git_commit_id` | always empty, as in dubbo-go |
| `interface`, `method` | the service and the method in the request's path. Methods that a known service does not have share `method=\"unknown\"`; beyond the cap on series all share `interface=\"other\", method=\"other\"` |
| `group`, `version` | Dubbo's service group and version, empty by default |
| `error_type` | `business` (code 17), `timeout` (4, or the deadline passed), `limit` (8), `unavailable` (14, 7), `cancelled` (1, or the call was dropped), `unknown` (the rest) |
| `error_code` | the number on the wire: gRPC's 1 to 16, Dubbo's 17, or `other` |
| `error_name` | the name of the code: `NOT_FOUND`, `BUSINESS` for Dubbo's 17, `OTHER` |
| `fault` | `provider` or `caller`: whose fault the failure is, by the table below |

## Whose fault a failed call is

Dubbo's families of failures count every failed call, as dubbo-go does. A budget of a service should count the provider's faults alone:
`sum(rate(dubbo_provider_errors_total{fault=\"provider\"}[5m]))`. One request for a method that is not there is then no fault of the service.

| `error_code` | `error_name` | `error_type` | `fault` |
|---|---|---|---|
FAULTS
## What the figures mean

* A call lasts from its request to the trailers of its response, streams included, or to where it is dropped. It ends once.
* `requests_total` counts calls that ended; it is the sum of succeeded and failed in every scrape. Calls that started and have not ended are in
  `requests_processing_total`, which is never negative. No counter ever steps back.
* The sliding window is `--metrics-window` long (120 s by default) and moves in ten panes: it covers nine to ten tenths of its length, and a young process
  its age, a second at least. It moves by `CLOCK_MONOTONIC`, whatever the processor's counter does. When calls stop, rates and aggregates fall to 0, and quantiles to NaN, within one window.
* Quantiles, and the window's minimum and maximum, are within 1 % of the exact values. All other times are exact but for rounding, and `last`, which has five digits.
* Times are told apart up to 2 hours and 25 minutes: quantiles end there, longer calls are under no bound but `+Inf`, and larger bounds are refused. Sums and
  maxima are exact beyond.
* A bucket of the histogram holds every call that took at most `le`, and may hold calls that took up to 1.6 % more. `_count` is the sum of the buckets.
  While calls are ending it can be ahead of `requests_total` by those; otherwise they are equal.
* Exemplars: a call whose header `traceparent` says that its trace is sampled leaves the trace's id on the bucket of its duration, and at its error if it
  fails, on either side. The newest call wins, and stays until a newer one comes. Scrapes by OpenMetrics and protobuf carry them (`trace_id`), the text format
  and the Pushgateway do not; Prometheus stores them with `--enable-feature=exemplar-storage`. Up to 63 calls with a trace that are under way at a time,
  for each method and processor, leave one.
* A native histogram (scrapes by protobuf) has 32 buckets for each power of two, and down to 8 when a method uses more than 160 of them: a quantile is within
  2.2 % then, or within 9.1 %, and 0.8 % more, as a call is placed by the middle of the bucket that it was counted in.
* Known methods stand there with zeros before their first call. `rt_milliseconds_{last,min,max,avg}` have no sample until there is a value.
";

const TAIL: &str = "\
## Families of Prometheus's client library

`process_cpu_seconds_total`, `process_max_fds`, `process_open_fds`, `process_resident_memory_bytes`, `process_start_time_seconds`, `process_threads`,
`process_virtual_memory_bytes`, as every client library has them (Linux), and whatever the program adds to `Metrics::prometheus_registry`.

## Families of dubbo-go that are not exported

| family | why |
|---|---|
| `dubbo_registry_register_requests_*`, `dubbo_register_rt_milliseconds_*` | registrations by interface: a registration here is one, whatever nodes it has |
| `dubbo_registry_subscribe_num_*` | dubbo-go counts unregistrations by interface in it; nothing here does that |
| `dubbo_configcenter_total` | there is no configuration centre |
| `go_*`, `promhttp_*` | they belong to Go's runtime and to its HTTP handler |
";

/// The rows of the table of faults: every code that a failed call can have.
fn faults() -> String {
    let mut rows = String::new();
    for code in 1..19 {
        let outcome = Outcome::from_code(code);
        let number = outcome
            .code()
            .map_or("other".to_owned(), |code| code.to_string());
        let fault = outcome.fault().map_or("", Fault::name);
        writeln!(
            rows,
            "| `{number}` | `{}` | `{}` | `{fault}` |",
            outcome.name(),
            outcome.kind().name()
        )
        .expect("a String takes everything");
    }
    rows
}

/// Makes the page anew; `written` is the one that there is.
fn page(written: &str) -> String {
    let mut page = HEAD.replacen("FAULTS\n", &format!("{}\n", faults()), 1);
    let families = families();
    let (calls, rest): (Vec<_>, Vec<_>) = families.iter().partition(|family| is_call(family));
    heading(
        &mut page,
        "Calls",
        &format!("Labels of every family: {}.", labels(&calls[0].labels)),
    );
    for family in calls.iter().filter(|family| {
        provider_name(&family.name).is_none_or(|name| calls.iter().all(|f| f.name != name))
    }) {
        row(
            &mut page,
            &family.name.replace("_provider_", "_{provider,consumer}_"),
            family,
            &calls[0].labels,
        );
    }
    let application = &rest[0].labels;
    heading(
        &mut page,
        "Registry, process, pushes",
        &format!(
            "Labels, where the table does not say otherwise: {}. A family of the registry or of the pusher appears with its first event.",
            labels(application)
        ),
    );
    for family in rest {
        row(&mut page, &family.name, family, application);
    }
    page.push('\n');
    page + TAIL + &sizes::section(written) + &java::section()
}

fn is_call(family: &Family) -> bool {
    family.labels.contains(&"method")
}

/// Returns the provider's name of a consumer's family.
fn provider_name(name: &str) -> Option<String> {
    name.contains("_consumer_")
        .then(|| name.replace("_consumer_", "_provider_"))
}

fn heading(page: &mut String, title: &str, text: &str) {
    write!(page, "\n## {title}\n\n{text}\n\n| family | type | unit | further labels | meaning | beside dubbo-go |\n|---|---|---|---|---|---|\n")
        .expect("a String takes everything");
}

fn row(page: &mut String, name: &str, family: &Family, base: &[&str]) {
    let Family {
        kind,
        help,
        unit,
        remark,
        ..
    } = family;
    let further: Vec<_> = family
        .labels
        .iter()
        .copied()
        .filter(|label| !base.contains(label))
        .collect();
    let further = if family.labels.is_empty() {
        "no labels".to_owned()
    } else {
        labels(&further)
    };
    writeln!(
        page,
        "| `{name}` | {} | {unit} | {further} | {help} | {remark} |",
        kind.name()
    )
    .expect("a String takes everything");
}

fn labels(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[test]
fn the_page_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let page = page(&written);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("docs/metrics.md can be written");
        return;
    }
    assert!(
        written == page,
        "docs/metrics.md is stale: UPDATE_DOCS=1 cargo test -p metrics-core documents"
    );
}

#[test]
fn every_family_stands_on_the_page_once() {
    let page = page("");
    let rows: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("| `dubbo_"))
        .collect();
    let distinct: BTreeSet<_> = rows.iter().collect();
    assert_eq!(rows.len(), distinct.len(), "no family stands there twice");
    for family in families() {
        let name = family
            .name
            .replace("_provider_", "_{provider,consumer}_")
            .replace("_consumer_", "_{provider,consumer}_");
        assert!(
            page.contains(&format!("`{name}`")) || page.contains(&format!("`{}`", family.name)),
            "{}",
            family.name
        );
    }
}

/// Families that real processes of dubbo-go 3.3.2 wrote, with their types.
const DUBBO_GO: &str = include_str!("dubbo-go-3.3.2.txt");

#[test]
fn every_family_that_dubbo_go_wrote_keeps_name_type_help_and_labels() {
    let ours = families();
    let mut checked = BTreeSet::new();
    for line in DUBBO_GO.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.splitn(4, '|');
        let (name, kind, help, label_names) =
            (fields.next(), fields.next(), fields.next(), fields.next());
        let (Some(name), Some(kind), Some(help), Some(label_names)) =
            (name, kind, help, label_names)
        else {
            panic!("{line:?} has not four fields");
        };
        let family = ours
            .iter()
            .find(|family| family.name == name)
            .unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(family.kind.name(), kind, "{name}");
        assert_eq!(family.help, help, "{name}");
        let mut sorted = family.labels.clone();
        sorted.sort_unstable();
        assert_eq!(sorted.join(","), label_names, "{name}");
        checked.insert(name);
    }
    assert!(checked.len() > 60, "{} families", checked.len());
    assert!(
        ours.iter().any(|family| family.kind == Type::Histogram),
        "a histogram of our own stands beside"
    );
}
