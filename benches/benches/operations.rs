//! Single operations of scrubjay, by Criterion: where a change shows.
//!
//! What it costs beside others is the comparison's question. The mode is the
//! environment's, as in any program: `SCRUBJAY_LOG=run-%p.jay cargo bench …`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use scrubjay::{Context, Lease, Report, Scrubjay, Tag};

#[global_allocator]
static ALLOCATOR: Scrubjay = Scrubjay::new();

static BENCH: Tag = Tag::new("bench");
static SECRET: Tag = Tag::new("bench/secret").secret();

fn blocks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("alloc and free");
    for size in [16, 64, 256, 1 << 10, 4 << 10, 64 << 10, 1 << 20] {
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| black_box(Vec::<u8>::with_capacity(size)));
        });
    }
    group.finish();
    criterion.bench_function("alloc zeroed and free, 64 KiB", |bencher| {
        bencher.iter(|| black_box(vec![0_u8; 64 << 10]));
    });
    criterion.bench_function("grow by push to 64 KiB", |bencher| {
        bencher.iter(|| {
            let mut bytes = Vec::new();
            for index in 0..64 << 10 {
                bytes.push(black_box(index as u8));
            }
            bytes
        });
    });
}

fn scopes(criterion: &mut Criterion) {
    criterion.bench_function("scope", |bencher| bencher.iter(|| drop(black_box(BENCH.enter()))));
    criterion.bench_function("scope in a scope", |bencher| {
        let _outer = BENCH.enter();
        bencher.iter(|| drop(black_box(SECRET.enter())));
    });
    criterion.bench_function("secret block of 64 bytes in its scope", |bencher| {
        bencher.iter(|| {
            let _scope = SECRET.enter();
            black_box(Vec::<u8>::with_capacity(64))
        });
    });
}

fn leases(criterion: &mut Criterion) {
    let pair = || black_box(Vec::<u8>::with_capacity(64));
    criterion.bench_function("lease", |bencher| {
        bencher.iter(|| drop(black_box(Lease::begin("bench"))));
    });
    criterion.bench_function("lease with its bill", |bencher| {
        bencher.iter(|| {
            let lease = Lease::begin("bench");
            drop(pair());
            black_box(lease.end())
        });
    });
    criterion.bench_function("no lease, block of 64 bytes", |bencher| bencher.iter(pair));
    criterion.bench_function("lease, block of 64 bytes", |bencher| {
        let _lease = Lease::begin("bench");
        bencher.iter(pair);
    });
    criterion.bench_function("lease, block of 64 bytes in a lease in a lease", |bencher| {
        let _outer = Lease::begin("bench");
        let _inner = Lease::begin("bench");
        bencher.iter(pair);
    });
    criterion.bench_function("lease, block of 64 bytes by its context", |bencher| {
        let pending = Lease::pending("bench");
        let _adopted = pending.context().adopt();
        bencher.iter(pair);
    });
    criterion.bench_function("context", |bencher| {
        bencher.iter(|| drop(black_box(Context::nobodys().adopt())));
    });
}

fn reports(criterion: &mut Criterion) {
    criterion.bench_function("tags()", |bencher| bencher.iter(scrubjay::tags));
    criterion.bench_function("Report::now()", |bencher| bencher.iter(Report::now));
    criterion.bench_function("report as text", |bencher| {
        let report = Report::now();
        bencher.iter(|| report.to_string());
    });
}

criterion_group!(operations, blocks, scopes, leases, reports);
criterion_main!(operations);
