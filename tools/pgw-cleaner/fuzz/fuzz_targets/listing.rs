//! Any bytes in place of a gateway's answer, no crash, no hang, and no group with a time that is none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pgw_cleaner::listing::json;

fuzz_target!(|answer: &[u8]| {
    for group in json::parse(answer).unwrap_or_default() {
        assert!(group.keys().count() <= 2);
        assert!(group.last_push.is_none_or(|at| !at.is_zero()));
        assert!(group.keys().all(|key| key.path().starts_with("/metrics/job@base64/")));
    }
});
