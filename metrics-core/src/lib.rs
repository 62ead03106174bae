//! Measures gRPC calls exactly and hands the figures to Prometheus, by pull or by push.
