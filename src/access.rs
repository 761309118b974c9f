//! Who may speak to the database.
//!
//! An [`Authenticator`] judges a name and a password; how they come (SASL PLAIN in the native
//! protocol) is the server's business. There is one that lets everybody in and one that knows a
//! single user; roles and their permissions come to stand here as well.

use crate::error::{Error, ErrorKind, Result};
use std::fmt;
use std::hint::black_box;

/// Judges those who want to connect.
pub trait Authenticator: Send + Sync + fmt::Debug {
    /// The class name that clients are told, by which they choose how to answer; none where nobody
    /// is asked.
    fn class_name(&self) -> Option<&'static str>;

    /// Whether `user` with this password may connect.
    fn authenticate(&self, user: &str, password: &[u8]) -> Result<()>;
}

/// Lets everybody in, unasked.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

impl Authenticator for AllowAll {
    fn class_name(&self) -> Option<&'static str> {
        None
    }

    fn authenticate(&self, _user: &str, _password: &[u8]) -> Result<()> {
        Ok(())
    }
}

/// Knows one user.
pub struct OneUser {
    user: String,
    password: Vec<u8>,
}

impl fmt::Debug for OneUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneUser")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl OneUser {
    /// Lets in `user` with `password`; neither may be empty.
    pub fn new(user: impl Into<String>, password: impl Into<Vec<u8>>) -> Result<Self> {
        let (user, password) = (user.into(), password.into());
        if user.is_empty() || password.is_empty() {
            return Err(Error::config("User and password must not be empty"));
        }
        Ok(Self { user, password })
    }
}

impl Authenticator for OneUser {
    fn class_name(&self) -> Option<&'static str> {
        Some("org.apache.cassandra.auth.PasswordAuthenticator")
    }

    fn authenticate(&self, user: &str, password: &[u8]) -> Result<()> {
        let known = same(user.as_bytes(), self.user.as_bytes());
        let right = same(password, &self.password);
        // Both are looked at in any case: which of them was wrong is nobody's business.
        if known & right {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::BadCredentials,
            format!("Provided username {user} and/or password are incorrect"),
        ))
    }
}

/// Whether two secrets are the same, in a time that depends on the length of `given` alone.
fn same(given: &[u8], known: &[u8]) -> bool {
    let mut differences = u8::from(given.len() != known.len());
    for (at, byte) in given.iter().enumerate() {
        // A known one that is too short is walked again; the lengths have differed already.
        let other = known.get(at % known.len().max(1)).copied().unwrap_or(0);
        differences |= black_box(byte ^ other);
    }
    black_box(differences) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_with_one_password() {
        let users = OneUser::new("ann", "secret").unwrap();
        assert_eq!(users.authenticate("ann", b"secret"), Ok(()));
        for (user, password) in [
            ("ann", "secreT"),
            ("ann", "secre"),
            ("ann", "secretsecret"),
            ("ann", ""),
            ("", "secret"),
            ("bob", "secret"),
            ("annann", "secret"),
        ] {
            let error = users.authenticate(user, password.as_bytes()).unwrap_err();
            assert_eq!(error.kind, ErrorKind::BadCredentials);
        }
        assert!(OneUser::new("ann", "").is_err() && OneUser::new("", "x").is_err());
        assert!(!format!("{users:?}").contains("secret"));
    }

    #[test]
    fn nobody_is_asked_where_all_are_let_in() {
        assert_eq!(AllowAll.class_name(), None);
        assert_eq!(AllowAll.authenticate("", b""), Ok(()));
    }
}
