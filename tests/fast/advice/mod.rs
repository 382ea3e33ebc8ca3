//! The advice in refusals works: each fix that a refusal suggests is carried out on the example that was refused, and the
//! request is then admitted. `clauses.yaml` says how each clause of advice is followed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use bulkhead::policy::defaulting::default_labels;
use bulkhead::policy::object::Stage;
use bulkhead::policy::{RULES, Violation};
use bulkhead::snapshot::{NamespaceOwner, Snapshot};
use bulkhead::sources::files::{self, SourceDocument};
use bulkhead::sources::yaml::{self, Document};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};
use support::repository;

use crate::examples::{Example, Sent, examples, examples_in, snapshot_documents};
use crate::prose::rust_sources;

/// The way to follow a clause of advice.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// The clause; `<>` stands for any text.
    says: String,
    /// The rules that say so; any by default.
    #[serde(default)]
    of: Vec<String>,
    /// A part of the field at which they say so; any by default.
    #[serde(default)]
    at: String,
    /// True if the clause informs, and nothing follows from it.
    #[serde(default)]
    remark: bool,
    /// True if the clause is only for some of the values at which it is given. It must work for one.
    #[serde(default)]
    some: bool,
    #[serde(default, rename = "do")]
    steps: Vec<Step>,
    /// Other ways to follow it.
    #[serde(default)]
    or: Vec<Vec<Step>>,
}

/// A change of the request, or of the cluster. `.` is the field of the violation, `..` its parent. In values `$value` is
/// the value of the field, `$key` its key, `$1` what the first `<>` stands for, `$namespace` the namespace, `$tenant` its tenant, `$user` the user, and
/// `$reference` the proxies that the injector makes.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Step {
    Remove(String),
    Set(BTreeMap<String, Value>),
    /// Changes the object as it was before an update.
    Old(BTreeMap<String, Value>),
    /// Adds an element to a list.
    Add(BTreeMap<String, Value>),
    /// Writes the values that the clause quotes, each in an attempt of its own.
    Write(String),
    /// Creates these objects in place of the one that is refused.
    Instead(Vec<Value>),
    /// Sends the request as a user in a group.
    As(String),
    /// Changes the settings.
    Settings(Value),
    /// Changes the spec of the namespace's Tenant.
    Tenant(Value),
    /// Adds objects to the cluster, or replaces them.
    Cluster(Vec<Value>),
    /// Deletes an object of the cluster: its kind and its name.
    Without(String),
    /// Writes the object before Istio's injection, as its author does.
    Uninjected(IgnoredAny),
}

/// A request and a cluster, with the changes that advice makes.
struct Attempt<'e> {
    example: &'e Example,
    objects: Vec<Value>,
    old: Value,
    user: String,
    stage: Stage,
    is_creation: bool,
    cluster: Vec<Value>,
    changes_cluster: bool,
}

/// Marks an element that is removed at the end, so that the indices of the others stay valid.
const REMOVED: &str = "\u{0}removed";

#[test]
fn advice_of_every_refusal_is_followed_and_the_request_is_then_admitted() {
    let text = fs::read_to_string(repository("tests/fast/advice/clauses.yaml")).unwrap();
    let entries: Vec<Entry> =
        serde_json::from_value(serde_saphyr::from_str::<Value>(&text).unwrap()).unwrap();
    let mut failures = Vec::new();
    let mut followed = BTreeMap::new();
    for example in all_examples() {
        follow_all(&entries, &example, &mut followed, &mut failures);
    }
    for ((code, index), works) in &followed {
        if !works {
            failures.push(format!("{code}: no example shows that this works: {}", entries[*index].says));
        }
    }
    let used: BTreeSet<usize> = followed.keys().map(|(_, index)| *index).collect();
    let unused = entries.iter().enumerate().filter(|(index, _)| !used.contains(index));
    failures.extend(unused.map(|(_, entry)| format!("no refusal says: {} {}", entry.says, entry.at)));
    assert!(failures.is_empty(), "{}:\n{}", failures.len(), failures.join("\n"));
}

/// The examples of the manuals, and those of `refusals.md`.
fn all_examples() -> impl Iterator<Item = Example> {
    RULES.iter().flat_map(examples).chain(further_examples())
}

fn further_examples() -> Vec<Example> {
    examples_in(&fs::read_to_string(repository("tests/fast/advice/refusals.md")).unwrap())
}

#[test]
fn further_refusals_are_as_marked() {
    let judged = further_examples().into_iter().map(|example| (example.judged().reports(), example));
    let wrong = judged.filter(|(reports, example)| *reports != example.marks());
    let wrong: Vec<String> =
        wrong.map(|(reports, example)| format!("{reports:?}:\n{}", example.text)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every text of advice in the source is in a refusal of the examples, so that the test above follows it.
#[test]
fn every_advice_in_the_source_is_in_an_example() {
    let fixes: BTreeSet<String> = all_examples()
        .flat_map(|example| example.judged().violations)
        .map(|violation| violation.fix)
        .collect();
    let mut missing = Vec::new();
    for (file, source) in rust_sources(&["src/policy"]) {
        let code: Vec<&str> = source.split("#[cfg(test)]").take(1).flat_map(str::lines).collect();
        let code = code.into_iter().filter(|line| !line.trim_start().starts_with("//"));
        for text in texts(&code.collect::<Vec<_>>().join("\n")) {
            // A fix ends with a full stop, and a message does not. The last text counts violations.
            let is_advice =
                text.ends_with('.') && text.contains(' ') && !text.ends_with("more violations here.");
            let pattern = format!("<>{text}<>");
            if is_advice && !fixes.iter().any(|fix| captures(&pattern, fix).is_some()) {
                missing.push(format!("{file}: {text}"));
            }
        }
    }
    assert!(missing.is_empty(), "no example shows:\n{}", missing.join("\n"));
}

/// The texts in Rust code, with `<>` in place of variables.
fn texts(code: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut letters = code.chars();
    while letters.by_ref().any(|letter| letter == '"') {
        let mut text = String::new();
        while let Some(letter) = letters.next() {
            match letter {
                '"' => break,
                '\\' => match letters.next() {
                    Some('\n') => {
                        let rest = letters.as_str();
                        letters = rest.trim_start().chars();
                    }
                    Some(escaped) => text.push(escaped),
                    None => {}
                },
                letter => text.push(letter),
            }
        }
        let text = text.replace("{{", "\u{1}").replace("}}", "\u{2}");
        let parts = text.split('{').enumerate();
        let parts =
            parts.map(
                |(index, part)| {
                    if index == 0 { part } else { part.split_once('}').map_or(part, |(_, rest)| rest) }
                },
            );
        let text = parts.collect::<Vec<_>>().join("<>");
        texts.push(text.replace('\u{1}', "{").replace('\u{2}', "}"));
    }
    texts
}

/// Follows each clause of the advice on each violation of an example. `followed` says of each rule and entry if it worked.
fn follow_all(
    entries: &[Entry],
    example: &Example,
    followed: &mut BTreeMap<(&'static str, usize), bool>,
    failures: &mut Vec<String>,
) {
    let violations = example.judged().violations;
    for (target, violation) in violations.iter().enumerate() {
        for clause in clauses(&violation.fix) {
            let Some(index) = entries.iter().position(|entry| entry.is_for(&clause, violation)) else {
                failures.push(format!("{} {}: no entry for: {clause}", violation.code, violation.field));
                continue;
            };
            let entry = &entries[index];
            let works = followed.entry((violation.code, index)).or_insert(entry.remark);
            for way in entry.ways(&clause) {
                let mut attempt = Attempt::new(example);
                for (_, other) in violations.iter().enumerate().filter(|(other, _)| *other != target) {
                    attempt.follow_first(entries, other);
                }
                attempt.follow(&way, violation, &captures(&entry.says, &clause).unwrap());
                match attempt.result() {
                    Ok(()) => *works = true,
                    Err(_) if entry.some => {}
                    Err(left) => failures
                        .push(format!("{} {}: after `{clause}`: {left}", violation.code, violation.field)),
                }
            }
        }
    }
}

impl Entry {
    fn is_for(&self, clause: &str, violation: &Violation) -> bool {
        captures(&self.says, clause).is_some()
            && (self.of.is_empty() || self.of.iter().any(|code| code == violation.code))
            && violation.field.contains(&self.at)
    }

    /// The ways to follow the clause: lists of steps.
    fn ways(&self, clause: &str) -> Vec<Vec<Step>> {
        let mut ways = Vec::new();
        for steps in [&self.steps].into_iter().chain(&self.or).filter(|steps| !steps.is_empty()) {
            let Some(Step::Write(path)) = steps.iter().find(|step| matches!(step, Step::Write(_))) else {
                ways.push(steps.clone());
                continue;
            };
            for value in clause.split('`').skip(1).step_by(2) {
                let set = Step::Set(BTreeMap::from([(path.clone(), json!(value))]));
                let others = steps.iter().filter(|step| !matches!(step, Step::Write(_))).cloned();
                ways.push([set].into_iter().chain(others).collect());
            }
        }
        assert!(self.remark || !ways.is_empty(), "no way to follow: {}", self.says);
        ways
    }
}

/// The clauses of advice, each with one thing to do: parts of sentences that `or` separates.
fn clauses(fix: &str) -> Vec<String> {
    let mut clauses = vec![String::new()];
    let mut is_quoted = false;
    let mut rest = fix;
    while let Some(letter) = rest.chars().next() {
        is_quoted ^= letter == '`';
        let separators = if is_quoted { &[][..] } else { &[". ", "; ", ", or "] };
        let separator = separators.iter().find(|separator| rest.starts_with(**separator));
        if let Some(separator) = separator {
            clauses.push(String::new());
            rest = &rest[separator.len()..];
        } else {
            clauses.last_mut().unwrap().push(letter);
            rest = &rest[letter.len_utf8()..];
        }
    }
    clauses.iter().map(|clause| clause.trim_end_matches('.').to_owned()).collect()
}

/// The texts that the `<>` in `pattern` stand for, if the pattern matches.
fn captures(pattern: &str, text: &str) -> Option<Vec<String>> {
    let mut parts = pattern.split("<>");
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut found = Vec::new();
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let end = if parts.peek().is_none() { rest.strip_suffix(part)?.len() } else { rest.find(part)? };
        found.push(rest[..end].to_owned());
        rest = &rest[end + part.len()..];
    }
    rest.is_empty().then_some(found)
}

impl<'e> Attempt<'e> {
    fn new(example: &'e Example) -> Self {
        let (new, old) = example.documents();
        let object = |document: &Document| serde_json::from_str::<Value>(document.json.get()).unwrap();
        let user = std::iter::once(&example.user).chain(&example.groups).cloned().collect::<Vec<_>>();
        let cluster = snapshot_documents(&example.snapshot);
        Self {
            example,
            objects: vec![object(&new)],
            old: old.as_ref().map(object).unwrap_or_default(),
            user: user.join(" "),
            stage: Stage::Mutated,
            is_creation: false,
            cluster: cluster.iter().map(|document| object(&document.yaml)).collect(),
            changes_cluster: false,
        }
    }

    /// Follows the first advice for a violation.
    fn follow_first(&mut self, entries: &[Entry], violation: &Violation) {
        for clause in clauses(&violation.fix) {
            let entry = entries.iter().find(|entry| entry.is_for(&clause, violation));
            let Some(entry) = entry.filter(|entry| !entry.remark) else { continue };
            let way = entry.ways(&clause).remove(0);
            return self.follow(&way, violation, &captures(&entry.says, &clause).unwrap());
        }
    }

    fn follow(&mut self, way: &[Step], violation: &Violation, captures: &[String]) {
        let found = self.objects.first().and_then(|object| object.pointer(&violation.pointer)).cloned();
        let tenant = self.tenant();
        let mut known: Vec<(String, Value)> =
            vec![("$value".to_owned(), found.unwrap_or_default()), ("$tenant".to_owned(), json!(tenant))];
        let namespace = self.objects.first().map(|object| object["metadata"]["namespace"].clone());
        let key = violation.pointer.rsplit('/').next().unwrap_or_default().replace("~1", "/");
        known.push(("$user".to_owned(), json!(self.user.split(' ').next())));
        known.push(("$reference".to_owned(), REFERENCE.clone()));
        known.push(("$namespace".to_owned(), namespace.unwrap_or_default()));
        known.push(("$key".to_owned(), json!(key)));
        known.extend((1..).zip(captures).map(|(number, text)| (format!("${number}"), json!(text))));
        let at = |path: &str| resolve(&violation.pointer, path);
        for step in way {
            match step {
                Step::Remove(path) => self.each_object(|object| remove(object, &at(path))),
                Step::Set(values) => {
                    for (path, value) in values {
                        let value = substituted(value, &known);
                        let path = at(substituted(&json!(path), &known).as_str().unwrap());
                        self.each_object(|object| set(object, &path, value.clone()));
                    }
                }
                Step::Old(values) => {
                    for (path, value) in values {
                        set(&mut self.old, path, value.clone());
                    }
                }
                Step::Add(values) => {
                    for (path, value) in values {
                        let value = substituted(value, &known);
                        self.each_object(|object| set(object, &format!("{}/-", at(path)), value.clone()));
                    }
                }
                Step::Write(_) => unreachable!("a way has values"),
                Step::Instead(objects) => {
                    self.objects = objects.iter().map(|object| substituted(object, &known)).collect();
                    self.is_creation = true;
                }
                Step::As(user) => self.user.clone_from(user),
                Step::Uninjected(_) => self.stage = Stage::Authored,
                Step::Settings(change) => {
                    let change = substituted(change, &known);
                    if !self.cluster.iter().any(|document| document["kind"] == "Settings") {
                        self.cluster
                            .push(json!({ "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Settings" }));
                    }
                    self.change_cluster(
                        |document| document["kind"] == "Settings",
                        |document| merge(document, &change),
                    );
                }
                Step::Tenant(change) => {
                    let change = json!({ "spec": substituted(change, &known) });
                    let is_meant = |document: &Value| {
                        document["kind"] == "Tenant" && document["metadata"]["name"] == json!(tenant)
                    };
                    self.change_cluster(is_meant, |document| merge(document, &change));
                }
                Step::Cluster(objects) => {
                    for object in objects.iter().map(|object| substituted(object, &known)) {
                        self.delete(&object["kind"], &object["metadata"]["name"]);
                        self.cluster.push(object);
                    }
                }
                Step::Without(object) => {
                    let (kind, name) = object.split_once(' ').unwrap();
                    self.delete(&json!(kind), &json!(name));
                }
            }
        }
    }

    /// The tenant of the object's namespace, or of the namespace that the object is.
    fn tenant(&self) -> String {
        let metadata = &self.objects.first().unwrap_or(&Value::Null)["metadata"];
        let name = metadata["namespace"].as_str().or(metadata["name"].as_str()).unwrap_or_default();
        match self.example.snapshot().owner(name) {
            Some(NamespaceOwner::Tenant(tenant)) => tenant.name.clone(),
            _ => metadata["labels"]["bulkhead.dev/tenant"].as_str().unwrap_or_default().to_owned(),
        }
    }

    fn each_object(&mut self, change: impl Fn(&mut Value)) {
        self.objects.iter_mut().for_each(change);
    }

    fn change_cluster(&mut self, is_meant: impl Fn(&Value) -> bool, change: impl Fn(&mut Value)) {
        self.cluster.iter_mut().filter(|document| is_meant(document)).for_each(change);
        self.changes_cluster = true;
    }

    fn delete(&mut self, kind: &Value, name: &Value) {
        self.cluster.retain(|document| document["kind"] != *kind || document["metadata"]["name"] != *name);
        self.changes_cluster = true;
    }

    /// Sends the request. Returns the violations that are left.
    fn result(mut self) -> Result<(), String> {
        self.objects.iter_mut().for_each(prune);
        let changed;
        let snapshot = if self.changes_cluster {
            changed = snapshot_of(&self.cluster)?;
            &changed
        } else {
            self.example.snapshot()
        };
        for object in &self.objects {
            let mut object = object.clone();
            if self.operation() == "create" && object["kind"] == "Namespace" {
                // The mutating webhook comes first.
                let labels = self.send(&object, |sent| {
                    default_labels(&sent.review("CREATE", snapshot), snapshot).unwrap().labels
                });
                let labels = labels.into_iter().map(|label| (label.key.to_owned(), json!(label.value)));
                merge(
                    &mut object,
                    &json!({ "metadata": { "labels": labels.collect::<Map<String, Value>>() } }),
                );
            }
            let (left, _) = self.send(&object, |sent| sent.verdict(snapshot))?;
            if !left.is_empty() {
                let left = left.iter().map(|left| format!("{} {}", left.code, left.field));
                return Err(left.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", "));
            }
        }
        Ok(())
    }

    fn operation(&self) -> &'static str {
        if self.is_creation { "create" } else { self.example.operation }
    }

    fn send<T>(&self, object: &Value, answer: impl FnOnce(Sent<'_>) -> T) -> T {
        let mut words = self.user.split(' ');
        let user = words.next().unwrap_or_default();
        let operation = self.operation();
        let new = document(object);
        let old = (operation == "update").then(|| document(&self.old));
        answer(Sent {
            user,
            groups: &words.collect::<Vec<_>>(),
            operation,
            subresource: if self.is_creation { "" } else { &self.example.subresource },
            stage: self.stage,
            new: &new,
            old: old.as_ref(),
        })
    }
}

/// The reference of the mesh's proxy in `examples/snapshot`.
static REFERENCE: LazyLock<Value> = LazyLock::new(|| {
    let mut documents = snapshot_documents("").iter();
    let name = Some("bulkhead-proxy-references");
    let found = documents.find(|document| document.yaml.text(&["metadata", "name"]) == name).unwrap();
    serde_json::from_str(found.yaml.json.get()).unwrap()
});

fn document(object: &Value) -> Document {
    yaml::read(&object.to_string()).unwrap().remove(0)
}

fn snapshot_of(documents: &[Value]) -> Result<Snapshot, String> {
    let documents: Vec<SourceDocument> = documents
        .iter()
        .map(|object| SourceDocument { file: PathBuf::new(), yaml: document(object) })
        .collect();
    files::snapshot(&documents).map_err(|error| error.to_string())
}

/// The JSON pointer of a path relative to `base`.
fn resolve(base: &str, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let mut segments: Vec<&str> = base.split('/').skip(1).filter(|segment| !segment.is_empty()).collect();
    for segment in path.split('/') {
        match segment {
            "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    segments.iter().fold(String::new(), |pointer, segment| pointer + "/" + segment)
}

fn remove(object: &mut Value, pointer: &str) {
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    let key = last.replace("~1", "/").replace("~0", "~");
    match object.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.remove(&key);
        }
        Some(Value::Array(elements)) => {
            if let Some(element) = elements.get_mut(key.parse::<usize>().unwrap()) {
                *element = json!(REMOVED);
            }
        }
        _ => {}
    }
}

/// Sets the value at the pointer, in maps that are created if need be. `-` is a new element of a list.
fn set(object: &mut Value, pointer: &str, value: Value) {
    let mut place = object;
    for segment in pointer.split('/').skip(1) {
        let key = segment.replace("~1", "/").replace("~0", "~");
        if place.is_null() {
            *place = if key == "-" { json!([]) } else { json!({}) };
        }
        place = match place {
            Value::Object(fields) => fields.entry(key).or_insert(Value::Null),
            Value::Array(elements) => {
                if key == "-" {
                    elements.push(Value::Null);
                }
                let last = elements.len().saturating_sub(1);
                match elements.get_mut(key.parse().unwrap_or(last)) {
                    Some(element) => element,
                    None => return,
                }
            }
            _ => return,
        };
    }
    *place = value;
}

/// Removes the marked elements of all lists.
fn prune(value: &mut Value) {
    match value {
        Value::Array(elements) => {
            elements.retain(|element| element != REMOVED);
            elements.iter_mut().for_each(prune);
        }
        Value::Object(fields) => fields.values_mut().for_each(prune),
        _ => {}
    }
}

/// Adds the fields and the elements of `change`.
fn merge(value: &mut Value, change: &Value) {
    match (value, change) {
        (Value::Object(fields), Value::Object(changes)) => {
            for (key, change) in changes {
                merge(fields.entry(key).or_insert(Value::Null), change);
            }
        }
        (Value::Array(elements), Value::Array(more)) => elements.extend(more.iter().cloned()),
        (value, change) => *value = change.clone(),
    }
}

/// Replaces the variables in `value`.
fn substituted(value: &Value, known: &[(String, Value)]) -> Value {
    match value {
        Value::String(text) => {
            let whole = known.iter().find(|(name, _)| name == text).map(|(_, value)| value.clone());
            whole.unwrap_or_else(|| {
                known
                    .iter()
                    .fold(text.clone(), |text, (name, value)| {
                        text.replace(name.as_str(), value.as_str().unwrap_or_default())
                    })
                    .into()
            })
        }
        Value::Array(elements) => elements.iter().map(|element| substituted(element, known)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter();
            let replaced = fields.map(|(key, value)| {
                let Value::String(key) = substituted(&json!(key), known) else { unreachable!("a text") };
                (key, substituted(value, known))
            });
            Value::Object(replaced.collect())
        }
        value => value.clone(),
    }
}
