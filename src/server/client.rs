//! The other end of the status address, for `rescind status`.

use std::io;
use std::net::SocketAddr;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, HOST};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The largest answer that is read: a thousand policies take about half a megabyte.
const LARGEST: usize = 64 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody listens there.
    #[error("no connection")]
    Connect(#[source] io::Error),
    /// The token cannot be sent in a header.
    #[error("the token has characters that cannot be sent")]
    Token(#[source] hyper::http::Error),
    /// The connection broke, or it is no HTTP.
    #[error("no HTTP answer")]
    Http(#[source] hyper::Error),
    /// The answer broke off, or is too large.
    #[error("no whole answer")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It took too long.
    #[error("no answer within ten seconds")]
    Slow,
}

/// Gets one path: the code and the body.
pub async fn get(at: SocketAddr, path: &str, token: Option<&str>) -> Result<(u16, Bytes), Error> {
    let stream = TcpStream::connect(at).await.map_err(Error::Connect)?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(Error::Http)?;
    // It ends with the answer, and what went wrong is said there.
    let connection = tokio::spawn(connection);
    let mut request = hyper::Request::get(path).header(HOST, at.to_string());
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(Error::Token)?;
    let answer = sender.send_request(request).await.map_err(Error::Http)?;
    let code = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(Error::Body)?;
    connection.abort();
    Ok((code, body.to_bytes()))
}
