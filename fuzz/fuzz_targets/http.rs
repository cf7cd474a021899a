//! Any bytes sent to the emulator. What must hold stands in the library, which the tests run too.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rescind_fuzz::http(bytes));
