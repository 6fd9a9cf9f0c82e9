//! Benchmarks of scrubjay beside its peers.
