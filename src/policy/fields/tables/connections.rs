//! Connections to a pod through the API server.

use super::{Field, fields, free, judged};

pub(super) static EXEC: &[Field] = &[fields("", ATTACH), free("command")];

pub(super) static ATTACH: &[Field] = &[
    free("apiVersion"),
    judged("container", &["BH314"]),
    free("kind"),
    free("stderr"),
    free("stdin"),
    free("stdout"),
    free("tty"),
];

pub(super) static PROXY: &[Field] = &[free("apiVersion"), free("kind"), judged("path", &["BH314"])];
