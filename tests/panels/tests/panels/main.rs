//! The dashboard as Grafana's own libraries draw it, from the answers of live queries: what they do not know fails.

mod fleet;
mod picture;
mod screen;
