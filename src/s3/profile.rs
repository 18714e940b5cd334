//! What is wrong with the profile that is asked for, before anybody else is asked for credentials.
//!
//! The SDK takes a profile that is not there for one that has nothing to say, and goes on to the role of the machine: a misspelt name would
//! be a run in somebody else's name. AWS's command line refuses such a name, too.

use aws_config::profile::{self, ProfileSet};

use super::credentials::{chain_of, variable};

/// Why no credentials may be looked for; nothing is wrong where the environment has keys, which come before any profile.
pub(super) async fn fault() -> Option<String> {
    if variable("AWS_ACCESS_KEY_ID").is_some() && variable("AWS_SECRET_ACCESS_KEY").is_some() {
        return None;
    }
    match profile::load(&Default::default(), &Default::default(), &Default::default(), None).await {
        Ok(profiles) => {
            let default = || profiles.get_profile("default").map(|profile| profile.name().to_owned());
            missing(&profiles, variable("AWS_PROFILE").or_else(default)?)
        }
        Err(error) => Some(format!("the profiles of AWS cannot be read: {}", chain_of(&error))),
    }
}

/// Looks for a profile, and for those that it takes its credentials from.
fn missing(profiles: &ProfileSet, mut name: String) -> Option<String> {
    let mut from = String::new();
    let mut seen = Vec::new();
    // Profiles that go in a circle are the SDK's to refuse.
    while !seen.contains(&name) {
        let Some(profile) = profiles.get_profile(&name) else {
            return Some(format!(
                "there is no profile {name:?}{from} in ~/.aws/config or ~/.aws/credentials"
            ));
        };
        if !seen.is_empty() && profile.get("aws_access_key_id").is_some() {
            return None; // its keys come before a source of its own
        }
        let source = profile.get("role_arn").and_then(|_| profile.get("source_profile"))?;
        from = format!(", which profile {name:?} names as its source_profile,");
        seen.push(std::mem::replace(&mut name, source.to_owned()));
    }
    None
}
