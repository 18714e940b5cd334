//! The `keytrail` program. Everything is in [`keytrail::cli`].

#![warn(clippy::allow_attributes_without_reason)]
#![deny(unsafe_code)]

fn main() -> std::process::ExitCode {
    keytrail::cli::run(std::env::args_os())
}
