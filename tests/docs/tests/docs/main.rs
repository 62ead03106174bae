//! What the documents say is so.

mod commands;
mod dependencies;
mod links;
mod names;
mod tables;
