//! Clocks that pass, stand still, and jump.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn the_tokio_clock_follows_paused_time() {
    let clock = Clock::tokio();
    let start = clock.now();
    tokio::time::advance(Duration::from_millis(1500)).await;
    assert_eq!(clock.nanos_between(start, clock.now()), 1_500_000_000);
}

#[test]
fn a_manual_clock_stands_still_until_it_is_moved() {
    let (clock, manual) = Clock::manual();
    let start = clock.now();
    assert_eq!(clock.nanos_between(start, clock.now()), 0);
    manual.advance(Duration::from_nanos(17));
    assert_eq!(clock.nanos_between(start, clock.now()), 17);
}

#[test]
fn moments_in_the_wrong_order_are_no_time_apart() {
    let (clock, manual) = Clock::manual();
    let earlier = clock.now();
    manual.advance(Duration::from_nanos(1));
    assert_eq!(clock.nanos_between(clock.now(), earlier), 0);
}

#[test]
fn a_jump_of_the_fast_clock_is_no_time() {
    for forward in [true, false] {
        let (clock, manual) = Clock::manual();
        clock.anchor();
        manual.advance(10 * SECOND);
        let start = clock.now();
        manual.advance(SECOND);
        clock.anchor();
        if forward {
            manual.set_fast_forward(100_000 * SECOND);
        } else {
            manual.set_fast_back(100_000 * SECOND);
        }
        clock.anchor();
        manual.advance(2 * SECOND);
        assert_eq!(
            clock.nanos_of_unusual_call(start),
            3_000_000_000,
            "forward: {forward}"
        );
    }
}

#[test]
fn a_call_between_two_jumps_is_as_long_as_it_was_or_as_the_time_between_two_notes() {
    for noted in [true, false] {
        let (clock, manual) = Clock::manual();
        clock.anchor();
        manual.advance(5000 * SECOND);
        clock.anchor();
        manual.set_fast_back(100_000 * SECOND);
        manual.advance(3 * SECOND);
        let start = clock.now();
        manual.advance(SECOND);
        if noted {
            clock.anchor();
        }
        manual.set_fast_forward(100_000 * SECOND);
        manual.advance(SECOND);
        let measured = Duration::from_nanos(clock.nanos_of_unusual_call(start));
        let expected = if noted { 2 * SECOND } else { 5 * SECOND };
        assert_eq!(measured, expected, "noted: {noted}");
    }
}

#[test]
fn a_call_that_began_before_all_notes_that_are_left_is_as_long_as_it_was() {
    let (clock, manual) = Clock::manual();
    clock.anchor();
    let start = clock.now();
    for _ in 0..100 {
        manual.advance(60 * SECOND);
        clock.anchor();
    }
    let measured = Duration::from_nanos(clock.nanos_of_unusual_call(start));
    assert_eq!(measured, 6000 * SECOND);
}

#[test]
#[expect(clippy::disallowed_types, reason = "the clock that is compared with")]
fn the_default_clock_measures_real_time() {
    let clock = Clock::default();
    let (start, steady, reference) = (clock.now(), clock.steady_nanos(), std::time::Instant::now());
    while reference.elapsed() < Duration::from_millis(20) {
        std::hint::spin_loop();
    }
    for measured in [
        clock.nanos_between(start, clock.now()),
        clock.steady_nanos() - steady,
    ] {
        assert!(
            measured >= 19_000_000,
            "at least the 20 ms that passed, within calibration: {measured} ns"
        );
    }
}
