//! Environment variables.

/// The value of an environment variable; an empty one counts as not set.
pub(super) fn env_var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
