//! Lists what exists in tenants' namespaces, page by page, and judges it as if it were written now.

mod closed;
mod digest;
mod kin;
mod pages;
mod stored;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use kube::Client;
use serde_json::value::RawValue;

use crate::baseline::{self, Label, desired_for_namespace, enforced_labels, missing_labels};
use crate::policy::kind::{Resource, Kind, Operation};
use crate::policy::object::Stage;
use crate::policy::path::Path;
use crate::policy::rules::audited_resources;
use crate::policy::{Review, Verdict, Violation, WaiverReason, judge, quote};
use crate::report::{self, What};
use crate::snapshot::{CONTROLLER_MANAGER, NamespaceOwner, TENANT_LABEL, User, Snapshot};
use stored::Stored;

pub use closed::{Closed, closed};
pub use digest::Digest;

/// What is to be audited.
#[derive(Clone, Debug)]
pub enum Extent {
    /// Every tenant's namespaces.
    Everything,
    /// These namespaces.
    Namespaces(BTreeSet<String>),
}

impl Extent {
    pub fn of_tenant(snapshot: &Snapshot, name: &str) -> Self {
        Self::Namespaces(snapshot.namespaces_of(name).map(str::to_owned).collect())
    }
}

/// Something to say about one object.
#[derive(Clone, Debug)]
pub struct Finding {
    pub said: report::Finding,
    /// What its kin are called: the name without what a controller adds to it.
    pub workload: String,
}

/// How far an audit is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    pub namespaces: usize,
    pub objects: usize,
}

/// An audit of one world, at one time.
pub struct Audit<'a> {
    pub client: &'a Client,
    pub snapshot: &'a Snapshot,
    /// In seconds since 1970.
    pub time: i64,
    /// Whether identities are audited too: for that, Secrets are listed.
    pub identities: bool,
}

impl Audit<'_> {
    /// Tells every finding to `found`, and after every page how far it is to `at`.
    pub async fn run(
        &self,
        extent: &Extent,
        mut found: impl FnMut(Finding),
        at: impl FnMut(Progress),
    ) -> Progress {
        let namespaces = self.namespaces(extent);
        let snapshot = match kin::of_exemptions(self.client, self.snapshot, &namespaces).await {
            Ok(live) if live.is_empty() => Cow::Borrowed(self.snapshot),
            Ok(live) => Cow::Owned(self.snapshot.with_live_objects(live)),
            Err(error) => {
                found(finding("", "Exemption", "", What::Unjudged { unjudged: error.to_string() }));
                Cow::Borrowed(self.snapshot)
            }
        };
        Audit { snapshot: &snapshot, ..*self }.judge_all(extent, &namespaces, found, at).await
    }

    async fn judge_all(
        &self,
        extent: &Extent,
        namespaces: &[&str],
        mut found: impl FnMut(Finding),
        mut at: impl FnMut(Progress),
    ) -> Progress {
        let mut progress = Progress { namespaces: namespaces.len(), objects: 0 };
        let mut there: BTreeMap<&str, BTreeSet<(baseline::Kind, String)>> = BTreeMap::new();
        for namespace in namespaces {
            self.labels(namespace, &mut found);
            there.insert(namespace, BTreeSet::new());
        }
        for resource in self.resources() {
            let places: Vec<Option<&str>> = match extent {
                Extent::Everything => vec![None],
                Extent::Namespaces(_) => namespaces.iter().map(|name| Some(*name)).collect(),
            };
            for place in places {
                let listed = pages::each_page(self.client, resource, place, |items| {
                    for item in items {
                        progress.objects += self.object(resource, item, &mut there, &mut found);
                    }
                    at(progress);
                });
                if let Err(error) = listed.await
                    && !is_unserved(&error)
                {
                    let what = What::Unjudged { unjudged: error.to_string() };
                    found(finding(place.unwrap_or_default(), resource.kind.name(), "", what));
                }
            }
        }
        for (namespace, there) in there {
            self.missing(namespace, &there, &mut found);
        }
        progress
    }

    /// The tenants' namespaces among those to audit.
    fn namespaces(&self, extent: &Extent) -> Vec<&str> {
        let all = self.snapshot.namespaces_by_tenant_label().flat_map(|(_, namespaces)| namespaces).map(AsRef::as_ref);
        let mut names: Vec<&str> = match extent {
            Extent::Everything => all.collect(),
            Extent::Namespaces(some) => all.filter(|name| some.contains(*name)).collect(),
        };
        names.sort_unstable();
        names
    }

    fn resources(&self) -> impl Iterator<Item = &'static Resource> {
        let is_identity = |resource: &Resource| matches!(resource.kind, Kind::Secret | Kind::ServiceAccount);
        audited_resources().filter(move |resource| self.identities || !is_identity(resource))
    }

    /// Judges one object; how many were judged.
    fn object(
        &self,
        resource: &Resource,
        raw: &RawValue,
        there: &mut BTreeMap<&str, BTreeSet<(baseline::Kind, String)>>,
        found: &mut impl FnMut(Finding),
    ) -> usize {
        let Ok(stored) = serde_json::from_str::<Stored>(raw.get()) else {
            let unjudged = "an object without metadata".to_owned();
            found(finding("", resource.kind.name(), "", What::Unjudged { unjudged }));
            return 0;
        };
        let namespace = stored.metadata.namespace.as_str();
        let Some(there) = there.get_mut(namespace) else { return 0 };
        if let Some(kind) = resource.kind.baseline_kind() {
            there.insert((kind, stored.metadata.name.clone()));
        }
        if stored.is_settled(resource.kind) {
            return 1;
        }
        let finding = |what| Finding {
            workload: stored.workload().to_owned(),
            ..finding(namespace, resource.kind.name(), &stored.metadata.name, what)
        };
        match self.verdict(resource, &stored, raw) {
            Verdict::Unjudged(error) => found(finding(What::Unjudged { unjudged: error.to_string() })),
            Verdict::Judged { refused, admitted, .. } => {
                let observed = admitted.into_iter().filter(|admitted| admitted.reason == WaiverReason::Observed);
                for violation in refused.into_iter().chain(observed.map(|admitted| admitted.violation)) {
                    found(finding(What::Violation(violation)));
                }
            }
        }
        1
    }

    fn verdict(&self, resource: &Resource, stored: &Stored, raw: &RawValue) -> Verdict {
        let whole = match stored.whole(resource.kind, raw) {
            Ok(whole) => whole,
            Err(error) => return Verdict::Unjudged(crate::policy::object::ObjectError::from(error).into()),
        };
        let review = Review {
            operation: Operation::Create.name(),
            group: resource.kind.resource_group(),
            resource: resource.plural,
            namespace: &stored.metadata.namespace,
            // Who made it is not known any more: what an exemption covers is believed to be its controller's.
            user: User { name: CONTROLLER_MANAGER, groups: Vec::new() },
            stage: Stage::Stored,
            time: self.time,
            object: Some(&whole),
            ..Review::default()
        };
        judge(&review, self.snapshot)
    }

    /// The labels that the baseline wants on a namespace.
    fn labels(&self, namespace: &str, found: &mut impl FnMut(Finding)) {
        let Some(NamespaceOwner::Tenant(tenant)) = self.snapshot.owner(namespace) else { return };
        let Some(known) = self.snapshot.namespace(namespace).filter(|known| !known.terminating) else { return };
        let wanted: Vec<Label<'_>> = enforced_labels(&self.snapshot.settings, tenant).collect();
        let value = |key: &str| known.label(key);
        let others = wanted.iter().filter(|label| label.differs(value(label.key)));
        // What is missing is added once the tenant is enforced.
        let missing_labels =
            missing_labels(wanted.iter(), |label| label.key, |key| key == TENANT_LABEL || value(key).is_some());
        for label in others.chain(missing_labels.filter(|_| !tenant.is_observed())) {
            let message = value(label.key)
                .map_or("this label of the baseline is missing".to_owned(), |has| {
                    format!("{} is not the value that the baseline needs", quote(has))
                });
            let path = Path::of(&["metadata", "labels"]).key(label.key);
            let fix = format!("ask the platform to set {}.", quote(label.value));
            let violation = Violation::new("BH202", &path, message, fix);
            found(finding("", Kind::Namespace.name(), namespace, What::Violation(violation)));
        }
    }

    /// The objects of the baseline that are not there, where it is kept.
    fn missing(
        &self,
        namespace: &str,
        there: &BTreeSet<(baseline::Kind, String)>,
        found: &mut impl FnMut(Finding),
    ) {
        let Some(NamespaceOwner::Tenant(tenant)) = self.snapshot.owner(namespace) else { return };
        if tenant.is_observed() || self.snapshot.namespace(namespace).is_some_and(|known| known.terminating) {
            return;
        }
        for manifest in desired_for_namespace(self.snapshot, tenant, namespace) {
            if there.contains(&(manifest.kind, manifest.name.clone())) {
                continue;
            }
            let violation = Violation::new(
                "BH201",
                &Path::of(&["metadata", "name"]),
                format!("this baseline object of tenant {} is missing", tenant.name),
                "check that the controller runs, and read its log.",
            );
            found(finding(namespace, manifest.kind.name(), &manifest.name, What::Violation(violation)));
        }
    }
}

/// Whether the cluster has no such kind, and nothing of it.
fn is_unserved(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

fn finding(namespace: &str, kind: &str, name: &str, what: What) -> Finding {
    let (kind, namespace) = (kind.to_owned(), namespace.to_owned());
    let said = report::Finding { line: None, kind, namespace, name: name.to_owned(), what };
    Finding { said, workload: name.to_owned() }
}
