//! Each fault in its short form: what is promised, holds.

use ::faults::{Fault, Length};

/// Makes a fault happen, and asserts on its row.
fn holds(name: &str) {
    let fault = Fault::named(name).expect("there is such a fault");
    let report = fault.happen(Length::Short);
    assert!(report.is_kept(), "{}\n{report}", fault.promise);
    assert_eq!(report.lost, 0, "no observation is lost\n{report}");
    assert!(report.calls > 0, "calls were made meanwhile\n{report}");
}

#[test]
fn a_killed_zookeeper_costs_no_call_and_all_processes_register_again() {
    holds("zookeeper-killed");
}

#[test]
fn a_zookeeper_without_its_data_gets_everything_again() {
    holds("zookeeper-emptied");
}

#[test]
fn a_hanging_zookeeper_costs_no_call() {
    holds("zookeeper-stopped");
}

#[test]
fn a_broken_connection_to_zookeeper_costs_no_session() {
    holds("zookeeper-cut-off");
}

#[test]
fn a_provider_whose_session_expired_registers_again() {
    holds("session-expired");
}

#[test]
fn an_absent_pushgateway_costs_no_call_and_one_line() {
    holds("pushgateway-down");
}

#[test]
fn a_hanging_pushgateway_costs_no_call_and_one_line() {
    holds("pushgateway-stopped");
}

#[test]
fn a_pushgateway_that_denies_access_costs_no_call_and_one_line() {
    holds("pushgateway-401");
}

#[test]
fn a_pushgateway_that_fails_costs_no_call_and_one_line() {
    holds("pushgateway-500");
}

#[test]
fn a_pushgateway_on_a_full_disk_costs_nothing() {
    holds("pushgateway-disk-full");
}

#[test]
fn an_emptied_pushgateway_gets_everything_with_the_next_push() {
    holds("pushgateway-emptied");
}

#[test]
fn prometheus_reads_exact_counters_after_it_was_away() {
    holds("prometheus-away");
}

#[test]
fn a_thousand_scrapes_cost_no_call_and_each_is_whole() {
    holds("scrape-storm");
}

#[test]
fn a_provider_that_refuses_every_call_costs_none_and_is_left_alone() {
    holds("provider-refusing");
}

#[test]
fn a_killed_provider_costs_no_call() {
    holds("provider-killed");
}

#[test]
fn a_hanging_provider_costs_no_call() {
    holds("provider-stopped");
}

#[test]
fn a_provider_that_is_asked_to_stop_costs_no_call_even_without_retries() {
    holds("provider-terminated");
}

#[test]
fn a_killed_consumer_leaves_nothing_in_flight() {
    holds("consumer-killed");
}

#[test]
fn a_provider_out_of_reach_costs_no_call() {
    holds("provider-cut-off");
}

#[test]
fn a_host_out_of_reach_costs_no_call() {
    holds("host-cut-off");
}

#[test]
fn a_slow_network_costs_no_call() {
    holds("network-slow");
}

#[test]
fn flipped_bits_crash_no_process_and_all_calls_are_counted() {
    holds("network-corrupted");
}

#[test]
fn a_wall_clock_that_jumps_moves_nothing_but_timestamps() {
    holds("clock-jumps");
}

#[test]
fn exhausted_descriptors_cost_no_open_connection() {
    holds("descriptors-exhausted");
}

#[test]
fn hoarded_connections_keep_no_scrape_and_no_consumer_out() {
    holds("connections-hoarded");
}

#[test]
fn peers_that_are_too_slow_are_hung_up_on() {
    holds("slow-peers");
}

#[test]
fn what_is_too_large_is_refused_and_memory_stays() {
    holds("oversized-requests");
}

#[test]
fn floods_of_frames_end_their_own_connection() {
    holds("http2-abuse");
}

#[test]
fn garbage_harms_no_port() {
    holds("garbage");
}

#[test]
fn connections_that_are_renewed_all_the_time_cost_no_call_even_without_retries() {
    holds("connections-renewed");
}

#[test]
fn a_silent_connection_costs_no_call_and_is_found_out_by_pings() {
    holds("connection-silent");
}

#[test]
fn an_overloaded_provider_answers_what_it_can_and_costs_no_call() {
    holds("provider-overloaded");
}
