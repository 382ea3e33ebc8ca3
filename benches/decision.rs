//! Cost of a decision, from the bytes of a review to the bytes of its answer.
//!
//! The decision and serde_json, which only skips the same bytes, run in alternating rounds. A second comparison
//! takes a decision where no rule applies, and the reading and answering of its envelope alone. A third one takes
//! decisions by none, by the first 20 and by all of the rules about pods.
//! Run: `cargo bench --bench decision`

#![expect(clippy::expect_used, reason = "a bench that cannot go on should stop")]
#![expect(clippy::print_stdout, reason = "figures are its output")]

mod pod;
mod review;
mod timing;

use std::hint::black_box;
use std::path::PathBuf;

use bulkhead::kinds::Kind;
use bulkhead::policy::{RULES, Rule, Verdict, judge_by};
use bulkhead::snapshot::Snapshot;
use bulkhead::sources::files;
use bulkhead::webhook::wire::{self, AdmissionResponse};
use serde::de::IgnoredAny;
use timing::{decide, ratio, spread};

const ROUNDS: usize = 30;
const TURNS: u32 = 2_000;

fn main() {
    let review = pod::review("tenant-acme");
    let elsewhere = pod::review("default");
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/snapshot"));
    let snapshot = files::snapshot(&files::read(&[folder]).expect("the example's world")).expect("a world");
    let answer = decide(&review, &snapshot);
    assert!(
        answer.windows(14).any(|part| part == b"\"allowed\":true"),
        "the pod of the examples is admitted"
    );

    let (mut skips, mut decisions, mut envelopes, mut concerning_none) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        skips.push(micros(|| drop(black_box(serde_json::from_slice::<IgnoredAny>(black_box(&review))))));
        decisions.push(micros(|| drop(black_box(decide(black_box(&review), &snapshot)))));
        envelopes.push(micros(|| drop(black_box(answer_unread(black_box(&elsewhere))))));
        concerning_none.push(micros(|| drop(black_box(decide(black_box(&elsewhere), &snapshot)))));
    }
    let allocations = allocation_counter::measure(|| drop(black_box(decide(&review, &snapshot))));

    println!("review of {} bytes, {ROUNDS} rounds of {TURNS}: median (least to most)", review.len());
    println!("  ratio      {}   (aim: at most 2.5)", ratio(&decisions, &skips));
    println!("  decision   {} µs", spread(decisions));
    println!("  skip       {} µs", spread(skips));
    println!("  allocations a decision: {}, {} bytes", allocations.count_total, allocations.bytes_total);
    println!("the same where no rule holds:");
    println!("  ratio      {}   (aim: 1)", ratio(&concerning_none, &envelopes));
    println!("  decision   {} µs", spread(concerning_none));
    println!("  envelope   {} µs", spread(envelopes));
    print_price_of_rules(&review, &snapshot);
}

fn micros(work: impl FnMut()) -> f64 {
    timing::micros(TURNS, work)
}

fn print_price_of_rules(review: &[u8], snapshot: &Snapshot) {
    let about_pods = (1..).zip(RULES).filter(|(_, rule)| rule.judges(Kind::Pod)).map(|(end, _)| end);
    let ends: Vec<usize> = std::iter::once(0).chain(about_pods).collect();
    let first = |count: usize| ends.get(count).and_then(|end| RULES.get(..*end)).expect("rules");
    let sets: Vec<(usize, &[Rule])> = [0, 20, ends.len() - 1].map(|count| (count, first(count))).into();
    let mut figures = vec![Vec::new(); sets.len()];
    for _ in 0..ROUNDS {
        for ((_, rules), figures) in sets.iter().zip(&mut figures) {
            figures.push(micros(|| {
                let envelope = wire::read(black_box(review), Some(snapshot)).expect("a review");
                black_box(judge_by(rules, &envelope.review(), snapshot));
            }));
        }
    }
    println!("a decision by some rules about pods alone, without its answer:");
    for ((count, _), figures) in sets.iter().zip(figures) {
        println!("  {count:2} rules   {} µs", spread(figures));
    }
}

/// Reads the envelope and writes an answer to it.
fn answer_unread(bytes: &[u8]) -> Vec<u8> {
    let envelope = wire::read(bytes, None).expect("a review");
    AdmissionResponse::from_verdict(&Verdict::default()).write(envelope.uid()).expect("an answer")
}
