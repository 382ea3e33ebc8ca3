//! Judges objects in the process of the test, without a webhook.

use bulkhead::kinds::Kind;
use bulkhead::policy::object::Stage;
use bulkhead::policy::{Review, Verdict, Violation, judge};
use bulkhead::snapshot::{Snapshot, User};
use serde_json::Value;
use serde_json::value::to_raw_value;

/// The time of every request, before the end of the exemptions in the snapshots.
const TIME: i64 = 1_780_272_000;

/// The verdict on the creation of an object.
pub fn verdict(snapshot: &Snapshot, user: &User<'_>, object: &Value) -> Verdict {
    let kind = kind(object);
    let raw = to_raw_value(object).unwrap();
    let review = Review {
        operation: "CREATE",
        group: kind.group(),
        resource: kind.plural(),
        namespace: object["metadata"]["namespace"].as_str().unwrap(),
        user: user.clone(),
        stage: Stage::Mutated,
        time: TIME,
        object: Some((&*raw).into()),
        ..Review::default()
    };
    judge(&review, snapshot)
}

/// The violations for which the creation of an object is refused. An object that cannot be judged fails the test.
#[track_caller]
pub fn violations(snapshot: &Snapshot, user: &User<'_>, object: &Value) -> Vec<Violation> {
    match verdict(snapshot, user, object) {
        Verdict::Judged { refused, .. } => refused,
        Verdict::Unjudged(error) => panic!("{object}: {error}"),
    }
}

/// True if the creation of an object is admitted. A violation of other rules than these fails the test.
#[track_caller]
pub fn is_admitted_by(rules: &[&str], snapshot: &Snapshot, user: &User<'_>, object: &Value) -> bool {
    let violations = violations(snapshot, user, object);
    let other = violations.iter().find(|violation| !rules.contains(&violation.code));
    assert!(other.is_none(), "{object}: {other:?}");
    violations.is_empty()
}

fn kind(object: &Value) -> Kind {
    let is_kind =
        |kind: &Kind| object["kind"] == kind.name() && object["apiVersion"] == kind.api_version().as_str();
    let kind = Kind::ALL.iter().copied().find(is_kind);
    kind.unwrap_or_else(|| panic!("no kind of the table: {object}"))
}
