//! Reports as people and scripts see them.

use pushgateway::GroupingKey;

use super::*;

fn row(job: &str, age: u64, outcome: Outcome) -> Row {
    let group = Group {
        key: GroupingKey::new(job).with("instance", "host-1:42"),
        also: None,
        last_push: Some(Duration::from_secs(1_800_000_000 - age)),
        last_failure: None,
        last_push_succeeded: Some(true),
    };
    Row {
        group,
        age: Duration::from_secs(age),
        ttl: Duration::from_secs(600),
        outcome,
        attempts: 1,
    }
}

fn report() -> Report {
    Report {
        gateway_time: Some(Duration::from_secs(1_800_000_000)),
        verdicts: HashMap::from([
            (Verdict::Expired, 6),
            (Verdict::Live, 12),
            (Verdict::OtherJob, 3),
        ]),
        rows: vec![
            row("dubbo_server", 93_784, Outcome::Deleted),
            row("dubbo/ü", 7384, Outcome::WouldDelete),
            row("dubbo_\u{1b}[31m\n", 700, Outcome::PushedAgain),
            row("dubbo_client", 660, Outcome::Vanished),
            row(
                "dubbo_client",
                601,
                Outcome::Failed("the Pushgateway answered 500".into()),
            ),
            row("dubbo_late", 601, Outcome::Kept),
        ],
        readings: 3,
        window: Some(Duration::from_millis(125)),
        duration: Duration::from_millis(250),
        ..Report::new("http://gateway:9091".into(), false)
    }
}

fn written(report: &Report, form: Output) -> String {
    let mut out = Vec::new();
    report.write(form, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_table_shows_what_became_of_each_group() {
    insta::assert_snapshot!(written(&report(), Output::Table));
}

#[test]
fn the_json_is_one_line_with_every_figure() {
    let line = written(&report(), Output::Json);
    assert_eq!(line.matches('\n').count(), 1);
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&value).unwrap());
}

#[test]
fn a_pass_without_a_reading_claims_no_figures() {
    let error = PassError::TooMany {
        selected: 6,
        limit: 5,
    };
    let report = Report {
        error: Some(error),
        ..Report::new("http://gateway:9091".into(), false)
    };
    assert_eq!(
        written(&report, Output::Table),
        "http://gateway:9091 could not be read; 0.0s\n"
    );
}

#[test]
fn the_exit_status_tells_how_it_went() {
    let with = |outcomes: &[Outcome], error| Report {
        rows: outcomes
            .iter()
            .map(|outcome| row("dubbo_server", 700, outcome.clone()))
            .collect(),
        error,
        ..report()
    };
    let failed = Outcome::Failed("why".into());
    assert_eq!(with(&[], None).exit_status(), ExitStatus::Success);
    assert_eq!(
        with(&[Outcome::Deleted, Outcome::PushedAgain], None).exit_status(),
        ExitStatus::Success
    );
    assert_eq!(
        with(&[Outcome::Deleted, failed.clone()], None).exit_status(),
        ExitStatus::Incomplete
    );
    let too_many = PassError::TooMany {
        selected: 2,
        limit: 1,
    };
    assert_eq!(
        with(&[Outcome::Kept], Some(too_many)).exit_status(),
        ExitStatus::Incomplete
    );
    assert_eq!(
        with(&[Outcome::Kept], Some(PassError::Stopped)).exit_status(),
        ExitStatus::Incomplete
    );
    let no_clock = crate::listing::ListingError::NoClock {
        address: "http://gateway".into(),
    };
    assert_eq!(
        with(&[failed], Some(no_clock.into())).exit_status(),
        ExitStatus::Gateway
    );
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for form in [Output::Table, Output::Json] {
        assert!(report().write(form, &mut Gone).is_ok());
    }
}
