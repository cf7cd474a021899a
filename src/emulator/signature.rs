//! Signature Version 4, checked on request.
//!
//! Apart from `wire`, which reads the credential scope whether or not the signature is checked. Nothing
//! here is about time: a request may be as old as it likes, since the emulator's clock may be anywhere.

use axum::http::HeaderMap;
use axum::http::request::Parts;
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

use super::refusal::Refusal;

/// Whose signatures are accepted.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// AKIA…
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// What SigV4 leaves as it is.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Refuses a request that is not signed with these credentials.
pub fn verify(credentials: &Credentials, head: &Parts, body: &[u8]) -> Result<(), Refusal> {
    let header = head.headers.get("authorization").and_then(|value| value.to_str().ok());
    let Some(fields) = header.and_then(|text| text.strip_prefix("AWS4-HMAC-SHA256")) else {
        return Err(Refusal::MissingAuthentication("Missing Authentication Token".to_owned()));
    };
    let field = |name: &str| {
        fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
    };
    let incomplete = || {
        let text = "Authorization header needs Credential, SignedHeaders and Signature.";
        Refusal::InvalidSignature(text.to_owned())
    };
    let credential = field("Credential").ok_or_else(incomplete)?;
    let signed = field("SignedHeaders").ok_or_else(incomplete)?;
    let signature = field("Signature").ok_or_else(incomplete)?;
    let (key_id, scope) = credential.split_once('/').ok_or_else(incomplete)?;
    if key_id != credentials.access_key_id {
        let text = "The security token included in the request is invalid.";
        return Err(Refusal::UnrecognizedClient(text.to_owned()));
    }
    let time = value(&head.headers, "x-amz-date");
    let canonical = canonical_request(head, signed, body);
    let hash = hex(&Sha256::digest(canonical.as_bytes()));
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hash}");
    let mut key = format!("AWS4{}", credentials.secret_access_key).into_bytes();
    for part in scope.split('/') {
        key = mac(&key, part.as_bytes()).finalize().into_bytes().to_vec();
    }
    let given: Option<Vec<u8>> = (0..signature.len() / 2)
        .map(|at| u8::from_str_radix(signature.get(at * 2..at * 2 + 2)?, 16).ok())
        .collect();
    let right =
        given.is_some_and(|given| mac(&key, to_sign.as_bytes()).verify_slice(&given).is_ok());
    if right {
        return Ok(());
    }
    Err(Refusal::InvalidSignature(
        "The request signature we calculated does not match the signature you provided.".to_owned(),
    ))
}

fn mac(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac
}

fn canonical_request(head: &Parts, signed: &str, body: &[u8]) -> String {
    // Each segment is encoded once more, as for all services but S3.
    let path = head.uri.path().split('/').map(encoded).collect::<Vec<_>>().join("/");
    let pairs = head.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let mut query: Vec<String> = pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            format!("{}={}", recoded(key), recoded(value))
        })
        .collect();
    query.sort();
    let headers: Vec<String> =
        signed.split(';').map(|name| format!("{name}:{}", value(&head.headers, name))).collect();
    let headers = headers.join("\n");
    let given = value(&head.headers, "x-amz-content-sha256");
    let hash = if given.is_empty() { hex(&Sha256::digest(body)) } else { given };
    format!("{}\n{path}\n{}\n{headers}\n\n{signed}\n{hash}", head.method, query.join("&"))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}

fn recoded(text: &str) -> String {
    encoded(&percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy())
}

/// The values of a header, spaces taken together.
fn value(headers: &HeaderMap, name: &str) -> String {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let tidy = |value: &str| value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    values.map(tidy).collect::<Vec<_>>().join(",")
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|nibble| char::from_digit(nibble.into(), 16).unwrap_or('0'))
        .collect()
}
