/// The reason why an object cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("the request is for a {announced}, but the object is a `{kind}` of `{api_version}`")]
    OtherKind { announced: &'static str, api_version: String, kind: String },
    #[error("a {0} without a pod template")]
    NoTemplate(&'static str),
    #[error("`{0}`: {1}")]
    At(String, Box<Self>),
    #[error("`{0}` is not a pod template")]
    NotTemplate(String),
    #[error("more than {0} pod templates")]
    TooManyTemplates(usize),
}
