//! The figures that leave the library: against a model, under threads, at their bounds, over connections, and in the documents.

mod documents;
mod exemplars;
mod foreign;
mod formats;
mod histories;
mod model;
mod scrape;
mod series;
mod serving;
mod threads;
mod time;
