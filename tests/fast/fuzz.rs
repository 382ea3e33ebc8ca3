//! Random changes of real reviews, manifests and settings: nothing panics, every answer has the uid of its review, and the
//! memory for an input is bounded by its size. `BULKHEAD_FUZZ_SECONDS=3600` runs each of the two tests for an hour, and
//! `BULKHEAD_FUZZ_SEED=7` repeats the seventh input.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use bulkhead::kinds::Kind;
use bulkhead::policy::defaulting::default_labels;
use bulkhead::policy::{RULES, judge};
use bulkhead::sources::files::{self, SourceDocument};
use bulkhead::sources::yaml;
use bulkhead::webhook::wire::{self, AdmissionResponse};
use serde_json::{Value, json};
use support::documents::files_below;
use support::random::Random;
use support::repository;

use crate::examples::{examples, snapshot};

const SECONDS: u64 = 3;
/// The most memory that an input may take at once. The largest is of some kilobytes.
const MAX_BYTES: u64 = 16 << 20;
/// Values at which readers of JSON and of YAML differ, or give up.
const TOKENS: &[&str] = &[
    "null",
    "[]",
    "{}",
    "\"\"",
    "-0",
    "1e400",
    "18446744073709551616",
    "0.1",
    "0777",
    "0x",
    "~",
    "on",
    "\\u0000",
    "\\ud800",
    "\\\"",
    "\"uid\":\"other\",",
    "\"UID\":\"other\",",
    "\"request\":{\"uid\":\"other\"},",
    "\"object\":null,",
    "{\"request\":",
    "[[[[[[[[[[[[[[[[",
    "{\"a\":{\"a\":{\"a\":",
    "\n---\n",
    "&a ",
    "*a",
    "<<: *a",
    "!!binary ",
    "!!str ",
    "? ",
    "- ",
    ": ",
    "|+2\n",
    ">-\n",
    "#",
    "\t",
    "\u{feff}",
    "%YAML 1.1\n",
    "'",
    "\r\n",
    "\u{85}",
    "\u{2028}",
    "..\n",
];

#[test]
fn changed_review_is_answered_under_its_uid_or_not_at_all() {
    let corpus = reviews();
    run(&corpus, |text| {
        for with_snapshot in [true, false] {
            let snapshot = snapshot("");
            let Ok(envelope) = wire::read(text.as_bytes(), with_snapshot.then_some(snapshot)) else {
                continue;
            };
            let review = envelope.review();
            let response = AdmissionResponse::from_verdict(&judge(&review, snapshot));
            let _ = default_labels(&review, snapshot);
            let answer: Value = serde_json::from_slice(&response.write(envelope.uid()).unwrap()).unwrap();
            // An API server reads the last of two fields. Where serde_json gives up, no API server has written the text.
            if let Ok(sent) = serde_json::from_str::<Value>(text) {
                assert_eq!(answer["response"]["uid"], sent["request"]["uid"]);
            }
        }
    });
}

#[test]
fn changed_manifest_or_settings_file_is_read_or_refused() {
    let corpus: Vec<String> = manifests();
    run(&corpus, |text| {
        let Ok(documents) = yaml::read(text) else { return };
        for document in &documents {
            let _: Value = serde_json::from_str(document.json.get()).unwrap();
            let _ = document.position("/metadata/name");
        }
        let source = |yaml| SourceDocument { file: "changed.yaml".into(), yaml };
        let documents: Vec<_> = documents.into_iter().map(source).collect();
        let _ = files::snapshot(&documents);
    });
}

/// Changes inputs of the corpus, one after another, and passes each to `check`.
fn run(corpus: &[String], check: impl Fn(&str)) {
    let number = |name| std::env::var(name).ok().map(|text: String| u64::from_str(&text).unwrap());
    let seconds = Duration::from_secs(number("BULKHEAD_FUZZ_SECONDS").unwrap_or(SECONDS));
    let only = number("BULKHEAD_FUZZ_SEED");
    let begin = Instant::now();
    let (mut seed, mut most) = (only.unwrap_or(0), 0);
    while begin.elapsed() < seconds {
        let text = changed(corpus, &mut Random::new(seed));
        let mut ended = Ok(());
        let memory = measure(|| ended = catch_unwind(AssertUnwindSafe(|| check(&text)))).bytes_max;
        most = most.max(memory);
        assert!(
            ended.is_ok() && memory <= MAX_BYTES,
            "BULKHEAD_FUZZ_SEED={seed} fails, or takes {memory} bytes, with this input:\n{text}"
        );
        if only.is_some() {
            return;
        }
        seed += 1;
    }
    support::say(&format!(
        "{seed} inputs from a corpus of {} in {seconds:?}; at most {most} bytes at once",
        corpus.len()
    ));
}

/// An input of the corpus after one to eight changes.
fn changed(corpus: &[String], random: &mut Random) -> String {
    let mut text = random.one_of(corpus).clone().into_bytes();
    for _ in 0..=random.below(8) {
        let (from, to) = (place(&text, random), place(&text, random));
        let part = from.min(to)..from.max(to).min(from.min(to) + 64);
        match random.below(6) {
            0 => drop(text.splice(part, [])),
            1 => {
                let copy = text[part].to_vec();
                drop(text.splice(to..to, copy));
            }
            2 => {
                let other = random.one_of(corpus).as_bytes();
                let (begin, end) = (place(other, random), place(other, random));
                let copy = &other[begin.min(end)..begin.max(end)];
                drop(text.splice(part, copy.iter().copied()));
            }
            3 => drop(text.splice(part, random.one_of(TOKENS).bytes())),
            4 => drop(text.splice(from..from, random.one_of(TOKENS).bytes())),
            _ => {
                if let Some(byte) = text.get_mut(from) {
                    *byte = u8::try_from(random.below(128)).unwrap();
                }
            }
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn place(text: &[u8], random: &mut Random) -> usize {
    usize::try_from(random.below(text.len() as u64 + 1)).unwrap()
}

/// The YAML of all examples in the manuals, and of the files of examples.
fn manifests() -> Vec<String> {
    let manuals = RULES.iter().flat_map(examples).map(|example| example.text);
    let files = files_below("examples", "yaml").into_iter();
    manuals.chain(files.map(|path| std::fs::read_to_string(repository(&path)).unwrap())).collect()
}

/// Reviews of these objects, as an API server writes them.
fn reviews() -> Vec<String> {
    let documents = manifests().into_iter().flat_map(|text| yaml::read(&text).unwrap());
    documents.filter_map(|document| review(&serde_json::from_str(document.json.get()).unwrap())).collect()
}

fn review(object: &Value) -> Option<String> {
    let mut kinds = Kind::ALL.iter();
    let kind = kinds
        .find(|kind| object["kind"] == kind.name() && object["apiVersion"] == kind.api_version().as_str())?;
    let (group, plural) = (json!(kind.group()), json!(kind.plural()));
    let namespace = &object["metadata"]["namespace"];
    let namespace = if namespace.is_null() { &object["metadata"]["name"] } else { namespace };
    // The fields are in an API server's order.
    Some(format!(
        r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"0f4b",
        "resource":{{"group":{group},"version":"v1","resource":{plural}}},"namespace":{namespace},
        "operation":"UPDATE","userInfo":{{"username":"alice","groups":["acme-developers"]}},
        "object":{object},"oldObject":{object},"dryRun":false}}}}"#
    ))
}
