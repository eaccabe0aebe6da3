//! Who sends a request: the tenant and the scope of the key.

use super::failure::Failure;

/// What a key is for. `Admin` may do everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Admin,
    Render,
    Preview,
    Editor,
}

impl Scope {
    /// As audit events name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Render => "render",
            Self::Preview => "preview",
            Self::Editor => "editor",
        }
    }
}

/// Who asks, and for which tenant.
pub(crate) struct Caller {
    pub(crate) tenant: String,
    /// `None` where no keys are configured: then everything is allowed.
    pub(crate) scope: Option<Scope>,
}

impl Caller {
    /// Refuses unless the key is an admin key or has one of these scopes.
    pub(crate) fn allow(&self, scopes: &[Scope]) -> Result<(), Failure> {
        match self.scope {
            None | Some(Scope::Admin) => Ok(()),
            Some(scope) if scopes.contains(&scope) => Ok(()),
            Some(scope) => {
                Err(Failure::forbidden(format!("a key of scope {} may not do this", scope.as_str())))
            }
        }
    }

    /// For admin keys only.
    pub(crate) fn admin(&self) -> Result<(), Failure> {
        self.allow(&[])
    }

    /// As rows record it in `created_by`.
    pub(crate) fn actor(&self) -> Option<String> {
        self.scope.map(|scope| format!("key:{}", scope.as_str()))
    }
}
