//! Who may ask: the token, and where a request comes from.

use std::fmt;

use axum::http::{HeaderMap, header};

/// The random token of one start.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A new token: 256 random bits.
    ///
    /// # Errors
    /// The system gave no random bytes.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(blake3::Hash::from_bytes(bytes).to_hex().to_string()))
    }

    /// A token that is known.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The token itself, for the address that is printed once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether a text is the token. Both are hashed first, and hashes compare in constant time.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        blake3::hash(text.as_bytes()) == blake3::hash(self.0.as_bytes())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

/// What a request is checked against.
#[derive(Debug, Clone)]
pub struct Guard {
    token: Token,
    hosts: Vec<String>,
    origins: Vec<String>,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It names another host, or comes from another site.
    Elsewhere,
    /// It has no token, or a wrong one.
    NoToken,
}

impl Guard {
    /// For a server on a port. `more_origins` are pages of other servers on this machine that may ask as well (an
    /// interface in development).
    #[must_use]
    pub fn new(token: Token, port: u16, more_origins: &[String]) -> Self {
        let mut hosts = vec![format!("127.0.0.1:{port}"), format!("localhost:{port}")];
        let mut origins: Vec<String> = hosts.iter().map(|host| format!("http://{host}")).collect();
        for origin in more_origins {
            origins.push(origin.trim_end_matches('/').to_owned());
            hosts.extend(origin.trim_end_matches('/').split_once("://").map(|(_, host)| host.to_owned()));
        }
        Self { token, hosts, origins }
    }

    /// Whether a request names this server and does not come from another site's page.
    ///
    /// # Errors
    /// It does not.
    pub fn check_place(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?").to_ascii_lowercase());
        let host = text(header::HOST);
        if !host.is_some_and(|host| self.hosts.contains(&host)) {
            return Err(Refusal::Elsewhere);
        }
        if let Some(origin) = text(header::ORIGIN)
            && !self.origins.contains(&origin)
        {
            return Err(Refusal::Elsewhere);
        }
        if let Some(site) = headers.get("sec-fetch-site")
            && !matches!(site.to_str(), Ok("same-origin" | "none" | "same-site"))
        {
            return Err(Refusal::Elsewhere);
        }
        Ok(())
    }

    /// Whether a request may run a command.
    ///
    /// # Errors
    /// It may not.
    pub fn check_command(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        self.check_place(headers)?;
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        if token.is_some_and(|token| self.token.fits(token)) { Ok(()) } else { Err(Refusal::NoToken) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(rows: &[(&'static str, &str)]) -> HeaderMap {
        rows.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn guard() -> Guard {
        Guard::new(Token::new("secret"), 4174, &[])
    }

    #[test]
    fn only_the_token_opens() {
        let with = |value: &str| {
            guard().check_command(&headers(&[("host", "127.0.0.1:4174"), ("authorization", value)]))
        };
        assert_eq!(with("Bearer secret"), Ok(()));
        for wrong in ["Bearer secre", "Bearer secret2", "Bearer ", "secret", "Basic secret"] {
            assert_eq!(with(wrong), Err(Refusal::NoToken), "{wrong}");
        }
        assert_eq!(guard().check_command(&headers(&[("host", "localhost:4174")])), Err(Refusal::NoToken));
    }

    #[test]
    fn a_name_that_was_rebound_and_other_sites_are_refused() {
        for host in ["evil.example:4174", "127.0.0.1", "127.0.0.1:80", "127.0.0.1.evil.example:4174"] {
            assert_eq!(guard().check_place(&headers(&[("host", host)])), Err(Refusal::Elsewhere), "{host}");
        }
        assert_eq!(guard().check_place(&HeaderMap::new()), Err(Refusal::Elsewhere));
        let from = |origin| guard().check_place(&headers(&[("host", "127.0.0.1:4174"), ("origin", origin)]));
        assert_eq!(from("http://127.0.0.1:4174"), Ok(()));
        for origin in ["http://evil.example", "null", "https://127.0.0.1:4174", "http://127.0.0.1:9999"] {
            assert_eq!(from(origin), Err(Refusal::Elsewhere), "{origin}");
        }
        let cross = headers(&[("host", "127.0.0.1:4174"), ("sec-fetch-site", "cross-site")]);
        assert_eq!(guard().check_place(&cross), Err(Refusal::Elsewhere));
    }

    #[test]
    fn tokens_are_long_different_and_not_printed() {
        let (one, other) = (Token::generate().unwrap(), Token::generate().unwrap());
        assert_eq!(one.reveal().len(), 64);
        assert!(!one.fits(other.reveal()));
        assert!(!format!("{one:?}").contains(one.reveal()));
    }
}
