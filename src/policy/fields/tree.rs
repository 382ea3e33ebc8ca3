use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{Field, Treatment, table};
use crate::kinds::Kind;

/// A field in the tree of a table. Fields below a node with a treatment are treated alike.
#[derive(Debug, Default)]
pub struct Node {
    pub treatment: Option<Treatment>,
    /// The fields of an object, by name.
    fields: Vec<(&'static str, Self)>,
    /// The marks of their names, in the same order. To compare them costs less than to hash a name.
    marks: Vec<u16>,
    /// Each item of a list, or each value of a map.
    elements: Option<Box<Self>>,
}

/// A node while its table is read.
#[derive(Default)]
struct Draft {
    treatment: Option<Treatment>,
    fields: BTreeMap<&'static str, Self>,
    elements: Option<Box<Self>>,
}

/// Returns the tree of the kind's table.
pub fn tree(kind: Kind) -> &'static Node {
    static TREES: LazyLock<Vec<Node>> =
        LazyLock::new(|| Kind::ALL.iter().map(|kind| Draft::new(table(*kind)).finish()).collect());
    static NONE: Node = Node { treatment: None, fields: Vec::new(), marks: Vec::new(), elements: None };
    TREES.get(kind as usize).unwrap_or(&NONE)
}

impl Draft {
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

    fn finish(self) -> Node {
        let Self { treatment, fields, elements } = self;
        let marks = fields.keys().map(|name| mark(name)).collect();
        let fields = fields.into_iter().map(|(name, node)| (name, node.finish())).collect();
        Node { treatment, fields, marks, elements: elements.map(|elements| Box::new(elements.finish())) }
    }
}

/// Returns a number that few names of an object's fields share: of their length, their first and their last byte.
#[inline]
fn mark(name: &str) -> u16 {
    let byte = |byte: Option<&u8>| byte.copied().unwrap_or_default();
    let ends = byte(name.as_bytes().first()).rotate_left(4) ^ byte(name.as_bytes().last());
    u16::from_le_bytes([name.len().to_le_bytes()[0], ends])
}

impl Node {
    /// Returns the field `name` of the object.
    pub fn field(&self, name: &str) -> Option<&Self> {
        self.field_from(0, name).map(|(.., node)| node)
    }

    /// Returns the field `name` of the object, with its index and with the name as the table has it. Looks at the fields
    /// from `start` first: API servers sort the fields of most objects as the table does.
    #[inline]
    pub(super) fn field_from(&self, start: usize, name: &str) -> Option<(usize, &'static str, &Self)> {
        let mark = mark(name);
        let position = |marks: &[u16]| marks.iter().position(|known| *known == mark);
        let (before, after) = self.marks.split_at_checked(start)?;
        let index = position(after).map(|index| start + index).or_else(|| position(before))?;
        let named = |index: usize| {
            self.fields.get(index).filter(|(known, _)| *known == name).map(|field| (index, field))
        };
        let (index, (name, node)) = named(index).or_else(|| (0..self.fields.len()).find_map(named))?;
        Some((index, name, node))
    }

    /// Returns the fields of the object, in any order.
    pub fn fields(&self) -> impl Iterator<Item = &Self> {
        self.fields.iter().map(|(_, node)| node)
    }

    /// Returns the items of the list, or the values of the map.
    pub fn elements(&self) -> Option<&Self> {
        self.elements.as_deref()
    }
}
