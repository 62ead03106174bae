//! What the documents say is so.

mod commands;
mod dependencies;
mod examples;
mod links;
mod modules;
mod names;
mod tables;
