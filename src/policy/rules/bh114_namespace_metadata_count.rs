//! # BH114 `namespace-metadata-count`
//!
//! ## What it refuses
//! Refuses more labels and annotations on a namespace than the limit.
//!
//! The limit is the setting `labels.maxEntries`, 1,000 by default. It holds for the namespaces of tenants and shared
//! services, and for labels and annotations together. A namespace that has more, because the platform wrote them or
//! because they are older than Bulkhead, can still be changed, but gets no further ones. The platform is exempt.
//!
//! ## Why
//! The API server compares these maps on each write of the namespace, and every controller that watches namespaces
//! receives them. With tens of thousands of them, one user makes each write expensive for all.
//!
//! ## What to write instead
//! Keep data in a ConfigMap in the namespace, and remove labels and annotations that nothing reads.
//!
//! ## How to get it allowed
//! Ask the platform to raise `labels.maxEntries`, or to list the controller that writes them in `platform.users`. The
//! rule only warns for break-glass accounts (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as alice in acme-developers, in snapshot few-labels
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme-annex
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme, istio-injection: enabled }
//!   annotations: # BH114
//!     example.com/one: "1"
//!     example.com/two: "2"
//!     example.com/three: "3"
//!     example.com/four: "4"
//! ```
//!
//! ## Admitted
//! ```yaml as alice in acme-developers
//! apiVersion: v1
//! kind: Namespace
//! metadata:
//!   name: tenant-acme-annex
//!   labels: { bulkhead.dev/tenant: acme, tenant: acme, istio-injection: enabled, team: payments }
//!   annotations: { team.example.com/pager: "on" }
//! ```

use super::{Check, NamespaceView, Request, Rule, RuleReport, Trust};
use crate::keys::Map;
use crate::policy::object::Metadata;

pub(super) const RULE: Rule = Rule::new(Check::Namespace(check)).trusts(&[Trust::Platform, Trust::Bulkhead]);

fn check(
    request: &Request<'_>,
    new: &NamespaceView<'_>,
    old: Option<&NamespaceView<'_>>,
    report: &mut RuleReport,
) {
    if !request.has_tenant(new, old) {
        return;
    }
    let limit = request.snapshot.settings.max_namespace_entries;
    let total = count(&new.metadata);
    if total > limit.max(old.map_or(0, |old| count(&old.metadata))) {
        report.add(
            &new.metadata.at_root().map_path(largest(&new.metadata)),
            format!("{total} labels and annotations make each write of this namespace expensive for the API server"),
            format!(
                "keep data in a ConfigMap. A namespace may have {limit} labels and annotations together; ask the \
                 platform for more (`labels.maxEntries`)."
            ),
        );
    }
}

fn count(metadata: &Metadata<'_>) -> usize {
    Map::ALL.into_iter().map(|map| metadata.entries(map).iter().count()).sum()
}

fn largest(metadata: &Metadata<'_>) -> Map {
    let [labels, annotations] = [Map::Labels, Map::Annotations];
    let count = |map| metadata.entries(map).iter().count();
    if count(labels) > count(annotations) { labels } else { annotations }
}
