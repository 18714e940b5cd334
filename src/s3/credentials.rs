//! Who asks: credentials as every AWS tool finds them.
//!
//! The environment, shared profiles (`AWS_PROFILE`, SSO, assumed roles, `credential_process`), web identity, containers and IMDSv2, in that order
//! (AWS SDKs and Tools Reference Guide: "Standardized credential providers").

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::{OPENING, profile};

/// Credentials are replaced so long before they expire.
const BEFORE_EXPIRY: Duration = Duration::from_secs(5 * 60);
/// New ones are not asked for more often than this: some have less than that to live from the start.
const AT_MOST_EVERY: Duration = Duration::from_secs(30);
/// Whoever has none, or has given refused ones, is not asked more often than this: a run asks for each object.
const AFTER_FAILURE: Duration = Duration::from_secs(10);
/// The instance metadata service answers from the same machine, or not at all.
const IMDS_TIMEOUT: Duration = Duration::from_secs(1);
/// Of all there is to it: a token, the role's name, its credentials.
const IMDS_OPERATION_TIMEOUT: Duration = Duration::from_secs(3);

/// What the environment and the profile say, beside credentials.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) region: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) fips: bool,
    pub(super) dual_stack: bool,
    pub(super) credentials: Arc<Credentials>,
}

impl Settings {
    /// Reads environment and profile; asks nobody yet.
    pub(super) async fn find(fips: bool, dual_stack: bool) -> Self {
        // Without IMDS, which the SDK would ask for the region of the machine: what counts is that of the bucket.
        let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
            .or_else(ProfileFileRegionProvider::new())
            .region()
            .await;
        // Security tokens come from the region at hand; any in the partition will do. Without one, the SDK would look for it everywhere again.
        let of_tokens = region.clone().unwrap_or_else(|| Region::from_static("us-east-1"));
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(of_tokens.clone())
            .no_credentials()
            .load()
            .await;
        let fips = fips || config.use_fips().unwrap_or(false);
        let dual_stack = dual_stack || config.use_dual_stack().unwrap_or(false);
        let provider = ProviderConfig::default()
            .with_region(Some(of_tokens.clone()))
            .with_use_fips(Some(fips))
            .with_use_dual_stack(Some(dual_stack));
        let imds = imds::Client::builder()
            .configure(&provider)
            .connect_timeout(IMDS_TIMEOUT)
            .read_timeout(IMDS_TIMEOUT)
            .operation_attempt_timeout(IMDS_TIMEOUT)
            .operation_timeout(IMDS_OPERATION_TIMEOUT)
            .max_attempts(2)
            .build();
        let chain = DefaultCredentialsChain::builder()
            .configure(provider)
            .region(of_tokens)
            .imds_client(imds)
            .build()
            .await;
        Self {
            region: region.map(|r| r.as_ref().to_owned()),
            endpoint: endpoint_of(&config),
            fips,
            dual_stack,
            credentials: Arc::new(Credentials {
                fault: profile::fault().await,
                chain: SharedCredentialsProvider::new(chain),
                known: Mutex::default(),
            }),
        }
    }
}

/// `AWS_ENDPOINT_URL_S3`, then `AWS_ENDPOINT_URL` or the profile's `endpoint_url` (AWS SDKs and Tools Reference Guide: "Service-specific
/// endpoints").
fn endpoint_of(config: &SdkConfig) -> Option<String> {
    let ignored =
        variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|v| v.eq_ignore_ascii_case("true"));
    variable("AWS_ENDPOINT_URL_S3")
        .filter(|_| !ignored)
        .or_else(|| config.endpoint_url().map(str::to_owned))
        .map(|url| url.trim_end_matches('/').to_owned())
}

/// A variable of the environment; an empty one counts as not set.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The chain, and what it gave last.
#[derive(Debug)]
pub(super) struct Credentials {
    /// Why it must not be asked.
    fault: Option<String>,
    chain: SharedCredentialsProvider,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    held: Option<Held>,
    /// When it last gave none, and why.
    failed: Option<(Instant, String)>,
    /// When what it gave was last refused.
    refused: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    credential: Arc<AwsCredential>,
    expires: Option<SystemTime>,
    asked: Instant,
}

impl Held {
    fn is_valid_for(&self, span: Duration) -> bool {
        self.expires.is_none_or(|expires| expires > SystemTime::now() + span)
    }
}

impl Credentials {
    /// Credentials that are good for the next minutes; `Err` says in words why there are none.
    pub(super) async fn get(&self) -> Result<Arc<AwsCredential>, String> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let mut known = self.known.lock().await;
        if let Some(held) = &known.held {
            let asked_lately = held.asked.elapsed() < AT_MOST_EVERY;
            if held.is_valid_for(BEFORE_EXPIRY) || (asked_lately && held.is_valid_for(Duration::ZERO)) {
                return Ok(held.credential.clone());
            }
        }
        if let Some((_, why)) = known.failed.as_ref().filter(|(when, _)| when.elapsed() < AFTER_FAILURE) {
            return Err(why.clone());
        }
        match self.ask().await {
            Ok(held) => {
                let credential = held.credential.clone();
                *known = Known { held: Some(held), failed: None, refused: known.refused };
                Ok(credential)
            }
            // A service that cannot be reached just now does not make good credentials bad.
            Err(why) => match &mut known.held {
                Some(held) if held.is_valid_for(Duration::ZERO) => {
                    held.asked = Instant::now();
                    Ok(held.credential.clone())
                }
                _ => {
                    known.failed = Some((Instant::now(), why.clone()));
                    Err(why)
                }
            },
        }
    }

    /// Asks the chain, which may be a program that never ends.
    async fn ask(&self) -> Result<Held, String> {
        let asked = timeout(OPENING, self.chain.provide_credentials()).await;
        let found = asked.map_err(|_| "their sources do not answer".to_owned())?.map_err(|e| why_none(&e))?;
        // They go into headers.
        if !is_plain(&found) {
            return Err("they hold characters that no credentials have".to_owned());
        }
        let credential = Arc::new(AwsCredential {
            key_id: found.access_key_id().to_owned(),
            secret_key: found.secret_access_key().to_owned(),
            token: found.session_token().map(str::to_owned),
        });
        Ok(Held { credential, expires: found.expiry(), asked: Instant::now() })
    }

    /// Asks again, since what was held has been refused; unless that has just been done, for another request.
    pub(super) async fn forget(&self) {
        let mut known = self.known.lock().await;
        if known.refused.is_none_or(|when| when.elapsed() > AFTER_FAILURE) {
            *known = Known { held: None, failed: None, refused: Some(Instant::now()) };
        }
    }
}

#[async_trait]
impl CredentialProvider for Credentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        self.get().await.map_err(|why| object_store::Error::Generic { store: "S3", source: why.into() })
    }
}

fn is_plain(found: &aws_credential_types::Credentials) -> bool {
    let texts = [Some(found.access_key_id()), found.session_token()];
    texts.into_iter().flatten().all(|text| text.bytes().all(|b| b.is_ascii_graphic()))
}

/// Why there are no credentials. That nothing gives any takes the SDK many lines to say.
fn why_none(error: &CredentialsError) -> String {
    match (error, variable("AWS_PROFILE")) {
        (CredentialsError::CredentialsNotLoaded(_), Some(profile)) => {
            format!("profile {profile:?} gives none")
        }
        (CredentialsError::CredentialsNotLoaded(_), None) => {
            "environment, default profile, container and instance give none".to_owned()
        }
        _ => chain_of(error),
    }
}

/// An error and what lies behind it, in one line.
pub(super) fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
