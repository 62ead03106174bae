//! `./faults.sh beside` in small: each fault happens to each consumer, none costs ours a call, and each provider is overloaded.

use std::time::Duration;

use interop::{Compared, Extent, Fault, Limited, happens, overloads};

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

#[tokio::test]
async fn providers_with_a_limit_refuse_what_is_too_much_and_those_without_do_not() {
    let length = Duration::from_secs(1);
    for limited in Limited::ALL {
        let row = overloads(limited, length, length).await;
        assert!(row.capacity.answered > 0, "{row:?}");
        let refuses = matches!(limited, Limited::OursNumber | Limited::OursAdaptive);
        assert_eq!(row.overload.refused > 0, refuses, "{row:?}");
    }
}
