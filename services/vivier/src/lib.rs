//! The one command line: the cluster, its services, and the clients of both.

mod bench;
mod cli;
mod clients;
mod cluster;
mod config;
mod demo;
mod eval;
mod failure;
mod filter;
mod ingest;
mod kind;
mod link;
mod matching;
mod ontology;
mod output;
mod profiles;
mod reindex;
mod sample;
mod snapshot;
mod table;
mod train;

pub use cli::main;

/// Says something to the person at the terminal, beside the results.
fn report_line(text: &str) {
    use std::io::Write;
    // Standard error may be closed: then nobody wants to know.
    writeln!(std::io::stderr(), "{text}").ok();
}
