//! Every query of the dashboard on a real Prometheus, fed by two servers and their clients, by push and by pull.

mod load;
mod stack;
mod totals;
