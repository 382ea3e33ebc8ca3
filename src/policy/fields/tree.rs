use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::FixedState;

use super::{Field, Treatment, table};
use crate::kinds::Kind;

/// A field in the tree of a table. Fields below a node with a treatment are treated alike.
#[derive(Debug, Default)]
pub struct Node {
    pub treatment: Option<Treatment>,
    /// The fields of an object, by name.
    fields: HashMap<&'static str, Self, FixedState>,
    /// Each item of a list, or each value of a map.
    elements: Option<Box<Self>>,
}

/// Returns the tree of the kind's table.
pub fn tree(kind: Kind) -> &'static Node {
    static TREES: LazyLock<Vec<Node>> =
        LazyLock::new(|| Kind::ALL.iter().map(|kind| Node::new(table(*kind))).collect());
    static NONE: Node =
        Node { treatment: None, fields: HashMap::with_hasher(FixedState::with_seed(0)), elements: None };
    TREES.get(kind as usize).unwrap_or(&NONE)
}

impl Node {
    fn new(table: &'static [Field]) -> Self {
        let mut root = Self::default();
        root.add(table);
        root
    }

    fn add(&mut self, table: &'static [Field]) {
        for field in table {
            let node = self.descend(field.path);
            match field.treatment {
                Treatment::Table(table) => node.add(table),
                treatment => node.treatment = Some(treatment),
            }
        }
    }

    /// Returns the node at `path` below this one, which is added if it does not exist.
    fn descend(&mut self, path: &'static str) -> &mut Self {
        let mut node = self;
        for step in path.split('.').filter(|step| !step.is_empty()) {
            let name_length = step.find(['[', '{']).unwrap_or(step.len());
            let (name, elements) = step.split_at(name_length);
            node = node.fields.entry(name).or_default();
            for _ in elements.matches(['[', '{']) {
                node = node.elements.get_or_insert_default();
            }
        }
        node
    }

    /// Returns the field `name` of the object, with the name as the table has it.
    pub fn field(&self, name: &str) -> Option<(&'static str, &Self)> {
        self.fields.get_key_value(name).map(|(name, node)| (*name, node))
    }

    /// Returns the fields of the object, in any order.
    pub fn fields(&self) -> impl Iterator<Item = &Self> {
        self.fields.values()
    }

    /// Returns the items of the list, or the values of the map.
    pub fn elements(&self) -> Option<&Self> {
        self.elements.as_deref()
    }
}
