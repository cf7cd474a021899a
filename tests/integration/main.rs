//! All tests against the crate's public face, in one binary: it links once.
#![allow(missing_docs)]

mod documents;
