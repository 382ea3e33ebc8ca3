use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use k8s_openapi::jiff::Timestamp;

use super::exit_status::ExitStatus;
use crate::keys::STATUS_ANNOTATION;
use crate::kinds::{HARMLESS_KINDS, Kind, Resource};
use crate::policy::object::Stage;
use crate::policy::{Review, Verdict, Violation, judge};
use crate::report::{Detail, Format, ReportLine, SourceLine, Writer};
use crate::settings::Settings;
use crate::snapshot::{NamespaceOwner, Snapshot, User};
use crate::sources::files::{self, SourceDocument};

/// Judge manifests as the webhook would.
///
/// Reads Tenants, Namespaces and Settings from --snapshot and from the manifests themselves. The rules for Namespaces
/// and for Bulkhead's own kinds depend on the user, so these objects are judged only with --as. Kinds that no rule judges
/// are named.
#[derive(Args, Debug)]
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

    /// Exit with 3 if some manifests are of kinds that no rule judges.
    #[arg(long)]
    strict: bool,

    /// The output format.
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    output: Format,
}

impl Check {
    pub(super) fn run(&self) -> Result<ExitStatus> {
        let manifests = files::read(&self.paths)?;
        let snapshot_documents = self
            .snapshot
            .as_ref()
            .map_or_else(|| Ok(Vec::new()), |path| files::read(std::slice::from_ref(path)))?;
        let snapshot = files::snapshot(snapshot_documents.iter().chain(&manifests))?;

        let mut judged = 0_usize;
        let mut unknown: BTreeMap<String, usize> = BTreeMap::new();
        let mut writer = Writer::new(std::io::stdout().lock(), self.output);
        for document in &manifests {
            let Some(resource) = resource(document, &snapshot.settings) else {
                if let Some(kind) = unknown_kind(document, &snapshot.settings) {
                    *unknown.entry(kind).or_default() += 1;
                }
                continue;
            };
            if resource.is_cluster_scoped && self.user.is_none() {
                continue;
            }
            judged += 1;
            for line in self.judge(document, resource, &snapshot) {
                writer.write(&line)?;
            }
        }
        writer.end()?;
        let Writer { violations, unjudged, .. } = writer;
        let mut summary = std::io::stderr();
        writeln!(
            summary,
            "{judged} of {} objects judged: {violations} violations, {unjudged} could not be judged",
            manifests.len()
        )?;
        for (kind, count) in &unknown {
            writeln!(summary, "no rule judges {kind}: {count} in the manifests")?;
        }
        let unknown = if self.strict { unknown.len() } else { 0 };
        Ok(ExitStatus::of(violations, unjudged + unknown))
    }

    fn judge(
        &self,
        document: &SourceDocument,
        resource: JudgedResource<'_>,
        snapshot: &Snapshot,
    ) -> Vec<ReportLine> {
        let namespace =
            document.yaml.text(&["metadata", "namespace"]).or(self.namespace.as_deref()).unwrap_or_default();
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
        let report_line = |pointer: &str, detail| ReportLine {
            source: Some(SourceLine { file: document.file.clone(), line: document.yaml.line(pointer) }),
            kind: document.yaml.text(&["kind"]).unwrap_or_default().to_owned(),
            namespace: namespace.to_owned(),
            name: document.yaml.text(&["metadata", "name"]).unwrap_or_default().to_owned(),
            detail,
        };
        let unjudged = |error: String| vec![report_line("", Detail::Unjudged { unjudged: error })];
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
        match judge(&review, snapshot) {
            Verdict::Unjudged(error) => unjudged(error.to_string()),
            Verdict::Judged { refused, .. } => {
                let violation = |violation: Violation| {
                    report_line(&violation.pointer.clone(), Detail::Violation(violation))
                };
                refused.into_iter().map(violation).collect()
            }
        }
    }
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
    let mut custom = settings.custom_kinds().map(|(_, names)| names);
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
