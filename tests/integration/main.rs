//! All integration tests, in one binary: the AWS SDK links once.
#![allow(missing_docs)]

mod emulator;
