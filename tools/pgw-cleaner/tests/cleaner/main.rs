//! The program, and its passes, against real Pushgateways.

mod command_line;
mod daemon;
mod faults;
mod keys;
mod load;
mod race;
mod rounds;
mod support;
