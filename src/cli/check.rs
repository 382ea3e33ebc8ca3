use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use k8s_openapi::jiff::Timestamp;

use super::exit_status::{ExitStatus, FailOn};
use crate::keys::STATUS_ANNOTATION;
use crate::kinds::{HARMLESS_KINDS, Kind, Resource};
use crate::policy::object::Stage;
use crate::policy::{Review, judge};
use crate::report::{Detail, Finding, Format, ReportedObject, Writer};
use crate::settings::Settings;
use crate::snapshot::{NamespaceOwner, Snapshot, User};
use crate::sources::files::{self, SourceDocument};

/// Judge manifests as the webhook would.
///
/// Reads Tenants, Namespaces and Settings from --snapshot and from the manifests themselves. The rules for Namespaces
/// and for Bulkhead's own kinds depend on the user, so these objects are judged only with --as. Kinds that no rule judges
/// are named, and documents that are no objects.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Check {
    /// Files or folders of manifests, or `-` for stdin.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// A file or folder with the cluster's Tenants, Namespaces and Settings.
    #[arg(long, value_name = "DIR")]
    snapshot: Option<PathBuf>,

    /// The namespace for manifests without one.
    #[arg(long, short)]
    namespace: Option<String>,

    /// Judge the manifests as if this user created them.
    #[arg(long = "as", value_name = "USER")]
    user: Option<String>,

    /// A group of that user; repeat the option for several groups.
    #[arg(long = "as-group", value_name = "GROUP", requires = "user")]
    groups: Vec<String>,

    /// Exit with 3 if some manifests are of kinds that no rule judges, or are no objects.
    #[arg(long)]
    strict: bool,

    /// The findings for which the command exits with 1.
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = FailOn::Error)]
    fail_on: FailOn,

    /// The output format.
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    output: Format,
}

const EXAMPLES: &str = "\
Examples:
  bulkhead check --snapshot snapshot.yaml manifests/
  helm template web chart/ | bulkhead check --snapshot snapshot.yaml -n payments -
  bulkhead check --snapshot snapshot.yaml -o sarif manifests/ > bulkhead.sarif
  bulkhead check --snapshot snapshot.yaml --as alice --as-group developers namespace.yaml";

impl Check {
    pub(super) fn run(&self) -> Result<ExitStatus> {
        let manifests = files::read(&self.paths)?;
        let snapshot_documents = self
            .snapshot
            .as_ref()
            .map_or_else(|| Ok(Vec::new()), |path| files::read(std::slice::from_ref(path)))?;
        let snapshot = files::snapshot(snapshot_documents.iter().chain(&manifests))?;

        let mut judged = 0_usize;
        let mut writer = Writer::new(std::io::stdout().lock(), self.output);
        for document in &manifests {
            let Some(resource) = resource(document, &snapshot.settings) else { continue };
            if resource.is_cluster_scoped && self.user.is_none() {
                continue;
            }
            judged += 1;
            writer.write(self.report(document, resource, &snapshot))?;
        }
        let mut counts = writer.end()?;
        writeln!(std::io::stderr(), "{judged} of {} objects judged: {counts}", manifests.len())?;
        let unknown = print_unknown(&manifests, &snapshot.settings)?;
        if self.strict {
            counts.unjudged += unknown;
        }
        Ok(ExitStatus::of(counts, self.fail_on))
    }

    /// Returns the object in a document, with its findings.
    fn report(
        &self,
        document: &SourceDocument,
        resource: JudgedResource<'_>,
        snapshot: &Snapshot,
    ) -> ReportedObject {
        let text = |keys: &[&str]| document.yaml.text(keys);
        let namespace = text(&["metadata", "namespace"]).or(self.namespace.as_deref()).unwrap_or_default();
        let details = self.judge(document, resource, namespace, snapshot).into_iter();
        let finding = |detail: Detail| Finding { line: Some(document.yaml.line(detail.pointer())), detail };
        ReportedObject {
            file: Some(document.file.clone()),
            api_version: text(&["apiVersion"]).unwrap_or_default().to_owned(),
            kind: text(&["kind"]).unwrap_or_default().to_owned(),
            namespace: namespace.to_owned(),
            name: reported_name(document),
            findings: details.map(finding).collect(),
        }
    }

    fn judge(
        &self,
        document: &SourceDocument,
        resource: JudgedResource<'_>,
        namespace: &str,
        snapshot: &Snapshot,
    ) -> Vec<Detail> {
        let unjudged = |reason: String| vec![Detail::Unjudged(reason)];
        if namespace.is_empty() && !resource.is_cluster_scoped {
            return unjudged("the manifest has no namespace; give --namespace".to_owned());
        }
        match snapshot.owner(namespace) {
            _ if resource.is_cluster_scoped => {}
            None => {
                return unjudged(format!(
                    "namespace `{namespace}` is neither in --snapshot nor among the manifests; add its Namespace"
                ));
            }
            Some(NamespaceOwner::Platform | NamespaceOwner::Unowned) => return Vec::new(),
            Some(NamespaceOwner::Tenant(_) | NamespaceOwner::Orphaned(_) | NamespaceOwner::SharedService) => {
            }
        }
        let review = Review {
            operation: "CREATE",
            group: resource.group,
            resource: resource.plural,
            namespace,
            user: User {
                name: self.user.as_deref().unwrap_or_default(),
                groups: self.groups.iter().map(String::as_str).collect(),
            },
            stage: stage(document),
            time: Timestamp::now().as_second(),
            object: Some((&*document.yaml.json).into()),
            ..Review::default()
        };
        Detail::of_verdict(judge(&review, snapshot), snapshot)
    }
}

/// Prints the kinds that no rule judges, and the documents that are no objects. Returns the number of both.
fn print_unknown(manifests: &[SourceDocument], settings: &Settings) -> io::Result<usize> {
    let mut notes = std::io::stderr();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for document in manifests.iter().filter(|document| resource(document, settings).is_none()) {
        if let Some(kind) = unknown_kind(document, settings) {
            *kinds.entry(kind).or_default() += 1;
        }
    }
    for (kind, count) in &kinds {
        writeln!(notes, "no rule judges {kind}: {count} in the manifests")?;
    }
    let mut strangers = 0_usize;
    for document in manifests.iter().filter(|document| !document.is_object()) {
        strangers += 1;
        let (file, line) = (document.file.display(), document.yaml.line(""));
        writeln!(notes, "{file}:{line}: no object: `apiVersion` or `kind` is missing")?;
    }
    Ok(kinds.len() + strangers)
}

/// Returns the object's name, or its prefix and `*` if the API server makes the name.
fn reported_name(document: &SourceDocument) -> String {
    let of = |key| document.yaml.text(&["metadata", key]);
    let generated = || Some(format!("{}*", of("generateName")?));
    of("name").map(ToOwned::to_owned).or_else(generated).unwrap_or_default()
}

/// The resource of a manifest that is judged.
#[derive(Clone, Copy)]
struct JudgedResource<'a> {
    group: &'a str,
    plural: &'a str,
    is_cluster_scoped: bool,
}

/// Returns the resource of a manifest, if a rule judges its kind, or the settings list it.
fn resource<'a>(document: &SourceDocument, settings: &'a Settings) -> Option<JudgedResource<'a>> {
    let (group, name) = (document.group()?, document.yaml.text(&["kind"])?);
    if let Some(kind) = Kind::find(group, name) {
        let Resource { group, plural, .. } = Resource::of_objects(kind)?;
        return Some(JudgedResource { group, plural, is_cluster_scoped: kind.is_cluster_scoped() });
    }
    let mut custom = settings.custom_kinds().map(|(_, names)| names).chain(settings.report_kind());
    let [group, _, plural] = custom.find(|[known_group, kind, _]| *known_group == group && *kind == name)?;
    Some(JudgedResource { group, plural, is_cluster_scoped: false })
}

/// Returns the kind of a manifest with its group, if neither Bulkhead nor the settings know that it is harmless.
fn unknown_kind(document: &SourceDocument, settings: &Settings) -> Option<String> {
    let (group, kind) = (document.group()?, document.yaml.text(&["kind"])?);
    let is_harmless =
        HARMLESS_KINDS.iter().any(|[known_group, known, _]| (*known_group, *known) == (group, kind));
    let is_known = is_harmless || settings.is_reviewed(group, kind) || document.is_settings();
    (!is_known).then(|| if group.is_empty() { kind.to_owned() } else { format!("{kind} ({group})") })
}

/// Returns the stage of a pod, by the annotation that Istio's injector leaves.
fn stage(document: &SourceDocument) -> Stage {
    match document.yaml.text(&["metadata", "annotations", STATUS_ANNOTATION]) {
        Some(_) => Stage::Mutated,
        None => Stage::Authored,
    }
}
