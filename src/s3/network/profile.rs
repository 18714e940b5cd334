//! Refuses an AWS profile that does not exist, before any source of credentials is asked.
//!
//! The SDK treats a missing profile like an empty one and continues with the role of the machine:
//! with a misspelt name, the run would use somebody else's identity. AWS's command line refuses
//! such a name, too.

use aws_config::profile::{self, ProfileFileLoadError, ProfileSet};
use thiserror::Error;

use super::env::env_var;

/// Why the profile cannot be used.
#[derive(Debug, Error)]
pub(super) enum ProfileError {
    #[error("the AWS profiles cannot be read")]
    Unreadable(#[source] ProfileFileLoadError),
    #[error("there is no profile {name:?} in ~/.aws/config or ~/.aws/credentials")]
    Missing { name: String },
    #[error(
        "there is no profile {name:?}, which profile {named_by:?} names as its source_profile, \
         in ~/.aws/config or ~/.aws/credentials"
    )]
    MissingSource { name: String, named_by: String },
}

/// Checks that the profile in use exists, and every profile that it takes its credentials from.
/// `chosen` is the profile of an option; without it, `AWS_PROFILE` names one.
///
/// Keys in the environment come before `AWS_PROFILE`. But a profile that is named must exist even
/// then: whoever names it expects its settings, and may not know of the keys.
pub(super) async fn check(chosen: Option<&str>) -> Result<(), ProfileError> {
    let named = chosen.map(str::to_owned).or_else(|| env_var("AWS_PROFILE"));
    let has_keys = chosen.is_none()
        && env_var("AWS_ACCESS_KEY_ID").is_some()
        && env_var("AWS_SECRET_ACCESS_KEY").is_some();
    if has_keys && named.is_none() {
        return Ok(());
    }
    let profiles = profile::load(&Default::default(), &Default::default(), &Default::default(), None)
        .await
        .map_err(ProfileError::Unreadable)?;
    let default = || profiles.get_profile("default").map(|profile| profile.name().to_owned());
    match named.or_else(default) {
        Some(name) if has_keys && profiles.get_profile(&name).is_some() => Ok(()),
        Some(name) => check_chain(&profiles, name),
        None => Ok(()),
    }
}

/// Follows `source_profile` from profile to profile.
fn check_chain(profiles: &ProfileSet, mut name: String) -> Result<(), ProfileError> {
    let mut visited: Vec<String> = Vec::new();
    // Profiles that name each other in a circle are refused by the SDK.
    while !visited.contains(&name) {
        let Some(profile) = profiles.get_profile(&name) else {
            return Err(match visited.pop() {
                Some(named_by) => ProfileError::MissingSource { name, named_by },
                None => ProfileError::Missing { name },
            });
        };
        if !visited.is_empty() && profile.get("aws_access_key_id").is_some() {
            return Ok(()); // its own keys come before a source of its own
        }
        let Some(source) = profile.get("role_arn").and_then(|_| profile.get("source_profile")) else {
            return Ok(());
        };
        visited.push(std::mem::replace(&mut name, source.to_owned()));
    }
    Ok(())
}
