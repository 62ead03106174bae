//! Real ZooKeeper, Prometheus and Pushgateway for tests, each on free ports and in a folder of its own.
