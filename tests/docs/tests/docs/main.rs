//! What the documents say is so.

mod commands;
mod links;
mod names;
mod tables;
