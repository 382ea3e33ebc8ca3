//! Random names of hosts: existing ones with a change, and names of labels that matter.

use crate::random::Random;

/// The names that the random ones are made of.
pub struct HostNames {
    /// Services that exist, as NAME.NAMESPACE.
    pub services: &'static [&'static str],
    /// Hosts outside the cluster.
    pub outside: &'static [&'static str],
    pub labels: &'static [&'static str],
}

const ENDS: &[&str] =
    &["", "", ".svc", ".svc.cluster.local", ".svc.cluster.local", ".svc.cluster.local.", ".com", "."];

impl HostNames {
    /// A name of labels that matter, or an existing one with a change.
    pub fn generate(&self, random: &mut Random) -> String {
        let mut labels = if random.one_in(2) { self.new_name(random) } else { self.existing(random) };
        for _ in 0..*random.one_of(&[0, 0, 1, 1, 2]) {
            let index = *random.one_of(&(0..labels.len()).collect::<Vec<_>>());
            match *random.one_of(&["drop", "cut", "star", "double", "letter", "upper", "another"]) {
                "drop" if labels.len() > 1 => drop(labels.remove(index)),
                "cut" => labels.truncate(index + 1),
                "star" => labels[0] = format!("*{}", random.one_of(&["", "-acme", "b", "al"])),
                "double" => labels.insert(index, labels[index].clone()),
                "letter" => labels[index].push('x'),
                "upper" => labels[index] = labels[index].to_uppercase(),
                _ => labels.insert(index, (*random.one_of(self.labels)).to_owned()),
            }
        }
        labels.join(".")
    }

    fn new_name(&self, random: &mut Random) -> Vec<String> {
        let count = *random.one_of(&[1, 1, 2, 2, 2, 3, 4]);
        let labels: Vec<&str> = (0..count).map(|_| *random.one_of(self.labels)).collect();
        let name = format!("{}{}", labels.join("."), random.one_of(ENDS));
        name.split('.').map(ToOwned::to_owned).collect()
    }

    fn existing(&self, random: &mut Random) -> Vec<String> {
        let name = if random.one_in(3) {
            (*random.one_of(self.outside)).to_owned()
        } else {
            format!("{}.svc.cluster.local", random.one_of(self.services))
        };
        name.split('.').map(ToOwned::to_owned).collect()
    }
}
