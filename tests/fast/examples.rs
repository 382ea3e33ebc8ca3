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
/// alice in acme-developers, in snapshot mesh-revision, on update of status`. On update the first document is the old object.
pub(crate) struct Example {
    pub(crate) user: String,
    pub(crate) groups: Vec<String>,
    /// In lower case, as in the manual.
    pub(crate) operation: &'static str,
    /// Empty for the object itself.
    pub(crate) subresource: String,
    /// The name of a snapshot in `examples/snapshots` or of the suite `advice`; empty for `examples/snapshot`.
    pub(crate) snapshot: String,
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
    examples_in(&rule.manual())
}

/// The examples in a text.
pub(crate) fn examples_in(text: &str) -> Vec<Example> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(fence) = lines.by_ref().find_map(|line| line.strip_prefix("```yaml")) {
        let text: String =
            lines.by_ref().take_while(|line| *line != "```").flat_map(|line| [line, "\n"]).collect();
        let words = fence.trim().trim_start_matches("as ");
        let (words, subresource) = words.split_once(" of ").unwrap_or((words, ""));
        let subresource = subresource.to_owned();
        let operation =
            ["update", "delete", "connect"].into_iter().find(|verb| words.ends_with(&format!("on {verb}")));
        let operation = operation.unwrap_or("create");
        let who = words.trim_end_matches(&format!("on {operation}")).trim_end_matches(", ");
        let (who, snapshot) = who.split_once(", in snapshot ").unwrap_or((who, ""));
        let (user, groups) = who.split_once(" in ").unwrap_or((who, ""));
        let groups = groups.split(", ").filter(|group| !group.is_empty()).map(ToOwned::to_owned).collect();
        let (user, snapshot) = (user.to_owned(), snapshot.to_owned());
        blocks.push(Example { user, groups, operation, subresource, snapshot, text });
    }
    blocks
}

/// The documents of the snapshots that examples are judged in, by name: those of `examples/snapshot` without a name, and
/// the same with the objects of each file in `examples/snapshots`.
static DOCUMENTS: LazyLock<BTreeMap<String, Vec<SourceDocument>>> = LazyLock::new(|| {
    let common = || files::read(&[WORLD.into()]).unwrap();
    let mut documents = BTreeMap::from([(String::new(), common())]);
    let more = ["examples/snapshots", "tests/fast/advice/snapshots"];
    for path in more.iter().flat_map(|folder| files_below(folder, "yaml")) {
        let mut own = files::read(&[repository(&path)]).unwrap();
        let name = |document: &SourceDocument| {
            [&["kind"][..], &["metadata", "name"]].map(|path| document.yaml.text(path).map(str::to_owned))
        };
        let replaced: Vec<_> = own.iter().map(name).collect();
        own.extend(common().into_iter().filter(|document| !replaced.contains(&name(document))));
        let name = path.rsplit('/').next().and_then(|file| file.strip_suffix(".yaml")).unwrap();
        documents.insert(name.to_owned(), own);
    }
    documents
});

static SNAPSHOTS: LazyLock<BTreeMap<&str, Snapshot>> = LazyLock::new(|| {
    DOCUMENTS.iter().map(|(name, documents)| (name.as_str(), files::snapshot(documents).unwrap())).collect()
});

/// The documents of the snapshot of that name.
pub(crate) fn snapshot_documents(name: &str) -> &'static [SourceDocument] {
    &DOCUMENTS[name]
}

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
        let (new, old) = self.documents();
        let sent = Sent {
            user,
            groups,
            operation: self.operation,
            subresource: &self.subresource,
            stage: Stage::Mutated,
            new: &new,
            old: old.as_ref(),
        };
        let (violations, contact) = sent.verdict(self.snapshot()).unwrap();
        Judged { violations, contact, new }
    }

    /// The object, and on update the old one.
    pub(crate) fn documents(&self) -> (Document, Option<Document>) {
        let mut documents = yaml::read(&self.text).unwrap();
        let new = documents.pop().unwrap();
        let old = documents.pop();
        assert!(
            old.is_some() == (self.operation == "update") && documents.is_empty(),
            "one document, or two on update:\n{}",
            self.text
        );
        (new, old)
    }
}

/// A request that somebody sends.
pub(crate) struct Sent<'s> {
    pub(crate) user: &'s str,
    pub(crate) groups: &'s [&'s str],
    /// In lower case.
    pub(crate) operation: &'s str,
    pub(crate) subresource: &'s str,
    pub(crate) stage: Stage,
    pub(crate) new: &'s Document,
    pub(crate) old: Option<&'s Document>,
}

impl Sent<'_> {
    /// The violations, and the contact; an error if the object could not be judged.
    pub(crate) fn verdict(&self, snapshot: &Snapshot) -> Result<(Vec<Violation>, Option<String>), String> {
        let operation = self.operation.to_uppercase();
        match judge(&self.review(&operation, snapshot), snapshot) {
            Verdict::Judged { refused, contact, .. } => Ok((refused, contact)),
            Verdict::Unjudged(error) => Err(format!("could not be judged: {error}:\n{}", self.new.json)),
        }
    }

    pub(crate) fn review<'r>(&'r self, operation: &'r str, snapshot: &'r Snapshot) -> Review<'r> {
        let new = self.new;
        let (version, kind) = (new.text(&["apiVersion"]).unwrap(), new.text(&["kind"]).unwrap());
        let group = version.rsplit_once('/').map_or("", |(group, _)| group);
        let known = Resource::all().find(|known| known.kind.name() == kind && known.kind.group() == group);
        let mut reserved = snapshot.settings.reserved_kinds.iter();
        let (group, resource, subresource) = match &known {
            Some(known) if self.subresource.is_empty() => (known.group, known.plural, known.subresource),
            Some(known) => (known.group, known.plural, self.subresource),
            None => (group, &*reserved.find(|known| known.kind == kind).unwrap().resource, ""),
        };
        let is_judged_in_unowned_namespaces = |kind| {
            RULES.iter().any(|rule| rule.scopes().contains(&NamespaceClass::Unowned) && rule.judges(kind))
        };
        let is_delete = self.operation == "delete";
        let namespace = new.text(&["metadata", "namespace"]).unwrap_or_default();
        Review {
            operation,
            group,
            resource,
            subresource,
            namespace,
            // An API server sends only these kinds from such a namespace.
            is_in_unowned_namespace: known.is_some_and(|known| is_judged_in_unowned_namespaces(known.kind))
                && matches!(snapshot.owner(namespace), None | Some(NamespaceOwner::Unowned)),
            user: User { name: self.user, groups: self.groups.to_vec() },
            stage: self.stage,
            // In June of 2026.
            time: 1_780_272_000,
            object: (!is_delete).then(|| (&*new.json).into()),
            old_object: if is_delete { Some(&*new.json) } else { self.old.map(|old| &*old.json) },
        }
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
