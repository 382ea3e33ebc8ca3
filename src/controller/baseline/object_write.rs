//! Writes of baseline objects, and the reads that they depend on.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use tracing::info;

use super::cache::api;
use super::object_ref::ObjectRef;
use super::plan::PodGuard;
use super::step::Write;
use crate::baseline::{Difference, Manifest, drift, is_managed};
use crate::keys::MANAGED_BY_LABEL;
use crate::policy::object::Path;
use crate::policy::quote;

/// Field manager of server-side apply.
pub(in crate::controller) const FIELD_MANAGER: &str = "bulkhead";

/// An object as the API server has stored it.
pub(super) struct Written {
    pub(super) object: DynamicObject,
}

/// True if another write was faster, or if the object exists already.
pub(super) fn is_conflict(error: &kube::Error) -> bool {
    has_code(error, 409)
}

fn has_code(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}

/// Fails while pods with these labels exist.
pub(super) async fn ensure_no_pods(client: &Client, guard: &PodGuard) -> anyhow::Result<()> {
    let PodGuard { namespace, labels } = guard;
    let selector: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let selector = selector.join(",");
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let found = pods.list_metadata(&ListParams::default().labels(&selector).limit(1)).await?;
    anyhow::ensure!(
        found.items.is_empty(),
        "no SharedService selects the pods {selector} in {namespace} any more, and its policies stay while these run"
    );
    Ok(())
}

/// Deletes an object that the baseline no longer contains.
pub(super) async fn prune(client: &Client, key: &ObjectRef) -> anyhow::Result<()> {
    let ObjectRef { kind, namespace, name } = key;
    let objects = api(client, *kind, Some(namespace.as_str()).filter(|namespace| !namespace.is_empty()));
    match objects.delete(name, &DeleteParams::default()).await {
        Err(error) if has_code(&error, 404) => {}
        result => drop(result?),
    }
    info!(kind = kind.name(), namespace, name, "removed an object that the baseline no longer has");
    Ok(())
}

/// Creates or replaces the object. If Bulkhead manages it only in part, applies only Bulkhead's fields.
///
/// An existing object without Bulkhead's label is from before the baseline and belongs to another user. If it
/// differs, it is replaced only with `may_replace`; without it, this fails.
pub(super) async fn write(client: &Client, write: &Write, may_replace: bool) -> anyhow::Result<Written> {
    let Write { manifest, exists } = write;
    let objects = api(client, manifest.kind, manifest.namespace.as_deref());
    let desired: DynamicObject = serde_json::from_value(manifest.object.clone())?;
    if manifest.kind.is_partly_managed() {
        let params = PatchParams::apply(FIELD_MANAGER).force();
        return Ok(Written {
            object: objects.patch(&manifest.name, &params, &Patch::Apply(&desired)).await?,
        });
    }
    // An object that the cache lacks is created without a read first. Other objects are read first, because a quota
    // counts even the failed create of an existing object for a while.
    if !*exists {
        match create(&objects, manifest, &desired).await {
            Err(error) if error.downcast_ref().is_some_and(is_conflict) => {}
            created => return created,
        }
    }
    let Some(found) = objects.get_opt(&manifest.name).await? else {
        return create(&objects, manifest, &desired).await;
    };
    let live = serde_json::to_value(&found)?;
    let drift = drift(manifest.kind, &manifest.object, &live);
    if drift.is_empty() {
        return Ok(Written { object: found });
    }
    if !may_replace && !is_managed(&live) {
        ensure_labels_alone_differ(manifest, &drift)?;
    }
    replace(&objects, found, desired).await
}

async fn create(
    objects: &Api<DynamicObject>,
    manifest: &Manifest,
    desired: &DynamicObject,
) -> anyhow::Result<Written> {
    match objects.create(&PostParams::default(), desired).await {
        Ok(object) => Ok(Written { object }),
        // In a namespace, `404 page not found` can also mean that the namespace is gone.
        Err(error) if has_code(&error, 404) && manifest.namespace.is_none() => {
            let (name, version) = (manifest.kind.name(), manifest.kind.api_version());
            anyhow::bail!(
                "the API server does not serve {name} of {version}: install it, or change the settings"
            )
        }
        Err(error) => Err(error.into()),
    }
}

/// Fails if an object from before the baseline differs in more than labels.
fn ensure_labels_alone_differ(manifest: &Manifest, drift: &[Difference]) -> anyhow::Result<()> {
    let is_label_path = |path: &[String]| path.starts_with(&["metadata".to_owned(), "labels".to_owned()]);
    let Some(difference) = drift.iter().find(|difference| !is_label_path(&difference.path)) else {
        return Ok(());
    };
    anyhow::bail!(
        "{} {} existed before the baseline and differs in {}: delete it, or change it to what `bulkhead render` prints",
        manifest.kind.name(),
        manifest.name,
        difference.path.join("."),
    )
}

/// Replaces the object, if it has not changed since it was found.
async fn replace(
    objects: &Api<DynamicObject>,
    found: DynamicObject,
    mut desired: DynamicObject,
) -> anyhow::Result<Written> {
    let params = PostParams::default();
    let name = found.metadata.name.unwrap_or_default();
    // `roleRef` is immutable
    // (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#clusterrolebinding-example), so the binding is
    // deleted and created again. A dry run first checks that the new one would be admitted.
    if found.data.get("roleRef") != desired.data.get("roleRef") {
        let mut trial = desired.clone();
        trial.metadata.name = Some(format!("{name}-trial"));
        objects.create(&PostParams { dry_run: true, ..PostParams::default() }, &trial).await?;
        objects.delete(&name, &DeleteParams::default()).await?;
        return Ok(Written { object: objects.create(&params, &desired).await? });
    }
    desired.metadata.resource_version = found.metadata.resource_version;
    Ok(Written { object: objects.replace(&name, &params, &desired).await? })
}

impl Written {
    /// Fails if the API server has stored an object that means something else than the manifest.
    pub(super) fn verify(&self, manifest: &Manifest) -> anyhow::Result<()> {
        let drift = drift(manifest.kind, &manifest.object, &serde_json::to_value(&self.object)?);
        let Some(first) = drift.first() else { return Ok(()) };
        let path = Path::from_steps(&first.path);
        let change = match (&first.found, &first.wanted) {
            (Some(found), Some(wanted)) => format!("{} instead of {}", quote(found), quote(wanted)),
            (Some(found), None) => format!("{}, and must be absent", quote(found)),
            (None, Some(wanted)) => format!("absent, and must be {}", quote(wanted)),
            (None, None) => "another one".to_owned(),
        };
        let others = match drift.len() {
            1 => String::new(),
            count => format!(" ({} more fields differ)", count - 1),
        };
        let (kind, name, (key, value)) = (manifest.kind.name(), &manifest.name, MANAGED_BY_LABEL);
        anyhow::bail!(
            "another webhook or policy changes {kind} {name} while it is written: {path} is {change}{others}; exclude \
             objects with the label {key}={value} from that webhook or policy"
        )
    }
}
