//! What the documents say is so.

mod commands;
mod dependencies;
mod examples;
mod links;
mod names;
mod tables;
