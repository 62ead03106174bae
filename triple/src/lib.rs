//! A Dubbo provider and consumer on tonic: metadata, health, load balance, failover, graceful stop.
