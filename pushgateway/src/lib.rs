//! A client of the Prometheus Pushgateway: grouping keys, access, PUT and DELETE.
