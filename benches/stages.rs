//! What each stage costs, in bytes of JSON a second: `cargo bench`. Figures are noisy on shared
//! machines: compare within one run.
//!
//! serde_json and simd-json are the alternatives to the parser of `keytrail::parse`. Both pick the
//! members that it reads, into [`members::Record`], and stop there: they make no event.

mod members;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use keytrail::classify::Classifier;
use keytrail::format::container::{ContainerReader, Step, Window};
use keytrail::format::decode::{Buffers, DecodeOptions, Decoder};
use keytrail::format::json::{Backend, ValueScanner};
use keytrail::knowledge::Knowledge;
use keytrail::parse::{self, RecordKind};
use members::Record;
use testkit::corpus::archive::{Corpus, gzip};

/// Bytes of JSON in the archive that is measured.
const KIB: u64 = 4096;

fn records(json: &[u8]) -> Vec<&[u8]> {
    records_with(Backend::selected(), json)
}

fn records_with(backend: Backend, json: &[u8]) -> Vec<&[u8]> {
    let mut reader = ContainerReader::with_backend(backend, 4 << 20);
    let window = Window { bytes: json, start: 0, last: true };
    let mut records = Vec::new();
    while let Step::Value { range, .. } = reader.step(window) {
        records.push(window.slice(&range));
    }
    records
}

fn stages(criterion: &mut Criterion) {
    let json = Corpus::sized(1, 16.0, KIB, 0.3).everyday().archive(0).json;
    let stored = gzip(&json, flate2::Compression::default());
    let kms: Vec<&[u8]> = records(&json).into_iter().filter(|record| parse::may_match(record)).collect();
    let kms_bytes: usize = kms.iter().map(|record| record.len()).sum();

    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Bytes(json.len() as u64));
    for (name, size) in [("at once", Some(stored.len() as u64)), ("streaming", None)] {
        let mut buffers = Buffers::default();
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            let mut chunk = vec![0; 256 << 10];
            bencher.iter(|| {
                let mut options = DecodeOptions::default();
                options.stored_size = size;
                let mut content = Decoder::new(stored.as_slice(), options, &mut buffers).unwrap();
                if let Some(whole) = content.take_whole() {
                    buffers.recycle(black_box(whole));
                }
                while content.read(&mut chunk).unwrap() > 0 {}
                content.finish(&mut buffers);
            });
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("json");
    group.throughput(Throughput::Bytes(json.len() as u64));
    let all = records(&json);
    for backend in Backend::available() {
        group.bench_function(BenchmarkId::from_parameter(backend.name()), |bencher| {
            let end = |record: &&[u8]| ValueScanner::with_backend(backend, b'{').advance(black_box(record));
            bencher.iter(|| all.iter().filter_map(end).sum::<usize>());
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("container and json");
    group.throughput(Throughput::Bytes(json.len() as u64));
    for backend in Backend::available() {
        group.bench_function(BenchmarkId::from_parameter(backend.name()), |bencher| {
            bencher.iter(|| records_with(backend, black_box(&json)).len());
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("may name KMS");
    group.throughput(Throughput::Bytes(json.len() as u64));
    group.bench_function("records", |bencher| {
        bencher.iter(|| all.iter().filter(|record| parse::may_match(record)).count());
    });
    group.finish();

    let mut group = criterion.benchmark_group("parse");
    group.throughput(Throughput::Bytes(kms_bytes as u64));
    group.bench_function("to events", |bencher| {
        bencher.iter(|| kms.iter().filter(|record| parse::parse(record).is_ok()).count());
    });
    group.bench_function("to members (serde_json)", |bencher| {
        let read = |record: &[u8]| serde_json::from_slice::<Record>(record).is_ok_and(|r| r.is_kms());
        assert!(kms.iter().any(|record| read(record)), "records are read");
        bencher.iter(|| kms.iter().filter(|record| read(black_box(record))).count());
    });
    group.bench_function("to members (simd-json)", |bencher| {
        let mut buffers = simd_json::Buffers::default();
        let mut bytes = Vec::new();
        let mut read = |record: &[u8]| {
            // It parses in place, so it needs bytes of its own.
            bytes.clear();
            bytes.extend_from_slice(record);
            simd_json::serde::from_slice_with_buffers::<Record>(&mut bytes, &mut buffers)
                .is_ok_and(|record| record.is_kms())
        };
        assert!(kms.iter().any(|record| read(record)), "records are read");
        bencher.iter(|| kms.iter().filter(|record| read(black_box(record))).count());
    });
    group.bench_function("to a tape (simd-json)", |bencher| {
        let mut buffers = simd_json::Buffers::default();
        let mut bytes = Vec::new();
        bencher.iter(|| {
            kms.iter()
                .filter(|record| {
                    // It parses in place, so it needs bytes of its own.
                    bytes.clear();
                    bytes.extend_from_slice(record);
                    simd_json::to_tape_with_buffers(&mut bytes, &mut buffers).is_ok()
                })
                .count()
        });
    });
    group.finish();

    let classifier = Classifier::new(None).unwrap();
    let events: Vec<_> = kms
        .iter()
        .filter_map(|record| match parse::parse(record).ok()?.kind {
            RecordKind::Event(event) => Some(event),
            _ => None,
        })
        .collect();
    let mut group = criterion.benchmark_group("classify");
    group.throughput(Throughput::Elements(events.len() as u64));
    group.bench_function("events", |bencher| {
        bencher.iter(|| {
            events
                .iter()
                .map(|event| classifier.classify(event, &Knowledge::default()).rules.len())
                .sum::<usize>()
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(15).measurement_time(std::time::Duration::from_secs(2));
    targets = stages
}
criterion_main!(benches);
