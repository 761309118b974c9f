//! The `helenus` command.

use std::process::ExitCode;

/// A server lives long and allocates in many threads: mimalloc is quicker at it than the system's
/// allocator, and gives memory back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    helenus::commands::main()
}
