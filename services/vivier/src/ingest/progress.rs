//! The progress bar of a long run: bytes, records a second and time left.
//!
//! It is drawn on standard error, and only when that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar over the bytes of the input files.
pub(crate) struct Progress {
    bar: ProgressBar,
}

/// Before the first answer nothing can be said about the time left.
const STARTING: &str = "{bar:32} {percent:>3}%  {bytes}/{total_bytes}  {elapsed}";
const RUNNING: &str = "{bar:32} {percent:>3}%  {bytes}/{total_bytes}  {msg}  {eta} left";

impl Progress {
    /// Starts a bar over `total_bytes`.
    pub(crate) fn start(total_bytes: u64) -> Self {
        let bar = ProgressBar::new(total_bytes);
        style(&bar, STARTING);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    /// Moves the bar to `bytes` done, after `records` in `elapsed`.
    pub(crate) fn advance(&self, bytes: u64, records: u64, elapsed: Duration) {
        if self.bar.position() == 0 {
            style(&self.bar, RUNNING);
        }
        let rate = records as f64 / elapsed.as_secs_f64().max(1e-9);
        self.bar.set_position(bytes);
        self.bar
            .set_message(format!("{records} records, {rate:.0}/s"));
    }

    /// Says something above the bar.
    pub(crate) fn note(&self, text: &str) {
        self.bar.suspend(|| crate::report_line(text));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style(bar: &ProgressBar, template: &str) {
    // A broken template would leave the plain bar.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
}
