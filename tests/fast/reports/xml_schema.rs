//! Validation by an XML schema, as far as the schema of JUnit reports needs it: global elements, whose type is their own
//! or text, with attributes, text, sequences and choices. No well-kept crate validates by an XML schema.

use roxmltree::Node;

pub(super) struct Schema<'a, 'input> {
    root: Node<'a, 'input>,
}

impl<'a, 'input> Schema<'a, 'input> {
    pub(super) fn new(root: Node<'a, 'input>) -> Self {
        Self { root }
    }

    /// The faults of an element, and of all below it.
    pub(super) fn faults(&self, element: Node<'_, '_>) -> Vec<String> {
        let name = element.tag_name().name();
        let Some(declaration) = declared(self.root, "element", name) else {
            return vec![format!("{name}: the element")];
        };
        let complex = child(declaration, "complexType");
        let mut faults = complex.map_or_else(Vec::new, |complex| faults_of_attributes(complex, element));
        let is_text_allowed = complex.is_none_or(|complex| complex.attribute("mixed") == Some("true"));
        let is_text = |node: Node<'_, '_>| node.text().is_some_and(|text| !text.trim().is_empty());
        if !is_text_allowed && element.children().any(|node| node.is_text() && is_text(node)) {
            faults.push(format!("{name}: text"));
        }
        let children: Vec<Node<'_, '_>> = elements(element).collect();
        let names: Vec<&str> = children.iter().map(|child| child.tag_name().name()).collect();
        let content = complex.and_then(|complex| child(complex, "sequence").or(child(complex, "choice")));
        let ends = content.map_or(vec![0], |content| ends(content, &names, &[0]));
        if !ends.contains(&names.len()) {
            faults.push(format!("{name}: the children {}", names.join(", ")));
        }
        faults.extend(children.into_iter().flat_map(|child| self.faults(child)));
        faults
    }
}

fn faults_of_attributes(complex: Node<'_, '_>, element: Node<'_, '_>) -> Vec<String> {
    let name = element.tag_name().name();
    let unknown = element.attributes().filter_map(|attribute| {
        match declared(complex, "attribute", attribute.name()).map(|found| found.attribute("type")) {
            Some(Some("xs:string")) => None,
            Some(other) => panic!("an attribute of the type {other:?}, which nothing checks"),
            None => Some(format!("{name}: the attribute {}", attribute.name())),
        }
    });
    let required = elements(complex).filter(|declaration| declaration.attribute("use") == Some("required"));
    let missing = required.filter_map(|declaration| {
        let attribute = declaration.attribute("name").unwrap();
        element.attribute(attribute).is_none().then(|| format!("{name}: no attribute {attribute}"))
    });
    unknown.chain(missing).collect()
}

/// The positions in `names` up to which a particle can reach, repeated as often as it may be, from one of the `starts`.
fn ends(particle: Node<'_, '_>, names: &[&str], starts: &[usize]) -> Vec<usize> {
    let least = particle.attribute("minOccurs").map_or(1, |least| least.parse().unwrap());
    let most = match particle.attribute("maxOccurs") {
        // An empty repetition changes nothing.
        Some("unbounded") => names.len() + least,
        most => most.map_or(1, |most| most.parse().unwrap()),
    };
    let mut reached = if least == 0 { starts.to_vec() } else { Vec::new() };
    let mut now = starts.to_vec();
    for count in 1..=most {
        now = once(particle, names, &now);
        now.sort_unstable();
        now.dedup();
        if count >= least {
            reached.extend(&now);
        }
    }
    reached.sort_unstable();
    reached.dedup();
    reached
}

fn once(particle: Node<'_, '_>, names: &[&str], starts: &[usize]) -> Vec<usize> {
    match particle.tag_name().name() {
        "element" => {
            let name = particle.attribute("ref");
            starts.iter().filter(|start| names.get(**start).copied() == name).map(|start| start + 1).collect()
        }
        "sequence" => elements(particle).fold(starts.to_vec(), |starts, part| ends(part, names, &starts)),
        "choice" => elements(particle).flat_map(|part| ends(part, names, starts)).collect(),
        other => panic!("a particle that nothing checks: {other}"),
    }
}

fn elements<'a, 'input>(node: Node<'a, 'input>) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(Node::is_element)
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    elements(node).find(|child| child.tag_name().name() == name)
}

/// The declaration of this sort and name.
fn declared<'a, 'input>(node: Node<'a, 'input>, sort: &str, name: &str) -> Option<Node<'a, 'input>> {
    elements(node).find(|child| child.tag_name().name() == sort && child.attribute("name") == Some(name))
}
