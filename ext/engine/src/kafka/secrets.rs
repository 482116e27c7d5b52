//! Keeps what a client's settings hide out of what librdkafka says.
//!
//! librdkafka redacts settings where it lists them. What it quotes elsewhere, a file of a user's or a broker's answer
//! may repeat one; nothing with a secret in it leaves this layer.

use std::collections::BTreeMap;

use crate::sync::Mutex;

/// What stands in the place of a secret, as in the Ruby side's `Karafka::Setup::Secrets`.
const MASK: &str = "[FILTERED]";
/// Parts of the names of settings with secrets.
const NAMES: &[&str] = &[
    "password",
    "secret",
    "passphrase",
    "jaas",
    "sasl.oauthbearer.config",
    "private.key",
    ".key.pem",
    ".keystore.pem",
];
/// Shorter ones are found in words that have nothing to do with them: they are masked where they stand alone.
const LONG: usize = 6;
/// Tokens that a client still may speak of: the present one, and the one before.
const TOKENS: usize = 2;

/// The secrets of one client.
#[derive(Default)]
pub struct Secrets {
    settings: Vec<String>,
    tokens: Mutex<Vec<String>>,
}

impl Secrets {
    /// The secrets among `settings`.
    pub fn of(settings: &BTreeMap<String, String>) -> Self {
        let is_secret = |name: &str| NAMES.iter().any(|part| name.contains(part));
        let mut found: Vec<String> = settings
            .iter()
            .filter(|(name, value)| is_secret(name) && !value.is_empty())
            .map(|(_, v)| v.clone())
            .collect();
        // A secret may be a part of another one.
        found.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { settings: found, tokens: Mutex::default() }
    }

    /// Adds a token that the client was given.
    pub fn add_token(&self, token: &str) {
        let mut tokens = self.tokens.lock();
        if tokens.len() == TOKENS {
            tokens.remove(0);
        }
        tokens.push(token.into());
    }

    /// The text without secrets.
    pub fn mask(&self, mut text: String) -> String {
        for secret in &self.settings {
            text = without(text, secret);
        }
        for token in self.tokens.lock().iter() {
            text = without(text, token);
        }
        text
    }
}

fn without(text: String, secret: &str) -> String {
    if !text.contains(secret) {
        return text;
    }
    if secret.len() >= LONG {
        return text.replace(secret, MASK);
    }
    let mut masked = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find(secret) {
        let (before, after) = (&rest[..at], &rest[at + secret.len()..]);
        let alone = !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric);
        masked.push_str(before);
        masked.push_str(if alone { MASK } else { secret });
        rest = after;
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(settings: &[(&str, &str)]) -> Secrets {
        Secrets::of(&settings.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect())
    }

    #[test]
    fn a_secret_is_masked_wherever_it_stands() {
        let secrets =
            secrets(&[("sasl.password", "hunter2"), ("ssl.key.pem", "hunter2-and-more"), ("client.id", "me")]);
        assert_eq!(secrets.mask("me: xhunter2x, hunter2-and-more".into()), "me: x[FILTERED]x, [FILTERED]");
    }

    #[test]
    fn a_short_secret_is_masked_where_it_stands_alone() {
        let secrets = secrets(&[("ssl.key.password", "a1")]);
        assert_eq!(secrets.mask("a1 has \"a1\" in data1".into()), "[FILTERED] has \"[FILTERED]\" in data1");
    }

    #[test]
    fn a_token_is_masked_from_when_it_is_there() {
        let secrets = Secrets::default();
        ["first-token", "second-token", "third-token"].iter().for_each(|token| secrets.add_token(token));
        assert_eq!(secrets.mask("second-token third-token".into()), "[FILTERED] [FILTERED]");
    }
}
