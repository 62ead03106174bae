//! Each fault that costs calls in its short form: calls succeed again afterwards, and those that failed are counted.

use ::faults::{COSTLY, Fault, Length};

fn is_over(name: &str) {
    let fault = COSTLY.iter().find(|fault| fault.name == name);
    let fault: &Fault = fault.expect("there is such a fault");
    let report = fault.happen(Length::Short);
    assert!(report.is_kept(), "{}\n{report}", fault.promise);
    assert_eq!(report.lost, 0, "no observation is lost\n{report}");
}

#[test]
fn calls_succeed_again_after_all_providers_were_killed() {
    is_over("providers-killed");
}

#[test]
fn calls_succeed_again_after_all_providers_hung() {
    is_over("providers-stopped");
}

#[test]
fn calls_succeed_again_after_all_providers_were_taken_away() {
    is_over("providers-terminated");
}

#[test]
fn calls_succeed_again_when_the_only_provider_can_be_reached() {
    is_over("providers-cut-off");
}

#[test]
fn calls_succeed_again_without_the_faulty_provider() {
    is_over("provider-faulty");
}

#[test]
fn calls_succeed_again_without_the_rejecting_provider() {
    is_over("provider-rejecting");
}

#[test]
fn calls_go_on_beside_a_slow_provider() {
    is_over("provider-slow");
}

#[test]
fn calls_succeed_again_when_providers_stay() {
    is_over("provider-crashing");
}
