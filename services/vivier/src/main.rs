//! The `vivier` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    vivier::main()
}
