use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::Outcome;
use crate::policy::kind::{DOORS, Door, Kind};
use crate::policy::object::Form;
use crate::policy::{Review, Verdict, Violation, judge};
use crate::sources::files::{self, Found};
use crate::world::{Owner, User, World};

/// Judge manifests as the webhook would.
///
/// Tenants, Namespaces and Settings are taken from --world and from the manifests themselves. Whose a new
/// Namespace may be depends on who creates it, so Namespaces are judged only with --as.
#[derive(Args, Debug)]
pub(super) struct Check {
    /// Files, folders, or `-` for stdin.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// A file or folder of Tenants, Namespaces and Settings to judge in.
    #[arg(long, value_name = "DIR")]
    world: Option<PathBuf>,

    /// The namespace of manifests that name none.
    #[arg(long, short)]
    namespace: Option<String>,

    /// Judge what this user may do.
    #[arg(long = "as", value_name = "USER")]
    user: Option<String>,

    /// A group of that user; several may be given.
    #[arg(long = "as-group", value_name = "GROUP", requires = "user")]
    groups: Vec<String>,

    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// Something to say about one manifest.
#[derive(Debug, Serialize)]
struct Finding {
    file: PathBuf,
    line: u64,
    kind: String,
    namespace: String,
    name: String,
    #[serde(flatten)]
    what: What,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum What {
    Violation { code: &'static str, field: String, pointer: String, message: String, fix: String },
    Unjudged { unjudged: String },
}

impl Check {
    pub(super) fn run(&self) -> Result<Outcome> {
        let manifests = files::read(&self.paths)?;
        let beside = self
            .world
            .as_ref()
            .map_or_else(|| Ok(Vec::new()), |path| files::read(std::slice::from_ref(path)))?;
        let world = files::world(beside.iter().chain(&manifests))?;

        let mut judged = 0_usize;
        let mut findings = Vec::new();
        for found in &manifests {
            let Some(door) = door(found).filter(|door| door.kind != Kind::Namespace || self.user.is_some())
            else {
                continue;
            };
            judged += 1;
            findings.extend(self.judge(found, door, &world));
        }
        self.print(&findings)?;

        let unjudged =
            findings.iter().filter(|finding| matches!(finding.what, What::Unjudged { .. })).count();
        let violations = findings.len() - unjudged;
        writeln!(
            std::io::stderr(),
            "{judged} of {} objects judged: {violations} violations, {unjudged} could not be judged",
            manifests.len()
        )?;
        Ok(match (violations, unjudged) {
            (0, 0) => Outcome::Clean,
            (_, 0) => Outcome::Violations,
            _ => Outcome::Unjudged,
        })
    }

    fn judge(&self, found: &Found, door: &Door, world: &World) -> Vec<Finding> {
        let namespace =
            found.document.text(&["metadata", "namespace"]).or(self.namespace.as_deref()).unwrap_or_default();
        let review = Review {
            operation: "CREATE",
            group: door.kind.resource_group(),
            resource: door.resource,
            namespace,
            user: User {
                name: self.user.as_deref().unwrap_or_default(),
                groups: self.groups.iter().map(String::as_str).collect(),
            },
            form: form(found),
            object: Some(&found.document.json),
            ..Review::default()
        };
        let finding = |pointer: &str, what| Finding {
            file: found.file.clone(),
            line: found.document.line(pointer),
            kind: door.kind.name().to_owned(),
            namespace: namespace.to_owned(),
            name: found.document.text(&["metadata", "name"]).unwrap_or_default().to_owned(),
            what,
        };
        let unjudged = |why: String| vec![finding("", What::Unjudged { unjudged: why })];
        if namespace.is_empty() && door.kind != Kind::Namespace {
            return unjudged("it names no namespace; give --namespace".to_owned());
        }
        match world.owner(namespace) {
            _ if door.kind == Kind::Namespace => {}
            None => {
                return unjudged(format!(
                    "namespace `{namespace}` is neither in --world nor among the manifests"
                ));
            }
            Some(Owner::Platform | Owner::Unowned) => return Vec::new(),
            Some(Owner::Tenant(_) | Owner::Orphaned(_) | Owner::Shared) => {}
        }
        match judge(&review, world) {
            Verdict::Unjudged(why) => unjudged(why.to_string()),
            Verdict::Judged { refused, .. } => {
                let violation = |Violation { code, pointer, field, message, fix }| {
                    finding(&pointer.clone(), What::Violation { code, field, pointer, message, fix })
                };
                refused.into_iter().map(violation).collect()
            }
        }
    }

    fn print(&self, findings: &[Finding]) -> Result<()> {
        let mut out = std::io::stdout().lock();
        match self.output {
            Output::Json => {
                serde_json::to_writer_pretty(&mut out, findings)?;
                writeln!(out)?;
            }
            Output::Text => {
                for Finding { file, line, kind, namespace, name, what } in findings {
                    write!(out, "{}:{line}: {kind} {namespace}/{name}: ", file.display())?;
                    match what {
                        What::Violation { code, field, message, fix, .. } => {
                            writeln!(out, "{code} {field}: {message}; {fix}")?;
                        }
                        What::Unjudged { unjudged } => writeln!(out, "could not be judged: {unjudged}")?,
                    }
                }
            }
        }
        Ok(())
    }
}

/// The door a manifest is written through, if a rule is written for its kind.
fn door(found: &Found) -> Option<&'static Door> {
    let (group, kind) = (found.group()?, found.document.text(&["kind"])?);
    DOORS
        .iter()
        .find(|door| door.subresource.is_empty() && door.kind.group() == group && door.kind.name() == kind)
}

/// A pod that Istio has been at says so; any other is as its author wrote it.
fn form(found: &Found) -> Form {
    match found.document.text(&["metadata", "annotations", "sidecar.istio.io/status"]) {
        Some(_) => Form::Final,
        None => Form::Written,
    }
}
