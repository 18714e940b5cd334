//! The `keytrail` program. Everything is in [`cli`].

#![warn(clippy::allow_attributes_without_reason)]
#![deny(unsafe_code)]

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
