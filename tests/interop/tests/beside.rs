//! `./faults.sh beside` in small: each fault happens to each consumer, and none costs ours a call.

use interop::{Compared, Extent, Fault, happens};

#[tokio::test]
async fn every_fault_happens_to_every_consumer_and_costs_ours_no_call() {
    let extent = Extent::quick();
    for fault in Fault::ALL {
        for consumer in Compared::ALL {
            let cost = happens(fault, consumer, &extent).await;
            assert!(cost.calls > 0, "{fault:?}, {consumer:?}: {cost}");
            assert!(
                cost.failed == 0 || consumer != Compared::Ours,
                "{fault:?}, {consumer:?}: {cost}"
            );
        }
    }
}
