use crate::api::service_account;

/// The user of a request, as authenticated by the API server.
#[derive(Clone, Debug, Default)]
pub struct User<'a> {
    pub name: &'a str,
    pub groups: Vec<&'a str>,
}

impl<'a> User<'a> {
    /// Returns the namespace and the name of the user's service account, if the user is one.
    pub fn service_account(&self) -> Option<(&'a str, &'a str)> {
        service_account(self.name)
    }

    /// Returns the namespace of the user's service account, if the user is one.
    pub fn service_account_namespace(&self) -> Option<&'a str> {
        self.service_account().map(|(namespace, _)| namespace)
    }
}
