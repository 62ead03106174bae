//! What grows in processes that work: a soak that is short enough for a test.

use std::time::Duration;

use ::faults::Soak;

#[tokio::test]
async fn processes_under_load_do_not_grow_and_count_exactly() {
    let soak = Soak::lasting(Duration::from_secs(30));
    let report = soak.run(drop).await;
    assert!(report.broken.is_empty(), "{report}");
    assert_eq!((report.failed, report.lost), (0, 0), "{report}");
    assert!(report.restarts >= 3 && report.calls > 1000, "{report}");
}
