//! Reads scrubjay logs.

fn main() {}
