//! The examples in the rules' manuals: YAML with marks, and the verdict of all rules on it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bulkhead::kinds::Resource;
use bulkhead::policy::object::Stage;
use bulkhead::policy::{NamespaceClass, RULES, Review, Rule, Verdict, Violation, judge};
use bulkhead::snapshot::{NamespaceOwner, Snapshot, User};
use bulkhead::sources::files::{self, SourceDocument};
use bulkhead::sources::yaml::{self, Document};
use support::documents::files_below;
use support::{WORLD, repository};

/// The code block of an example. The words after `yaml` name the user, the snapshot and the operation, such as `as
/// alice in acme-developers, in snapshot mesh-revision, on update`. On update the first document is the old object.
pub(crate) struct Example {
    user: String,
    groups: Vec<String>,
    /// In lower case, as in the manual.
    operation: &'static str,
    /// The name of a snapshot in `examples/snapshots`; empty for `examples/snapshot`.
    snapshot: String,
    pub(crate) text: String,
}

/// A refused example, or an admitted one without violations.
pub(crate) struct Judged {
    pub(crate) violations: Vec<Violation>,
    pub(crate) contact: Option<String>,
    pub(crate) new: Document,
}

/// The examples of a rule's manual, in their order.
pub(crate) fn examples(rule: &Rule) -> Vec<Example> {
    let manual = rule.manual();
    let mut blocks = Vec::new();
    let mut lines = manual.lines();
    while let Some(fence) = lines.by_ref().find_map(|line| line.strip_prefix("```yaml")) {
        let text: String =
            lines.by_ref().take_while(|line| *line != "```").flat_map(|line| [line, "\n"]).collect();
        let words = fence.trim().trim_start_matches("as ");
        let operation =
            ["update", "delete", "connect"].into_iter().find(|verb| words.ends_with(&format!("on {verb}")));
        let operation = operation.unwrap_or("create");
        let who = words.trim_end_matches(&format!("on {operation}")).trim_end_matches(", ");
        let (who, snapshot) = who.split_once(", in snapshot ").unwrap_or((who, ""));
        let (user, groups) = who.split_once(" in ").unwrap_or((who, ""));
        let groups = groups.split(", ").filter(|group| !group.is_empty()).map(ToOwned::to_owned).collect();
        let (user, snapshot) = (user.to_owned(), snapshot.to_owned());
        blocks.push(Example { user, groups, operation, snapshot, text });
    }
    blocks
}

/// The snapshots that examples are judged in, by name: `examples/snapshot` without a name, and the same with the
/// settings of each file in `examples/snapshots`.
static SNAPSHOTS: LazyLock<BTreeMap<String, Snapshot>> = LazyLock::new(|| {
    let documents = files::read(&[WORLD.into()]).unwrap();
    let has_settings = |document: &&SourceDocument| document.yaml.text(&["kind"]) == Some("Settings");
    let mut snapshots = BTreeMap::from([(String::new(), files::snapshot(&documents).unwrap())]);
    for path in files_below("examples/snapshots", "yaml") {
        let settings = files::read(&[repository(&path)]).unwrap();
        let others = documents.iter().filter(|document| !has_settings(document));
        let snapshot = files::snapshot(settings.iter().chain(others).collect::<Vec<_>>()).unwrap();
        let name = path.rsplit('/').next().and_then(|file| file.strip_suffix(".yaml")).unwrap();
        snapshots.insert(name.to_owned(), snapshot);
    }
    snapshots
});

/// The snapshot of that name.
pub(crate) fn snapshot(name: &str) -> &'static Snapshot {
    SNAPSHOTS.get(name).unwrap_or_else(|| panic!("no snapshot `{name}`"))
}

impl Example {
    /// The number of marks of each code on each line.
    pub(crate) fn marks(&self) -> BTreeMap<(u64, String), usize> {
        let mut marks = BTreeMap::new();
        for (number, line) in (1..).zip(self.text.lines()) {
            for code in line
                .split_once(" # BH")
                .map(|(_, codes)| format!("BH{codes}"))
                .iter()
                .flat_map(|codes| codes.split(' '))
            {
                *marks.entry((number, code.to_owned())).or_insert(0) += 1;
            }
        }
        marks
    }

    /// The snapshot that the example is judged in.
    pub(crate) fn snapshot(&self) -> &'static Snapshot {
        snapshot(&self.snapshot)
    }

    pub(crate) fn is_deletion(&self) -> bool {
        self.operation == "delete"
    }

    pub(crate) fn judged(&self) -> Judged {
        self.judged_as(&self.user, &self.groups.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The verdict if this user had sent the request.
    pub(crate) fn judged_as(&self, user: &str, groups: &[&str]) -> Judged {
        let snapshot = self.snapshot();
        let mut documents = yaml::read(&self.text).unwrap();
        let is_update = self.operation == "update";
        let new = documents.pop().unwrap();
        let old = documents.pop();
        assert!(
            old.is_some() == is_update && documents.is_empty(),
            "one document, or two on update:\n{}",
            self.text
        );
        let (version, kind) = (new.text(&["apiVersion"]).unwrap(), new.text(&["kind"]).unwrap());
        let group = version.rsplit_once('/').map_or("", |(group, _)| group);
        let known = Resource::all().find(|known| known.kind.name() == kind && known.kind.group() == group);
        let mut reserved = snapshot.settings.reserved_kinds.iter();
        let (group, resource, subresource) = match &known {
            Some(known) => (known.group, known.plural, known.subresource),
            None => (group, &*reserved.find(|known| known.kind == kind).unwrap().resource, ""),
        };
        let is_judged_in_unowned_namespaces = |kind| {
            RULES.iter().any(|rule| rule.scopes().contains(&NamespaceClass::Unowned) && rule.judges(kind))
        };
        let is_delete = self.is_deletion();
        let namespace = new.text(&["metadata", "namespace"]).unwrap_or_default();
        let review = Review {
            operation: &self.operation.to_uppercase(),
            group,
            resource,
            subresource,
            namespace,
            // An API server sends only these kinds from such a namespace.
            is_in_unowned_namespace: known.is_some_and(|known| is_judged_in_unowned_namespaces(known.kind))
                && matches!(snapshot.owner(namespace), None | Some(NamespaceOwner::Unowned)),
            user: User { name: user, groups: groups.to_vec() },
            stage: Stage::Mutated,
            // In June of 2026.
            time: 1_780_272_000,
            object: (!is_delete).then(|| (&*new.json).into()),
            old_object: if is_delete { Some(&*new.json) } else { old.as_ref().map(|old| &*old.json) },
        };
        let Verdict::Judged { refused, contact, .. } = judge(&review, snapshot) else {
            panic!("could not be judged:\n{}", self.text)
        };
        Judged { violations: refused, contact, new }
    }
}

impl Judged {
    /// The number of violations of each code on each line.
    pub(crate) fn reports(&self) -> BTreeMap<(u64, String), usize> {
        let mut reports = BTreeMap::new();
        for violation in &self.violations {
            let place = (self.new.line(&violation.pointer), violation.code.to_owned());
            *reports.entry(place).or_insert(0) += 1;
        }
        reports
    }
}
