//! Why a call was refused, as AWS names it.
//!
//! Apart from `wire` because the store refuses too, and knows no HTTP: here are code and text, there
//! status and headers. Texts marked in `aws-iot-jobs.md` as observed are used; the rest is assumed.
//! Clients must branch on the code, never on the text.

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A constraint of the model is not met, or the call makes no sense.
    #[error("{0}")]
    InvalidRequest(String),
    /// The body or a number or boolean in the query cannot be read at all.
    #[error("{0}")]
    Serialization(String),
    /// There is no such thing, job, execution or group.
    #[error("{0}")]
    NotFound(String),
    /// `expectedVersion` is not the execution's version (control plane only).
    #[error("{0}")]
    VersionConflict(String),
    /// The execution's status does not allow it.
    #[error("{0}")]
    InvalidStateTransition(String),
    /// The data plane describes no terminal execution.
    #[error("{0}")]
    TerminalState(String),
    /// The name is taken.
    #[error("{message}")]
    AlreadyExists {
        /// What is wrong.
        message: String,
        /// The taken name.
        id: String,
        /// What `arn:…:` goes on with: `thing/NAME`, `job/ID`.
        resource: String,
    },
    /// A quota is reached.
    #[error("{0}")]
    LimitExceeded(String),
    /// The search's query cannot be read.
    #[error("{0}")]
    InvalidQuery(String),
    /// There is no index to search.
    #[error("{0}")]
    IndexNotReady(String),
    /// Service Quotas has no such quota.
    #[error("{0}")]
    NoSuchResource(String),
    /// IAM says no.
    #[error("{0}")]
    AccessDenied(String),
    /// Service Quotas was asked for nothing in particular.
    #[error("{0}")]
    IllegalArgument(String),
    /// Nothing is signed where it must be.
    #[error("{0}")]
    MissingAuthentication(String),
    /// The access key is not known.
    #[error("{0}")]
    UnrecognizedClient(String),
    /// The signature is wrong, or the credential scope names a service that is not emulated.
    #[error("{0}")]
    InvalidSignature(String),
    /// More calls than the rate allows.
    #[error("Rate exceeded")]
    Throttled,
    /// The service is not there for a moment.
    #[error("Service is unavailable")]
    Unavailable,
    /// The service failed.
    #[error("Internal failure")]
    InternalFailure,
    /// No operation has this method and path.
    #[error("{0}")]
    UnknownOperation(String),
}

impl Refusal {
    /// AWS's error code, as in `x-amzn-ErrorType`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "InvalidRequestException",
            Self::Serialization(_) => "SerializationException",
            Self::NotFound(_) => "ResourceNotFoundException",
            Self::VersionConflict(_) => "VersionConflictException",
            Self::InvalidStateTransition(_) => "InvalidStateTransitionException",
            Self::TerminalState(_) => "TerminalStateException",
            Self::AlreadyExists { .. } => "ResourceAlreadyExistsException",
            Self::LimitExceeded(_) => "LimitExceededException",
            Self::InvalidQuery(_) => "InvalidQueryException",
            Self::IndexNotReady(_) => "IndexNotReadyException",
            Self::NoSuchResource(_) => "NoSuchResourceException",
            Self::AccessDenied(_) => "AccessDeniedException",
            Self::IllegalArgument(_) => "IllegalArgumentException",
            Self::MissingAuthentication(_) => "MissingAuthenticationTokenException",
            Self::UnrecognizedClient(_) => "UnrecognizedClientException",
            Self::InvalidSignature(_) => "InvalidSignatureException",
            Self::Throttled => "ThrottlingException",
            Self::Unavailable => "ServiceUnavailableException",
            Self::InternalFailure => "InternalFailure",
            Self::UnknownOperation(_) => "UnknownOperationException",
        }
    }
}
