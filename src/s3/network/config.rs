//! What the environment and the AWS profile say about S3.

use std::sync::Arc;
use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;

use super::credentials::Credentials;
use super::env::env_var;
use super::profile;
use crate::s3::Access;

/// The instance metadata service responds from the same machine, or not at all.
const IMDS_TIMEOUT: Duration = Duration::from_secs(1);
/// For all its requests together: a token, the role's name, the role's credentials.
const IMDS_OPERATION_TIMEOUT: Duration = Duration::from_secs(3);

/// The configuration for all buckets of a run.
#[derive(Debug)]
pub(super) struct AwsConfig {
    pub(super) region: Option<String>,
    /// An endpoint that replaces AWS's own, without a slash at its end.
    pub(super) endpoint_url: Option<String>,
    pub(super) fips: bool,
    pub(super) dual_stack: bool,
    pub(super) credentials: Arc<Credentials>,
}

impl AwsConfig {
    /// Reads the environment and the profile. Sends no request yet.
    pub(super) async fn load(access: &Access) -> Self {
        // Not from IMDS, which the SDK would ask for the region of the machine: what counts is the
        // region of the bucket.
        let mut profile_region = ProfileFileRegionProvider::builder();
        if let Some(profile) = &access.profile {
            profile_region = profile_region.profile_name(profile);
        }
        let region = RegionProviderChain::first_try(access.region.clone().map(Region::new))
            .or_else(EnvironmentVariableRegionProvider::new())
            .or_else(profile_region.build())
            .region()
            .await;
        // Security tokens come from a region; any in the partition will do. Without one, the SDK
        // would search for it again, everywhere.
        let token_region = region.clone().unwrap_or_else(|| Region::from_static("us-east-1"));
        let mut loader =
            aws_config::defaults(BehaviorVersion::latest()).region(token_region.clone()).no_credentials();
        if let Some(profile) = &access.profile {
            loader = loader.profile_name(profile);
        }
        let config = loader.load().await;
        let fips = access.fips || config.use_fips().unwrap_or(false);
        let dual_stack = access.dual_stack || config.use_dual_stack().unwrap_or(false);
        let provider = ProviderConfig::default()
            .with_region(Some(token_region.clone()))
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
        let sources = match &access.profile {
            // Not the chain, in which keys in the environment come before any profile.
            Some(profile) => SharedCredentialsProvider::new(
                ProfileFileCredentialsProvider::builder().configure(&provider).profile_name(profile).build(),
            ),
            None => SharedCredentialsProvider::new(
                DefaultCredentialsChain::builder()
                    .configure(provider)
                    .region(token_region)
                    .imds_client(imds)
                    .build()
                    .await,
            ),
        };
        let profile = access.profile.clone();
        let check = profile::check(profile.as_deref()).await;
        let credentials = Credentials::new(sources, profile, check);
        Self {
            region: region.map(|r| r.as_ref().to_owned()),
            endpoint_url: endpoint_url(access, &config),
            fips,
            dual_stack,
            credentials: Arc::new(credentials),
        }
    }
}

/// The option, `AWS_ENDPOINT_URL_S3`, then `AWS_ENDPOINT_URL` or the profile's `endpoint_url` (AWS
/// SDKs and Tools Reference Guide: "Service-specific endpoints").
fn endpoint_url(access: &Access, config: &SdkConfig) -> Option<String> {
    let is_ignored =
        env_var("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|v| v.eq_ignore_ascii_case("true"));
    let from_environment = || env_var("AWS_ENDPOINT_URL_S3").filter(|_| !is_ignored);
    let chosen = access.endpoint_url.clone();
    chosen
        .or_else(from_environment)
        .or_else(|| config.endpoint_url().map(str::to_owned))
        .map(|url| url.trim_end_matches('/').to_owned())
}
