//! The `helenus` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    helenus::commands::main()
}
