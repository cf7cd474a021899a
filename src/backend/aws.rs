//! The adapter to AWS: the ports over `aws-sdk-iot`.
//!
//! The only place that knows the SDK. Reader and writer are two types over one client, so that code
//! that only observes never constructs the writer. `aws/reader` asks, `aws/intercept` holds what runs inside a request
//! (AWS's clock, the gate), `aws/signers` whose credentials those are, `aws/error` what a failed request means, `aws/convert` what an answer says.
//!
//! Invariants: the SDK never repeats a request, every list asks for the largest page, and an answer
//! that makes no sense is an error or an unreadable fact, never a panic and never a guess.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_sdk_iot::Client;
use aws_sdk_iot::config::retry::RetryConfig;
use aws_sdk_iot::config::timeout::TimeoutConfig;
use aws_sdk_iot::config::{
    BehaviorVersion, Builder, Credentials, FrameworkMetadata, ProvideCredentials as _, Region,
    RuntimeComponents, SharedCredentialsProvider, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_sdk_iot::error::ProvideErrorMetadata;
use aws_sdk_iot::operation::RequestId as _;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_types::service_config::ServiceConfigKey;

use crate::backend::{CancelAnswer, CancelRequest, Error, Gate, JobsWriter, Operation, Result};
use crate::clock::Clock;
use crate::execution::Account;

mod convert;
mod error;
mod intercept;
mod quotas;
mod reader;
mod signers;

use error::{Call, Target};
use intercept::{AwsTime, Flight};
use signers::Signers;

/// How long a request may take, connecting included. Part of the longest time that a request can be
/// on its way: AWS answers within a fraction of a second or, it seems, not at all.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may take to come: clearly less than the whole call, so that a call that ran out of
/// its time for want of a connection is known not to have been sent.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// How long finding the first credentials may take. A request has to find them within its own time until
/// they were found once: those of a source that takes longer would be there now and sign nothing later.
const CREDENTIALS_TIMEOUT: Duration = CLIENT_TIMEOUT;

/// The largest page of the jobs and the registry operations.
const PAGE: i32 = 250;

/// How to reach AWS. What is not said is taken from the environment and the AWS profile, by the
/// SDK's rules.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `eu-central-1`.
    pub region: Option<String>,
    /// The name of an AWS profile.
    pub profile: Option<String>,
    /// Another endpoint than AWS's: `http://127.0.0.1:8080`.
    pub endpoint_url: Option<String>,
    /// The clock that learns AWS's time.
    pub clock: Clock,
}

/// Why there is no connection. Nothing was asked of AWS IoT yet.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No region is set anywhere.
    #[error("no AWS region is set: pass --region, or set AWS_REGION or the profile's `region`")]
    NoRegion,
    /// The endpoint is not an address that can be called: the SDK would panic at the first request.
    #[error(
        "{0:?} is not an address of AWS IoT, which begins with http:// or https://: correct or unset \
         AWS_ENDPOINT_URL_IOT, AWS_ENDPOINT_URL, or endpoint_url in the AWS profile"
    )]
    Endpoint(String),
    /// The profile that was asked for is not there, or gives no credentials.
    #[error(
        "--profile {profile}: there is no such profile in ~/.aws/config and ~/.aws/credentials, or it gives \
         no credentials (aws sso login --profile {profile})"
    )]
    Profile {
        /// The profile.
        profile: String,
        /// What the SDK says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There are no credentials, or they cannot be loaded.
    #[error(
        "no AWS credentials: log in (aws sso login), or set AWS_PROFILE or AWS_ACCESS_KEY_ID, or \
         give the pod or instance a role"
    )]
    Credentials(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A part of the credentials can be in no request: the SDK would panic at the first one. It is not shown.
    #[error(
        "the AWS {part} {wrong}: mend it where it comes from: {variable}, the AWS profile, or what its \
         credential_process prints"
    )]
    Malformed {
        /// Which part.
        part: &'static str,
        /// What is wrong with it.
        wrong: &'static str,
        /// What has it in the environment.
        variable: &'static str,
    },
    /// The credentials' source did not answer.
    #[error("the AWS credentials could not be loaded within {} s", CREDENTIALS_TIMEOUT.as_secs())]
    CredentialsTimedOut,
}

/// A connection to AWS IoT in one region. Clones share it.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    client: Client,
    region: String,
    /// Tells how often AWS may be called; none for an emulator.
    quotas: Option<aws_sdk_servicequotas::Client>,
    /// Learnt from the first job's ARN; names resources in messages.
    account: OnceLock<Account>,
    signers: Arc<Signers>,
}

/// Connects by the SDK's rules, and finds credentials once so that their lack is told at once.
pub async fn connect(settings: Settings) -> Result<Connection, ConnectError> {
    let Settings { region, profile, endpoint_url, clock } = settings;
    let mut loader =
        aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(https_client());
    if let Some(region) = region {
        loader = loader.region(Region::new(region));
    }
    if let Some(profile) = &profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let mut config = loader.load().await;
    if let Some(url) = endpoint(&config, "IoT").filter(|url| !is_address(url)) {
        return Err(ConnectError::Endpoint(url));
    }
    // A variable that is set to nothing is a region to the SDK.
    let region = config.region().filter(|region| !region.as_ref().is_empty());
    let region = region.ok_or(ConnectError::NoRegion)?.to_string();
    if let Some(profile) = profile.clone() {
        // By the SDK's own order, keys in the environment would win over the profile that was asked for.
        let of = ProviderConfig::without_region()
            .with_region(config.region().cloned())
            .with_http_client(https_client());
        let provider =
            ProfileFileCredentialsProvider::builder().configure(&of).profile_name(profile).build();
        let provider = SharedCredentialsProvider::new(provider);
        config = config.into_builder().credentials_provider(provider).build();
    }
    if let Some(provider) = config.credentials_provider() {
        match tokio::time::timeout(CREDENTIALS_TIMEOUT, provider.provide_credentials()).await {
            Err(_) => return Err(ConnectError::CredentialsTimedOut),
            Ok(Err(error)) => {
                let source = Box::new(error);
                return Err(match profile {
                    Some(profile) => ConnectError::Profile { profile, source },
                    None => ConnectError::Credentials(source),
                });
            }
            Ok(Ok(credentials)) => check(&credentials)?,
        }
    }
    let quotas = quotas::client(&config);
    Ok(Connection::new(Builder::from(&config), region, clock, quotas))
}

/// The endpoint that is configured for a service, by the SDK's rules; none where it is AWS's own.
fn endpoint(config: &SdkConfig, service: &str) -> Option<String> {
    let general = config.endpoint_url().map(str::to_owned);
    if config.get_origin("endpoint_url").is_client_config() {
        return general;
    }
    let key = ServiceConfigKey::builder()
        .service_id(service)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    config.service_config().and_then(|all| all.load_config(key)).or(general)
}

/// Whether the SDK can call a URL: one that it can read, with a host.
fn is_address(url: &str) -> bool {
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    host.is_some_and(|host| !host.starts_with(['/', '?', ':'])) && HttpRequest::get(url).is_ok()
}

/// Whether credentials can be in the head of a request, and none has a line end, as a file that was read
/// whole leaves it.
fn check(credentials: &Credentials) -> Result<(), ConnectError> {
    let parts = [
        ("access key id", "AWS_ACCESS_KEY_ID", credentials.access_key_id()),
        ("secret access key", "AWS_SECRET_ACCESS_KEY", credentials.secret_access_key()),
        ("session token", "AWS_SESSION_TOKEN", credentials.session_token().unwrap_or_default()),
    ];
    for (part, variable, text) in parts {
        let wrong = match text {
            _ if text.bytes().all(|byte| byte.is_ascii_graphic()) => continue,
            _ if text.ends_with(['\r', '\n']) => "ends in a line end",
            _ => "has a space or another character that none has",
        };
        return Err(ConnectError::Malformed { part, wrong, variable });
    }
    Ok(())
}

/// The SDK's default client, but for its TLS stack: it keeps to `HTTPS_PROXY` and `NO_PROXY` too.
fn https_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring));
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    })
}

impl Connection {
    /// A connection to the emulator inside this process: plain HTTP, credentials that mean nothing,
    /// and no look at the environment.
    pub fn embedded(address: SocketAddr, region: &str, clock: Clock) -> Self {
        let credentials = Credentials::builder()
            .access_key_id("embedded")
            .secret_access_key("embedded")
            .provider_name("rescind")
            .build();
        let http: SharedHttpClient = aws_smithy_http_client::Builder::new().build_http();
        let builder = Builder::new()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(region.to_owned()))
            .endpoint_url(format!("http://{address}"))
            .credentials_provider(credentials)
            .http_client(http);
        Self::new(builder, region.to_owned(), clock, None)
    }

    fn new(
        builder: Builder,
        region: String,
        clock: Clock,
        quotas: Option<aws_sdk_servicequotas::Client>,
    ) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(CLIENT_TIMEOUT)
            .build();
        let version = env!("CARGO_PKG_VERSION");
        let framework = FrameworkMetadata::new("rescind", Some(version))
            .expect("a package version is made of name characters");
        let config = builder
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            // The attempt's time-out covers a stalled answer too.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .framework_metadata(framework)
            .interceptor(AwsTime::new(clock))
            .build();
        let client = Client::from_conf(config);
        let (account, signers) = (OnceLock::new(), Arc::default());
        Self(Arc::new(Shared { client, region, quotas, account, signers }))
    }

    /// The region, as resolved.
    pub fn region(&self) -> &str {
        &self.0.region
    }

    /// The adapter that reads.
    pub fn reader(&self) -> AwsReader {
        AwsReader(Arc::clone(&self.0))
    }

    /// The adapter that writes. What only observes never asks for it.
    pub fn writer(&self) -> AwsWriter {
        AwsWriter(Arc::clone(&self.0))
    }
}

impl Shared {
    fn call<'a>(&'a self, operation: Operation, target: Target<'a>) -> Call<'a> {
        Call { operation, target, region: &self.region, account: self.account.get() }
    }

    fn flight(&self) -> Flight {
        Flight::new(Arc::clone(&self.signers))
    }
}

/// Sends a request and says what its failure means.
async fn send<T, E>(
    call: &Call<'_>,
    flight: &Flight,
    sending: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Result<T>
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let answer = sending.await.map_err(|error| call.failed(flight, error))?;
    if flight.is_foreign() {
        Err(call.malformed("the answer is not AWS IoT's"))
    } else {
        Ok(answer)
    }
}

/// Reads AWS IoT.
#[derive(Clone, Debug)]
pub struct AwsReader(Arc<Shared>);

/// Cancels at AWS IoT.
#[derive(Clone, Debug)]
pub struct AwsWriter(Arc<Shared>);

#[async_trait]
impl JobsWriter for AwsWriter {
    async fn cancel(&self, request: &CancelRequest, gate: Arc<dyn Gate>) -> Result<CancelAnswer> {
        let call = self.0.call(Operation::CancelJobExecution, Target::Execution(&request.key));
        let flight = self.0.flight().gated(gate);
        let details = request.status_details.clone();
        let sending = self
            .0
            .client
            .cancel_job_execution()
            .job_id(request.key.job.as_str())
            .thing_name(request.key.thing.as_str())
            .expected_version(request.expected_version.get())
            .set_force(request.force.then_some(true))
            .set_status_details(details.map(|details| details.into_iter().collect()))
            .customize()
            .interceptor(flight.clone())
            .send();
        let answer = send(&call, &flight, sending).await?;
        Ok(CancelAnswer { request_id: answer.request_id().map(Error::clean) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{ErrorKind, JobsReader as _};
    use crate::execution::JobStatus;

    #[tokio::test]
    async fn an_endpoint_without_a_scheme_is_refused() {
        let endpoint_url = Some("localhost:8080".to_owned());
        let clock = Clock::system();
        let region = Some("eu-central-1".to_owned());
        let settings = Settings { region, profile: None, endpoint_url, clock };
        let error = connect(settings).await.unwrap_err();
        assert!(matches!(error, ConnectError::Endpoint(_)), "{error}");
    }

    #[tokio::test]
    async fn without_credentials_nothing_is_sent() {
        let builder = Builder::new()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("eu-central-1"))
            .endpoint_url("http://127.0.0.1:1")
            .http_client(aws_smithy_http_client::Builder::new().build_http());
        let connection = Connection::new(builder, "eu-central-1".to_owned(), Clock::system(), None);
        let error = connection.reader().list_jobs(&JobStatus::Scheduled, None).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Credentials, "{error:?}");
        assert!(error.source.is_some());
    }
}
