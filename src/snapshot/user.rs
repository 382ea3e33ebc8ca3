/// The user of a request, as authenticated by the API server.
#[derive(Clone, Debug, Default)]
pub struct User<'a> {
    pub name: &'a str,
    pub groups: Vec<&'a str>,
}

impl<'a> User<'a> {
    /// Returns the namespace of the user's service account, if the user is one.
    pub fn service_account_namespace(&self) -> Option<&'a str> {
        service_account(self.name).map(|(namespace, _)| namespace)
    }
}

/// Splits a service account's username into namespace and name.
fn service_account(user: &str) -> Option<(&str, &str)> {
    user.strip_prefix("system:serviceaccount:")?.split_once(':')
}
