/// An image repository: registry and path, without tag and digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository(String);

impl Repository {
    /// Returns `None` if `text` has a tag or a digest, or is empty.
    pub fn parse(text: &str) -> Option<Self> {
        let image = Image::parse(text)?;
        (image.version.is_none()).then(|| Self(image.repository.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An image reference, split where a container runtime splits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    pub repository: &'a str,
    /// The tag, the digest, or both, with their marks.
    pub version: Option<&'a str>,
}

impl<'a> Image<'a> {
    /// Splits at the `@` of a digest, else at the `:` of a tag. A `:` before the last `/` is the registry's port.
    pub fn parse(text: &'a str) -> Option<Self> {
        let path = text.rfind('/').map_or(0, |slash| slash + 1);
        let version = text.find('@').or_else(|| text.get(path..)?.find(':').map(|colon| path + colon));
        let name_end = version.unwrap_or(text.len());
        let tag = text.get(path..name_end)?.find(':').map(|colon| path + colon);
        let cut = tag.unwrap_or(name_end);
        let (repository, version) = (text.get(..cut)?, text.get(cut..)?);
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'@';
        (!repository.is_empty() && !repository.ends_with('/') && repository.bytes().all(plain))
            .then_some(Self { repository, version: (!version.is_empty()).then_some(version) })
    }

    pub fn is_from(&self, repository: &Repository) -> bool {
        self.repository == repository.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_reference_splits_as_a_runtime_splits_it() {
        for (text, repository, version) in [
            ("proxyv2", "proxyv2", None),
            ("localhost:5000/proxyv2", "localhost:5000/proxyv2", None),
            ("localhost:5000/proxyv2:1.31", "localhost:5000/proxyv2", Some(":1.31")),
            ("example.com/a/b@sha256:00", "example.com/a/b", Some("@sha256:00")),
            ("example.com/a/b:1@sha256:00", "example.com/a/b", Some(":1@sha256:00")),
        ] {
            assert_eq!(Image::parse(text), Some(Image { repository, version }), "{text}");
        }
        for text in ["", ":1", "a/", "a/:1", "a b", "@sha256:00"] {
            assert_eq!(Image::parse(text), None, "{text}");
        }
    }
}
