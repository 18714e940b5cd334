//! Obtains credentials as every AWS tool does, and caches them.
//!
//! The sources are the environment, shared profiles (`AWS_PROFILE`, SSO, assumed roles,
//! `credential_process`), web identity, containers and IMDSv2, in that order (AWS SDKs and Tools
//! Reference Guide: "Standardized credential providers").

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use aws_credential_types::provider::error::CredentialsError as ProviderError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::connection::OPEN_TIMEOUT;
use super::env::env_var;
use super::profile::ProfileError;
use crate::model::error_chain;

/// Credentials are replaced this long before they expire.
const REFRESH_BEFORE_EXPIRY: Duration = Duration::from_secs(5 * 60);
/// The sources are not asked for new credentials more often than this: some credentials are valid
/// for less than [`REFRESH_BEFORE_EXPIRY`] from the start.
const REFRESH_INTERVAL: Duration = Duration::from_secs(30);
/// Sources that failed, or whose credentials S3 rejected, are not asked again for this long: a run
/// needs credentials for every object.
const FAILURE_INTERVAL: Duration = Duration::from_secs(10);

/// Why there are no credentials.
#[derive(Debug, Error)]
pub(super) enum CredentialsError {
    #[error(transparent)]
    Profile(#[from] ProfileError),
    #[error("the sources of credentials do not answer")]
    Timeout,
    #[error("the credentials contain characters that no credentials have")]
    InvalidCharacters,
    #[error("profile {0:?} provides none")]
    NoneInProfile(String),
    #[error("the environment, the default profile, the container and the instance provide none")]
    NoneAnywhere,
    #[error(
        "the credential_process of profile {0:?} failed; its error output is not repeated here, since it \
         may contain credentials: run it by hand"
    )]
    Process(String),
    #[error(transparent)]
    Provider(ProviderError),
}

/// The credentials that sign the requests of a run.
#[derive(Debug)]
pub(super) struct Credentials {
    sources: SharedCredentialsProvider,
    /// The profile of an option.
    profile: Option<String>,
    /// Set if the sources must not be asked.
    profile_error: Option<Arc<CredentialsError>>,
    cache: Mutex<Cache>,
}

#[derive(Debug, Default)]
struct Cache {
    current: Option<CachedCredential>,
    /// When the sources last failed, and why.
    last_failure: Option<(Instant, Arc<CredentialsError>)>,
    /// When S3 last rejected what the sources gave.
    last_rejection: Option<Instant>,
}

#[derive(Debug)]
struct CachedCredential {
    credential: Arc<AwsCredential>,
    expires: Option<SystemTime>,
    /// When the sources were last asked for it.
    requested: Instant,
}

impl CachedCredential {
    fn is_valid_for(&self, span: Duration) -> bool {
        self.expires.is_none_or(|expires| expires > SystemTime::now() + span)
    }
}

impl Credentials {
    /// With a profile that cannot be used, [`Self::get`] fails without asking any source.
    pub(super) fn new(
        sources: SharedCredentialsProvider,
        profile: Option<String>,
        check: Result<(), ProfileError>,
    ) -> Self {
        let profile_error = check.err().map(|error| Arc::new(error.into()));
        Self { sources, profile, profile_error, cache: Mutex::default() }
    }

    /// Returns credentials that are valid for the next minutes.
    pub(super) async fn get(&self) -> Result<Arc<AwsCredential>, Arc<CredentialsError>> {
        if let Some(error) = &self.profile_error {
            return Err(error.clone());
        }
        let mut cache = self.cache.lock().await;
        if let Some(current) = &cache.current {
            let is_recent = current.requested.elapsed() < REFRESH_INTERVAL;
            if current.is_valid_for(REFRESH_BEFORE_EXPIRY)
                || (is_recent && current.is_valid_for(Duration::ZERO))
            {
                return Ok(current.credential.clone());
            }
        }
        if let Some((when, error)) = &cache.last_failure
            && when.elapsed() < FAILURE_INTERVAL
        {
            return Err(error.clone());
        }
        match self.request().await {
            Ok(new) => {
                let credential = new.credential.clone();
                *cache =
                    Cache { current: Some(new), last_failure: None, last_rejection: cache.last_rejection };
                Ok(credential)
            }
            // Credentials that are still valid stay valid if their source cannot be reached just
            // now.
            Err(error) => match &mut cache.current {
                Some(current) if current.is_valid_for(Duration::ZERO) => {
                    current.requested = Instant::now();
                    Ok(current.credential.clone())
                }
                _ => {
                    let error = Arc::new(error);
                    cache.last_failure = Some((Instant::now(), error.clone()));
                    Err(error)
                }
            },
        }
    }

    /// Asks the sources, one of which may be a program that never ends.
    async fn request(&self) -> Result<CachedCredential, CredentialsError> {
        let found = timeout(OPEN_TIMEOUT, self.sources.provide_credentials())
            .await
            .map_err(|_| CredentialsError::Timeout)?
            .map_err(|error| self.explain(error))?;
        // They become part of HTTP headers.
        if !is_printable(&found) {
            return Err(CredentialsError::InvalidCharacters);
        }
        let credential = Arc::new(AwsCredential {
            key_id: found.access_key_id().to_owned(),
            secret_key: found.secret_access_key().to_owned(),
            token: found.session_token().map(str::to_owned),
        });
        Ok(CachedCredential { credential, expires: found.expiry(), requested: Instant::now() })
    }

    /// Drops the cached credentials because S3 rejected them; unless that has just been done for
    /// another request.
    pub(super) async fn reject_current(&self) {
        let mut cache = self.cache.lock().await;
        if cache.last_rejection.is_none_or(|when| when.elapsed() > FAILURE_INTERVAL) {
            *cache = Cache { last_rejection: Some(Instant::now()), ..Cache::default() };
        }
    }
}

impl Credentials {
    /// Replaces the SDK's report that no source has credentials, which is many lines long.
    fn explain(&self, error: ProviderError) -> CredentialsError {
        let profile = self.profile.clone().or_else(|| env_var("AWS_PROFILE"));
        match (error, profile) {
            (ProviderError::CredentialsNotLoaded(_), Some(profile)) => {
                CredentialsError::NoneInProfile(profile)
            }
            (ProviderError::CredentialsNotLoaded(_), None) => CredentialsError::NoneAnywhere,
            // A program's own error output may contain credentials.
            (error, profile) if error_chain(&error).contains("Stderr:") => {
                CredentialsError::Process(profile.unwrap_or_else(|| "default".to_owned()))
            }
            (error, _) => CredentialsError::Provider(error),
        }
    }
}

#[async_trait]
impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        self.get().await.map_err(|error| object_store::Error::Generic { store: "S3", source: error.into() })
    }
}

fn is_printable(found: &aws_credential_types::Credentials) -> bool {
    let texts = [Some(found.access_key_id()), found.session_token()];
    texts.into_iter().flatten().all(|text| text.bytes().all(|b| b.is_ascii_graphic()))
}
