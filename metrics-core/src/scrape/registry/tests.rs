//! What a scrape shows of the events that were told.

use std::time::Duration;

use super::*;
use crate::registry::DirectorySizes;

fn text(metrics: &RegistryMetrics) -> String {
    let mut text = Text::default();
    write(&mut text, metrics, &Labels::one("application_name", "a"));
    text.into_string()
}

#[test]
fn nothing_is_exported_before_the_first_event() {
    assert_eq!(text(&RegistryMetrics::default()), "");
}

#[test]
fn a_failed_registration_is_a_failure() {
    let metrics = RegistryMetrics::default();
    metrics.registered(false, Duration::from_millis(30));
    metrics.registered(true, Duration::from_micros(500));
    let text = text(&metrics);
    for line in [
        "dubbo_registry_register_service_total{application_name=\"a\"} 2",
        "dubbo_registry_register_service_succeed_total{application_name=\"a\"} 1",
        "dubbo_registry_register_service_failed_total{application_name=\"a\"} 1",
        "dubbo_register_service_rt_milliseconds_sum{application_name=\"a\"} 30.5",
        "dubbo_register_service_rt_milliseconds_last{application_name=\"a\"} 0.5",
        "dubbo_register_service_rt_milliseconds_min{application_name=\"a\"} 0.5",
        "dubbo_register_service_rt_milliseconds_max{application_name=\"a\"} 30",
        "dubbo_register_service_rt_milliseconds_avg{application_name=\"a\"} 15.25",
    ] {
        assert!(
            text.lines().any(|l| l == line),
            "{line} is missing in\n{text}"
        );
    }
}

#[test]
fn a_notification_tells_the_number_of_instances() {
    let metrics = RegistryMetrics::default();
    metrics.notified(7, Duration::from_millis(2));
    metrics.notified(3, Duration::from_millis(4));
    let text = text(&metrics);
    assert!(
        text.contains("dubbo_registry_notify_num_last{application_name=\"a\"} 3\n"),
        "{text}"
    );
    assert!(
        text.contains("dubbo_registry_notify_requests_total{application_name=\"a\"} 2\n"),
        "{text}"
    );
    assert!(
        text.contains("dubbo_notify_rt_milliseconds_avg{application_name=\"a\"} 3\n"),
        "{text}"
    );
}

#[test]
fn subscription_times_are_kept_for_each_interface() {
    let metrics = RegistryMetrics::default();
    metrics.subscribed("x.Y", true, Duration::from_millis(1));
    metrics.subscribed("x.Z", true, Duration::from_millis(2));
    let text = text(&metrics);
    assert!(text.contains("dubbo_subscribe_service_rt_milliseconds_last{application_name=\"a\",interface=\"x.Y\"} 1\n"), "{text}");
    assert!(text.contains("dubbo_subscribe_service_rt_milliseconds_last{application_name=\"a\",interface=\"x.Z\"} 2\n"), "{text}");
    assert!(
        text.contains("dubbo_registry_subscribe_service_num_total{application_name=\"a\"} 2\n"),
        "{text}"
    );
}

#[test]
fn directories_are_told_by_interface() {
    let metrics = RegistryMetrics::default();
    metrics.directory(
        "x.Y",
        DirectorySizes {
            all: 3,
            valid: 2,
            to_reconnect: 1,
            disabled: 0,
            ejected: 1,
        },
    );
    metrics.directory(
        "x.Z",
        DirectorySizes {
            all: 1,
            valid: 1,
            ..DirectorySizes::default()
        },
    );
    metrics.directory(
        "x.Z",
        DirectorySizes {
            all: 2,
            valid: 2,
            ..DirectorySizes::default()
        },
    );
    let text = text(&metrics);
    for line in [
        "num_all{application_name=\"a\",interface=\"x.Y\"} 3",
        "num_all{application_name=\"a\",interface=\"x.Z\"} 2",
        "num_valid_total{application_name=\"a\",interface=\"x.Y\"} 2",
        "num_to_reconnect_total{application_name=\"a\",interface=\"x.Y\"} 1",
    ] {
        let line = format!("dubbo_registry_directory_{line}\n");
        assert!(text.contains(&line), "{line}{text}");
    }
    let ejected = "dubbo_consumer_ejected_providers{application_name=\"a\"} 1\n";
    assert!(text.contains(ejected), "{text}");
}

#[test]
fn a_session_that_starts_is_connected_until_it_is_told_otherwise() {
    let metrics = RegistryMetrics::default();
    metrics.connected(false);
    assert!(text(&metrics).contains("dubbo_registry_connected{application_name=\"a\"} 0\n"));
    metrics.session_started();
    let text = text(&metrics);
    assert!(
        text.contains("dubbo_registry_connected{application_name=\"a\"} 1\n"),
        "{text}"
    );
    assert!(
        text.contains("dubbo_registry_sessions_total{application_name=\"a\"} 1\n"),
        "{text}"
    );
}
