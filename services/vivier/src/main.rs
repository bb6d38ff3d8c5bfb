//! The `vivier` command.

use std::process::ExitCode;

/// Gives memory back that a mixed load has freed; glibc's allocator keeps it.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    vivier::main()
}
