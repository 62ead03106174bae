//! What real processes of the other languages exported, through the rules: each recorded series says what the capture says.

use std::fmt::Write as _;

use stack::{Dashboard, all_panels, json, list, path, string, text, tool};
use test_servers::{PrometheusVersion, Sample};

/// What a capture counted of `greet.GreetService/Greet` on one side.
#[derive(Debug)]
struct Capture {
    file: &'static str,
    side: &'static str,
    application: &'static str,
    /// Calls, failures, business errors.
    counts: [f64; 3],
    /// Seconds in all.
    seconds: f64,
    /// Calls that took longer than the latency objective; nothing where buckets are missing.
    slow: Option<f64>,
    /// In seconds: the process's own quantile, or one of the bounds of its histogram.
    p99: (f64, f64),
}

const CAPTURES: [Capture; 4] = [
    Capture {
        file: "dubbo-go-3.3.2-server",
        side: "provider",
        application: "dubbo.io",
        counts: [3010.0, 24.0, 24.0],
        seconds: 30.925,
        slow: None,
        p99: (0.012, 0.012),
    },
    Capture {
        file: "dubbo-go-3.3.2-client",
        side: "consumer",
        application: "dubbo.io",
        counts: [10.0, 0.0, 0.0],
        seconds: 0.124,
        slow: None,
        p99: (0.016, 0.016),
    },
    Capture {
        file: "dubbo-java-3.3.6-provider",
        side: "provider",
        application: "java-provider",
        counts: [1441.0, 144.0, 143.0],
        seconds: 19.028,
        slow: Some(0.0),
        p99: (0.0, 0.1),
    },
    Capture {
        file: "dubbo-java-3.3.6-consumer",
        side: "consumer",
        application: "java-consumer",
        counts: [1425.0, 142.0, 142.0],
        seconds: 61.945,
        slow: Some(4.0),
        p99: (0.1, 0.3),
    },
];

/// Gauges whose names end like those of counters.
const GAUGES: [&str; 4] = ["processing_total", "qps_total", "_num_", "info_total"];

/// Returns a capture as promtool's input: what is counted came evenly within ten minutes.
fn input(file: &str) -> String {
    let mut series = String::new();
    for sample in Sample::parse(&text(&format!("tests/stack/captures/{file}.prom"))) {
        if !sample.value.is_finite() {
            continue;
        }
        let name = sample.name();
        let counted = ["_total", "_sum", "_count", "_bucket"]
            .iter()
            .any(|end| name.ends_with(end))
            && !GAUGES.iter().any(|gauge| name.contains(gauge));
        let labels: Vec<_> = sample
            .labels
            .iter()
            .filter(|(label, _)| *label != "__name__")
            .map(|(label, value)| format!("{label}={value:?}"))
            .collect();
        let values = if counted {
            format!("0+{}x10", sample.value / 10.0)
        } else {
            format!("{}x10", sample.value)
        };
        // Writing to a text does not fail.
        let _ = writeln!(
            series,
            "      - {{ series: '{name}{{job=\"dubbo\", instance=\"a\", {}}}', values: '{values}' }}",
            labels.join(", ")
        );
    }
    series
}

/// Returns an expectation on one value after ten minutes.
fn expect(expression: &str, value: f64) -> String {
    format!(
        "      - {{ expr: '{expression}', eval_time: 10m, exp_samples: [{{ labels: '{{}}', value: {value} }}] }}\n"
    )
}

/// Returns expectations that the rows of a side have something to draw of a capture, except what its language does not count.
fn panels_answer(capture: &Capture) -> String {
    let dashboard = Dashboard::new("5m", "5m");
    let side = match capture.side {
        "provider" => "Provider ",
        _ => "Consumer ",
    };
    let content = json("grafana.json");
    let mut text = String::new();
    let mut asked = 0;
    for panel in all_panels(&content) {
        let title = string(&panel["title"]);
        let Some(what) = title.strip_prefix(side) else {
            continue;
        };
        let missing = match what {
            // No capture has budgets of an hour, columns of errors that did not happen, or streams.
            "latency budget" | "statistics" | "messages" => true,
            "errors by type" => capture.counts[1] == 0.0,
            // dubbo-go has quantiles and no buckets.
            "response times" => capture.slow.is_none(),
            _ => false,
        };
        for target in list(&panel["targets"]) {
            let query = dashboard.query(&format!("panel {title} {}", string(&target["refId"])));
            if !missing && !query.ends_with(" @ 0") {
                text += &expect(&format!("count({query}) > bool 0"), 1.0);
                asked += 1;
            }
        }
    }
    assert!(asked >= 9, "{asked} queries of {side}");
    text
}

#[test]
fn recorded_series_say_what_processes_of_other_languages_counted() {
    let mut file = format!(
        "rule_files: [{}]\nevaluation_interval: 15s\ntests:\n",
        path("prometheus_grafana/rules/recording.yml")
            .canonicalize()
            .expect("the rules are there")
            .display()
    );
    for capture in &CAPTURES {
        let Capture {
            side, application, ..
        } = capture;
        file += &format!(
            "  - name: {}\n    interval: 1m\n    input_series:\n{}    promql_expr_test:\n",
            capture.file,
            input(capture.file)
        );
        let of = format!(
            "{{side=\"{side}\",application_name=\"{application}\",interface=\"greet.GreetService\",method=\"Greet\"}}"
        );
        // 600 s times a rate, to the thousandth.
        let counted = |name: &str| format!("round(sum(dubbo:{name}:rate5m{of}) * 600, 0.001)");
        let [calls, failed, business] = capture.counts;
        file += &expect(&counted("requests"), calls);
        file += &expect(&counted("requests_failed"), failed);
        file += &expect(&counted("requests_business_failed"), business);
        file += &expect(&counted("requests_faulty"), failed - business);
        file += &expect(&counted("request_duration_seconds_sum"), capture.seconds);
        if business > 0.0 {
            file += &expect(
                &format!(
                    "round(sum(dubbo:errors:rate5m{{side=\"{side}\",error_type=\"business\"}}) * 600, 0.001)"
                ),
                business,
            );
        }
        if let Some(slow) = capture.slow {
            file += &expect(&counted("requests_slow"), slow);
        }
        // A process without buckets has no objective, rather than one that is always met.
        let timed = format!(
            "count(dubbo:service_requests_timed:rate5m{{side=\"{side}\",application_name=\"{application}\",interface=\"greet.GreetService\"}}) or vector(0)"
        );
        file += &expect(&timed, if capture.slow.is_some() { 1.0 } else { 0.0 });
        file += &panels_answer(capture);
        let (least, most) = capture.p99;
        let p99 = format!("dubbo:request_duration_seconds:p99{of}");
        file += &expect(&format!("count({p99} >= {least} <= {most})"), 1.0);
        file += &expect(
            &format!("count(dubbo:process_up{{application_name=\"{application}\"}})"),
            1.0,
        );
        file += &expect(
            &format!(
                "count(dubbo:interface_processes{{side=\"{side}\",interface=\"greet.GreetService\"}})"
            ),
            1.0,
        );
        // Frameworks call themselves; that is no traffic.
        file += &expect(
            "count(dubbo:requests:rate5m{interface!=\"greet.GreetService\"}) or vector(0)",
            0.0,
        );
        file += &expect(
            &format!("round(sum(dubbo:availability_missed:ratio5m{{side=\"{side}\"}}) * 100000)"),
            ((failed - business) / calls * 1e5).round(),
        );
    }
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let test = folder.path().join("captures.test.yml");
    std::fs::write(&test, file).expect("the folder is ours");
    for version in PrometheusVersion::all() {
        let program = version.program("promtool").display().to_string();
        tool(
            &program,
            "prometheus",
            ["test", "rules", &test.display().to_string()],
        );
    }
}
