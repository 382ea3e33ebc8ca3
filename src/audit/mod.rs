//! Audit: lists the objects in tenants' namespaces, page by page, and judges them as if they were created now.

mod deny_all_impact;
mod digest;
mod exemption_targets;
mod served_fields;
mod stored;
mod unknown_kinds;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use kube::Client;
use kube::api::{ApiResource, ListParams};
use serde_json::value::RawValue;

use crate::baseline::{Label, desired_for_namespace, enforced_labels, missing_labels};
use crate::keys::TENANT_LABEL;
use crate::kinds::{Kind, Operation};
use crate::policy::object::{Object, Stage};
use crate::policy::rules::{BASELINE_ALTERED, BASELINE_REMOVED, SERVICE_ACCOUNT_TOKEN, audited_resources};
use crate::policy::{Review, Verdict, Violation, WaiverReason, judge, quote};
use crate::report::{Detail, Finding, Level, ReportedObject};
use crate::settings::CONTROLLER_MANAGER;
use crate::snapshot::{NamespaceOwner, Snapshot, User};
use crate::sources::pages::each_page;
use crate::sources::{api_resource, served_resource};
use stored::StoredObject;

pub use deny_all_impact::{DenyAllImpact, assess_deny_all};
pub use digest::Digest;
pub use served_fields::{Comparison, UnlistedField, kinds_in, unlisted_fields};
pub use unknown_kinds::{UnknownKind, is_known, unknown_resources};

/// The scope of an audit.
#[derive(Clone, Debug)]
pub enum AuditScope {
    /// The namespaces of all tenants.
    Everything,
    /// These namespaces.
    Namespaces(BTreeSet<String>),
}

impl AuditScope {
    pub fn of_tenant(snapshot: &Snapshot, name: &str) -> Self {
        Self::Namespaces(snapshot.namespaces_of(name).map(str::to_owned).collect())
    }

    /// Returns the namespaces to list objects in, one after the other; `None` is all at once.
    fn filters<'n>(&self, namespaces: &[&'n str]) -> Vec<Option<&'n str>> {
        match self {
            Self::Everything => vec![None],
            Self::Namespaces(_) => namespaces.iter().map(|name| Some(*name)).collect(),
        }
    }
}

/// An object that was judged, or that is missing.
#[derive(Clone, Debug)]
pub struct AuditedObject {
    pub object: ReportedObject,
    /// The name without the suffix that a controller adds; the objects of one workload share it.
    pub workload: String,
}

/// The progress of an audit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    pub namespaces: usize,
    pub objects: usize,
}

/// An audit with one snapshot, at one time.
pub struct Audit<'a> {
    pub client: &'a Client,
    pub snapshot: &'a Snapshot,
    /// Unix time in seconds.
    pub time: i64,
    /// True if identities are audited too, for which Secrets are listed.
    pub identities: bool,
}

impl Audit<'_> {
    /// Passes every object to `on_object`, and the progress after every page to `on_progress`.
    pub async fn run(
        &self,
        scope: &AuditScope,
        mut on_object: impl FnMut(AuditedObject),
        on_progress: impl FnMut(Progress),
    ) -> Progress {
        let namespaces = self.namespaces(scope);
        let snapshot = match exemption_targets::list_targets(self.client, self.snapshot, &namespaces).await {
            Ok(live) if live.is_empty() => Cow::Borrowed(self.snapshot),
            Ok(live) => Cow::Owned(self.snapshot.with_live_objects(live)),
            Err(error) => {
                on_object(audited("", ("", "Exemption"), "", [Detail::Unjudged(error.to_string())]));
                Cow::Borrowed(self.snapshot)
            }
        };
        Audit { snapshot: &snapshot, ..*self }.judge_all(scope, &namespaces, on_object, on_progress).await
    }

    async fn judge_all(
        &self,
        scope: &AuditScope,
        namespaces: &[&str],
        mut on_object: impl FnMut(AuditedObject),
        mut on_progress: impl FnMut(Progress),
    ) -> Progress {
        let mut progress = Progress { namespaces: namespaces.len(), objects: 0 };
        let mut existing: BTreeMap<&str, BTreeSet<(Kind, String)>> = BTreeMap::new();
        for namespace in namespaces {
            self.check_labels(namespace, &mut on_object);
            existing.insert(namespace, BTreeSet::new());
        }
        for (kind, resource) in self.resources(&mut on_object).await {
            for namespace_filter in scope.filters(namespaces) {
                let judge_page = |items: &[&RawValue]| {
                    for item in items {
                        progress.objects +=
                            self.judge_object(kind, &resource, item, &mut existing, &mut on_object);
                    }
                    on_progress(progress);
                    Ok(())
                };
                let listed = each_page(self.client, &resource, namespace_filter, selection(kind), judge_page);
                if let Err(error) = listed.await
                    && !is_unknown_kind(&error)
                {
                    let details = [Detail::Unjudged(error.to_string())];
                    on_object(audited(namespace_filter.unwrap_or_default(), type_of(&resource), "", details));
                }
            }
        }
        for (namespace, existing) in existing {
            self.check_missing(namespace, &existing, &mut on_object);
        }
        progress
    }

    /// Returns the tenants' namespaces in the scope.
    fn namespaces(&self, scope: &AuditScope) -> Vec<&str> {
        let labelled = self
            .snapshot
            .namespaces_by_tenant_label()
            .flat_map(|(_, namespaces)| namespaces)
            .map(AsRef::as_ref);
        let mut names: Vec<&str> = match scope {
            AuditScope::Everything => labelled.collect(),
            AuditScope::Namespaces(selected) => labelled.filter(|name| selected.contains(*name)).collect(),
        };
        names.sort_unstable();
        names
    }

    /// True if the objects of a judged kind are listed.
    fn is_listed(&self, kind: Kind) -> bool {
        self.identities || !matches!(kind, Kind::Secret | Kind::ServiceAccount)
    }

    /// Returns the resources to list, each with the kind as which its objects are judged.
    async fn resources(&self, on_object: &mut impl FnMut(AuditedObject)) -> Vec<(Kind, ApiResource)> {
        let kinds = audited_resources().map(|resource| resource.kind).filter(|kind| self.is_listed(*kind));
        let (any_version, one_version): (Vec<_>, Vec<_>) = kinds.partition(|kind| kind.has_any_version());
        let mut resources: Vec<_> = one_version.into_iter().map(|kind| (kind, api_resource(kind))).collect();
        let any_version = any_version.iter().map(|kind| (*kind, [kind.group(), kind.name(), kind.plural()]));
        let settings = &self.snapshot.settings;
        // The audit writes the reports itself.
        let custom = settings.custom_kinds().filter(|(_, names)| settings.report_kind() != Some(*names));
        for (judged_as, [group, kind, resource]) in any_version.chain(custom) {
            match served_resource(self.client, group, resource).await {
                Ok(served) => resources.extend(served.map(|resource| (judged_as, resource))),
                Err(error) => {
                    on_object(audited("", ("", kind), "", [Detail::Unjudged(error.to_string())]));
                }
            }
        }
        resources
    }

    /// Judges one object; returns the number of judged objects.
    fn judge_object(
        &self,
        kind: Kind,
        resource: &ApiResource,
        raw: &RawValue,
        existing: &mut BTreeMap<&str, BTreeSet<(Kind, String)>>,
        on_object: &mut impl FnMut(AuditedObject),
    ) -> usize {
        let Ok(stored) = serde_json::from_str::<StoredObject>(raw.get()) else {
            let details = [Detail::Unjudged("an object without metadata".to_owned())];
            on_object(audited("", type_of(resource), "", details));
            return 0;
        };
        let namespace = stored.metadata.namespace.as_str();
        let Some(existing) = existing.get_mut(namespace) else { return 0 };
        if kind.is_managed() {
            existing.insert((kind, stored.metadata.name.clone()));
        }
        if stored.is_skipped(kind) {
            return 1;
        }
        let details = Detail::of_verdict(self.verdict(resource, &stored, raw), self.snapshot);
        on_object(AuditedObject {
            workload: stored.workload().to_owned(),
            ..audited(namespace, type_of(resource), &stored.metadata.name, details)
        });
        1
    }

    fn verdict(&self, resource: &ApiResource, stored: &StoredObject, raw: &RawValue) -> Verdict {
        let object = match stored.with_type_meta(resource, raw) {
            Ok(object) => object,
            Err(error) => return Verdict::Unjudged(crate::policy::object::ObjectError::from(error).into()),
        };
        let review = Review {
            operation: Operation::Create.name(),
            group: &resource.group,
            resource: &resource.plural,
            namespace: &stored.metadata.namespace,
            // The creator is unknown, so the audit assumes the controller of the exemption's target.
            user: User { name: CONTROLLER_MANAGER, groups: Vec::new() },
            stage: Stage::Stored,
            time: self.time,
            object: Some((&*object).into()),
            ..Review::default()
        };
        judge(&review, self.snapshot)
    }

    /// Compares the labels of a namespace with those of the baseline.
    fn check_labels(&self, namespace: &str, on_object: &mut impl FnMut(AuditedObject)) {
        let Some(NamespaceOwner::Tenant(tenant)) = self.snapshot.owner(namespace) else { return };
        let Some(known) = self.snapshot.namespace(namespace).filter(|known| !known.terminating) else {
            return;
        };
        let wanted: Vec<Label<'_>> = enforced_labels(&self.snapshot.settings, tenant).collect();
        let value = |key: &str| known.label(key);
        let differing = wanted.iter().filter(|label| label.differs(value(label.key)));
        // The controller adds missing labels once the tenant is enforced.
        let missing_labels = missing_labels(
            wanted.iter(),
            |label| label.key,
            |key| key == TENANT_LABEL || value(key).is_some(),
        );
        let level = if tenant.is_observed() { Level::Warning(WaiverReason::Observed) } else { Level::Error };
        let mut details = Vec::new();
        for label in differing.chain(missing_labels.filter(|_| !tenant.is_observed())) {
            let message = value(label.key)
                .map_or("this label of the baseline is missing".to_owned(), |has| {
                    format!("{} is not the value that the baseline needs", quote(has))
                });
            let path = Object::label_path(label.key);
            let fix = format!("ask the platform to set {}.", quote(label.value));
            let violation = Violation::new(BASELINE_ALTERED.code(), &path, message, fix);
            details.push(Detail::Violation(violation, level.clone()));
        }
        let kind = Kind::Namespace;
        on_object(audited("", (&kind.api_version(), kind.name()), namespace, details));
    }

    /// Reports the missing baseline objects in namespaces with a baseline.
    fn check_missing(
        &self,
        namespace: &str,
        existing: &BTreeSet<(Kind, String)>,
        on_object: &mut impl FnMut(AuditedObject),
    ) {
        let Some(NamespaceOwner::Tenant(tenant)) = self.snapshot.owner(namespace) else { return };
        if tenant.is_observed() || self.snapshot.namespace(namespace).is_some_and(|known| known.terminating) {
            return;
        }
        for manifest in desired_for_namespace(self.snapshot, tenant, namespace) {
            if existing.contains(&(manifest.kind, manifest.name.clone())) || !self.is_listed(manifest.kind) {
                continue;
            }
            let violation = Violation::new(
                BASELINE_REMOVED.code(),
                &Object::name_path(),
                format!("this baseline object of tenant {} is missing", tenant.name),
                "check that the controller runs, and read its log.",
            );
            let details = [Detail::Violation(violation, Level::Error)];
            let kind = (&*manifest.kind.api_version(), manifest.kind.name());
            on_object(audited(namespace, kind, &manifest.name, details));
        }
    }
}

/// Selects the objects that the rules can refuse, as far as the API server can tell them apart.
fn selection(kind: Kind) -> ListParams {
    let all = ListParams::default();
    if kind == Kind::Secret { all.fields(&format!("type={SERVICE_ACCOUNT_TOKEN}")) } else { all }
}

/// True if the cluster does not serve the kind.
pub fn is_unknown_kind(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// Returns the API version and the kind of the objects of a resource.
fn type_of(resource: &ApiResource) -> (&str, &str) {
    (&resource.api_version, &resource.kind)
}

fn audited(
    namespace: &str,
    (api_version, kind): (&str, &str),
    name: &str,
    details: impl IntoIterator<Item = Detail>,
) -> AuditedObject {
    let [api_version, kind, namespace, workload] = [api_version, kind, namespace, name].map(str::to_owned);
    let findings = details.into_iter().map(|detail| Finding { line: None, detail }).collect();
    let object =
        ReportedObject { file: None, api_version, kind, namespace, name: workload.clone(), findings };
    AuditedObject { object, workload }
}
