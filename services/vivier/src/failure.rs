//! How a command ends, and the exit status that says so.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

/// How a command that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All was done.
    Done,
    /// Some input was rejected, or some of what was asked for was not found.
    Rejected,
}

/// The command line asks for something that makes no sense: exit status 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Usage {}

/// Returns the exit status of a result, after saying on standard error why it
/// failed: 0 done, 1 failed or something rejected, 2 wrong usage.
pub(crate) fn exit_code(result: anyhow::Result<Outcome>) -> ExitCode {
    let error = match result {
        Ok(Outcome::Done) => return ExitCode::SUCCESS,
        Ok(Outcome::Rejected) => return ExitCode::FAILURE,
        Err(error) => error,
    };
    if is_closed_pipe(&error) {
        return ExitCode::SUCCESS;
    }
    crate::report_line(&format!("error: {}", chain(&error)));
    if error.is::<Usage>() {
        ExitCode::from(2)
    } else {
        ExitCode::FAILURE
    }
}

/// Whoever read our output stopped reading: not our failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io_error = error.downcast_ref::<io::Error>();
    io_error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Joins an error and its causes, leaving out causes already told.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn causes_are_told_once() {
        let error = anyhow!("port in use")
            .context("cannot listen: port in use")
            .context("up");
        assert_eq!(chain(&error), "up: cannot listen: port in use");
    }

    #[test]
    fn a_closed_pipe_is_a_normal_end() {
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_closed_pipe(&anyhow::Error::from(closed())));
        let result: Result<(), _> = Err(closed());
        assert!(is_closed_pipe(
            &result.context("while printing").unwrap_err()
        ));
        assert!(!is_closed_pipe(&anyhow!("broken")));
    }
}
