//! The program, and its passes, against real Pushgateways.

mod clock;
mod command_line;
mod daemon;
mod deletions;
mod faults;
mod keys;
mod load;
mod race;
mod restarts;
mod rounds;
mod support;
mod unsteady;
