//! Logins: tokens that expire and can be revoked, with the token endpoint's own error format and throttle.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::AUTHORIZATION;
use serde_json::json;
use tokio::time::Instant;

use super::super::query::Query;
use super::super::scenario::{Credentials, Limits};
use super::call::Call;
use super::limits::{Allowance, Window};
use super::reply::Reply;

#[derive(Debug)]
struct Token {
    expires_at: Instant,
    revoked: bool,
    allowance: Allowance,
}

/// Every token that was issued.
#[derive(Debug)]
pub(super) struct Tokens {
    credentials: Credentials,
    limits: Limits,
    throttle: Option<Window>,
    issued: u64,
    known: HashMap<String, Token>,
}

impl Tokens {
    pub(super) fn new(credentials: Credentials, limits: Limits) -> Self {
        let throttle = limits.token_endpoint.map(Window::new);
        Self { credentials, limits, throttle, issued: 0, known: HashMap::new() }
    }

    /// Returns the limits of a token.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the org of the client, as it describes itself.
    pub(super) fn org(&self) -> Reply {
        let id = self.credentials.org;
        let uri = format!("/api/v2/organizations/{id}");
        Reply::ok(json!({ "id": id, "name": "Simulated", "state": "active", "version": 1, "selfUri": uri }))
    }

    /// Answers a login.
    pub(super) fn login(&mut self, call: &Call<'_>) -> Reply {
        if let Some(throttle) = &mut self.throttle {
            if throttle.refusal(call.now).is_some() {
                return refused(StatusCode::BAD_REQUEST, "invalid_request", "rate limit exceeded");
            }
            throttle.count(1, call.now);
        }
        if !self.are_right(call.header(AUTHORIZATION.as_str()).unwrap_or_default()) {
            let status = StatusCode::from_u16(self.credentials.refusal_status).unwrap_or(StatusCode::UNAUTHORIZED);
            return refused(status, "invalid_client", "authentication failed");
        }
        let form = Query::parse(&String::from_utf8_lossy(call.request.body()));
        match form.first("grant_type") {
            Some("client_credentials") => self.issue(call.now),
            Some(_) => refused(StatusCode::BAD_REQUEST, "unsupported_grant_type", "grant type is not supported"),
            None => refused(StatusCode::BAD_REQUEST, "invalid_request", "grant_type is missing"),
        }
    }

    fn are_right(&self, authorization: &str) -> bool {
        let Some(("Basic", encoded)) = authorization.split_once(' ') else { return false };
        let expected = format!("{}:{}", self.credentials.client_id, self.credentials.client_secret);
        STANDARD.decode(encoded).is_ok_and(|decoded| decoded == expected.as_bytes())
    }

    fn issue(&mut self, now: Instant) -> Reply {
        self.issued += 1;
        let name = format!("simulated-token-{}", self.issued);
        let expires_at = now + self.credentials.token_lifetime;
        let token = Token { expires_at, revoked: false, allowance: Allowance::new(&self.limits) };
        self.known.insert(name.clone(), token);
        let lifetime = self.credentials.token_lifetime.as_secs();
        Reply::ok(json!({ "access_token": name, "token_type": "bearer", "expires_in": lifetime }))
    }

    /// Admits a call and counts it against the limits of its token.
    pub(super) fn admit(&mut self, call: &Call<'_>) -> Result<(), Reply> {
        let bearer = bearer(call);
        let Some(bearer) = bearer else {
            return Err(unauthorized("authentication.required", "No authentication bearer token specified."));
        };
        match self.known.get_mut(bearer) {
            None => Err(unauthorized("bad.credentials", "Invalid login credentials.")),
            Some(token) if token.revoked => Err(unauthorized("bad.credentials", "Invalid login credentials.")),
            Some(token) if token.expires_at <= call.now => {
                Err(unauthorized("credentials.expired", "The access token has expired."))
            }
            Some(token) => token.allowance.admit(&self.limits, call.route(), call.now),
        }
    }

    /// Adds the deprecated headers, if the scenario has them.
    pub(super) fn with_headers(&self, call: &Call<'_>, reply: Reply) -> Reply {
        let token = bearer(call).filter(|_| self.limits.headers).and_then(|bearer| self.known.get(bearer));
        let headers = token.map(|token| token.allowance.headers(call.now)).unwrap_or_default();
        headers.into_iter().fold(reply, |reply, (name, value)| reply.with_header(name, value))
    }

    /// Revokes the token of the call.
    pub(super) fn log_out(&mut self, call: &Call<'_>) -> Reply {
        if let Some(token) = bearer(call).and_then(|bearer| self.known.get_mut(bearer)) {
            token.revoked = true;
        }
        Reply::done()
    }

    /// Revokes every token that was issued so far.
    pub(super) fn revoke_all(&mut self) {
        self.known.values_mut().for_each(|token| token.revoked = true);
    }

    /// Counts calls of another application against every token.
    pub(super) fn use_up(&mut self, calls: u32, now: Instant) {
        self.known.values_mut().for_each(|token| token.allowance.use_up(calls, now));
    }
}

fn bearer<'a>(call: &'a Call<'_>) -> Option<&'a str> {
    let (scheme, token) = call.header(AUTHORIZATION.as_str())?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn unauthorized(code: &str, message: &str) -> Reply {
    Reply::error(StatusCode::UNAUTHORIZED, code, message)
}

fn refused(status: StatusCode, error: &str, description: &str) -> Reply {
    let document = json!({ "error": error, "description": description, "error_description": description });
    Reply::json(status, document)
}
