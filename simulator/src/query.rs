//! Parses query strings and percent-encoding, as far as the simulated endpoints need them.

/// The parameters of a query string, in order and with repetitions.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(&name.replace('+', " ")), decoded(&value.replace('+', " ")))
        });
        Self(pairs.collect())
    }

    /// Returns the first value of a parameter.
    pub(super) fn first<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// Returns the first value of a parameter, without splitting it at commas.
    pub(super) fn whole<'a>(&'a self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Removes parameters, as if they had not been given.
    pub(super) fn forget(&mut self, names: &[&str]) {
        self.0.retain(|(name, _)| !names.contains(&name.as_str()));
    }

    /// Returns every value of a parameter, which may be repeated or contain several values separated by commas.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).flat_map(|(_, value)| value.split(','))
    }
}

/// Decodes percent-encoding; a malformed escape stays as it is.
pub(super) fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = if first == b'%' { tail.get(..2).and_then(hex) } else { None };
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_and_comma_separated_parameters_are_all_seen() {
        let query = Query::parse("expand=skills&pageSize=500&expand=employerInfo,groups&name=A%20b+c%zz");
        assert_eq!(query.all("expand").collect::<Vec<_>>(), ["skills", "employerInfo", "groups"]);
        assert_eq!(query.first("pageSize"), Some("500"));
        assert_eq!(query.first("name"), Some("A b c%zz"));
        assert_eq!(query.whole("expand"), Some("skills"));
        assert_eq!(Query::parse("name=a%2Cb").whole("name"), Some("a,b"));
    }
}
