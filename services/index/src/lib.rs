//! Wip.
mod analysis;
mod checkpoint;
mod codec;
mod config;
mod dense;
mod filter;
mod graph;
mod log;
mod model;
mod payload;
mod points;
mod store;
#[cfg(test)]
mod testing;
mod words;
pub use config::Config;
