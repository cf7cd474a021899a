//! Expressions one by one: what each gives, or the exact error; the bounds; what is not known.

mod alike;
mod bounds;
mod functions;
mod refused;
mod support;
mod unknown;
mod values;
