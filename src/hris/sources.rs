//! The sources of the current configuration, replaced as a whole when the configuration is reloaded.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::filter::FilterRunner;
use super::source::Source;
use crate::config::{ConfigError, WebhookConfig};
use parking_lot::RwLock;

/// The sources by name.
///
/// Invariant: the set is replaced as a whole, and only by a set that compiled; whoever holds a source keeps a
/// consistent view of it.
#[derive(Debug)]
pub struct Sources {
    current: RwLock<BTreeMap<Arc<str>, Arc<Source>>>,
    runner: FilterRunner,
    /// Why the latest configuration is not in use.
    fault: RwLock<Option<String>>,
}

impl Sources {
    /// Compiles all sources, or returns the first error.
    pub fn compile(configs: &[WebhookConfig], runner: FilterRunner) -> Result<Self, ConfigError> {
        let current = RwLock::new(compiled(configs, &runner)?);
        Ok(Self { current, runner, fault: RwLock::default() })
    }

    /// Returns the source with this name.
    pub fn get(&self, name: &str) -> Option<Arc<Source>> {
        self.current.read().get(name).cloned()
    }

    /// Returns all sources, ordered by name.
    pub fn all(&self) -> Vec<Arc<Source>> {
        self.current.read().values().cloned().collect()
    }

    /// Replaces the sources with those of a reloaded configuration and returns their number. If the configuration is
    /// faulty, the current sources stay and the error is kept for [`Self::reload_fault`].
    pub fn reload(&self, read: Result<&[WebhookConfig], String>) -> Result<usize, String> {
        let compiled = read.and_then(|configs| compiled(configs, &self.runner).map_err(|fault| fault.to_string()));
        let outcome = compiled.map(|compiled| {
            let count = compiled.len();
            *self.current.write() = compiled;
            count
        });
        *self.fault.write() = outcome.as_ref().err().cloned();
        outcome
    }

    /// Returns why the latest configuration is not in use, or `None` if it is.
    pub fn reload_fault(&self) -> Option<String> {
        self.fault.read().clone()
    }
}

/// Compiles all sources by name, or returns the first error.
fn compiled(configs: &[WebhookConfig], runner: &FilterRunner) -> Result<BTreeMap<Arc<str>, Arc<Source>>, ConfigError> {
    let sources = configs.iter().map(|config| {
        let source = Source::compile(config, runner)?;
        Ok((Arc::clone(&source.name), Arc::new(source)))
    });
    sources.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn toml(rules: &str) -> String {
        format!(
            "[genesys]\nregion = 'eu-central-1'\nclient_id = 'i'\nclient_secret = 's'\n[[webhooks]]\nname = 'hr'\n\
             preset = 'merge'\ntarget = 'routingSkills'\nsecret = 'k'\nuser = {{ email = 'work_email' }}\n{rules}"
        )
    }

    fn configured(rules: &str) -> Vec<WebhookConfig> {
        Config::from_toml(&toml(rules)).unwrap().webhooks
    }

    fn toml_fault(rules: &str) -> String {
        Config::from_toml(&toml(rules)).unwrap_err().to_string()
    }

    #[test]
    fn a_faulty_configuration_leaves_the_old_rules_in_place_and_shows() {
        let rule = |id: &str| format!("[[webhooks.rules]]\nid = '{id}'\nassign = [{{ skill = 'A' }}]\n");
        let sources = Sources::compile(&configured(&rule("a")), FilterRunner::of_this_program()).unwrap();
        let faulty = configured("[[webhooks.rules]]\nid = 'b'\nassign = []\n");
        let problem = sources.reload(Ok(&faulty)).unwrap_err();
        assert_eq!(problem, "webhooks.hr: rules.b.assign: is empty, so the rule does nothing");
        assert_eq!((sources.get("hr").unwrap().rules().len(), sources.reload_fault()), (1, Some(problem)));
        assert_eq!(sources.reload(Err("no such file".to_owned())), Err("no such file".to_owned()));
        assert_eq!(sources.reload(Ok(&configured(&(rule("a") + &rule("b"))))), Ok(1));
        assert_eq!((sources.get("hr").unwrap().rules().len(), sources.reload_fault()), (2, None));
    }

    #[test]
    fn faults_name_source_and_key() {
        let base = "name = 'hr'\ntarget = 'routingSkills'\n";
        for (source, said) in [
            ("preset = 'merge'\nuser = { email = 'e' }", "webhooks.hr: secret: is missing"),
            (
                "preset = 'merge'\nuser = { email = 'e' }\nsecret = ''",
                "webhooks.hr: secret: the secret is missing or empty",
            ),
            ("preset = 'merge'\nsecret = 'k'", "webhooks.hr: user: is missing"),
            ("preset = 'merge'\nsecret = 'k'\nuser = { email = 'e' }\ntolerance = '5m'", "webhooks.hr: tolerance"),
            (
                "preset = 'finch'\nsecret = 'k!'\nuser = { email = 'e' }\nrecord = { url = 'https://x/{id}' }",
                "not base64",
            ),
            ("preset = 'hibob'\nsecret = 'k'\nuser = { email = 'e' }", "webhooks.hr: record: is missing"),
            (
                "preset = 'hibob'\nsecret = 'k'\nuser = { email = 'e' }\nrecord = { url = 'http://x/{id}' }",
                "record.url",
            ),
            (
                "preset = 'hibob'\nsecret = 'k'\nuser = { email = 'e' }\nrecord = { url = 'https://{id}/' }",
                "record.url",
            ),
            ("preset = 'hibob'\nsecret = 'k'\nuser = { email = 'e' }\nrecord = { url = 'https://x/' }", "record.url"),
            (
                "preset = 'personio'\nsecret = 'short'\nuser = { email = 'e' }\nrecord = { url = 'https://x/{id}' }",
                "secret",
            ),
            ("preset = 'generic'\nsecret = 'k'\nfilter = 'env'\nsignature = { header = 'X-S' }", "webhooks.hr: filter"),
            (
                "preset = 'generic'\nsecret = 'k'\nfilter = '.'\nsignature = { header = 'X-S', signed = '{id}' }",
                "signature.signed",
            ),
            (
                "preset = 'generic'\nsecret = 'k'\nfilter = '.'\nsignature = { header = 'X-S', timestamp_header = 'X-T' }",
                "webhooks.hr: signature.timestamp_header: is not signed",
            ),
            (
                "preset = 'merge'\nsecret = 'k'\nuser = { email = 'e' }\ntime_zone = 'Europe/Bonn'",
                "webhooks.hr: time_zone: \"Europe/Bonn\" is not the name of a time zone",
            ),
            (
                "preset = 'merge'\nsecret = 'k'\nuser = { email = 'e' }\nleaver = { any = [] }",
                "webhooks.hr: leaver: has no condition; write leaver = false",
            ),
            (
                "preset = 'merge'\nsecret = 'k'\nuser = { email = 'e' }\nleaver = {}",
                "webhooks.hr: leaver: has no condition; write leaver = false",
            ),
            (
                "preset = 'merge'\nsecret = 'k'\nuser = { email = 'e' }\nleaver = { all = [], not = [] }",
                "webhooks.hr: leaver: has no condition; write leaver = false",
            ),
            (
                "preset = 'merge'\nsecret = 'k'\nuser = { email = 'e' }\n\
                 leaver = { any = [{ attr = 'x', eq = 'y' }], all = [] }",
                "webhooks.hr: leaver.all: is empty",
            ),
            (
                "preset = 'merge'\nsecret = 'k'\nuser = { email = 'e' }\noptional = ['E']",
                "webhooks.hr: optional: names \"E\", which `user` needs",
            ),
            (
                "preset = 'merge'\nsecret = 'k'\nuser = { email = 'e' }\nrequired = ['team']\noptional = ['team']",
                "webhooks.hr: optional: names \"team\", which `required` needs",
            ),
            (
                "preset = 'merge'\nsecret = 'k'\nuser = { email = 'e' }\noptional = ['employment state']",
                "webhooks.hr: optional: names \"employment state\", which this source does not use; \
                 did you mean \"employment_status\"?",
            ),
            (
                "preset = 'merge'\nsecret = 'k'\nuser = { email = 'e' }\noptional = ['\u{200b}']",
                "webhooks.hr: optional: names \"\\u{200b}\", which this source does not use",
            ),
            (
                "preset = 'merge'\nsecret = 'k'\nuser = { email = ' \u{200b}' }",
                "webhooks.hr: user: contains an empty name",
            ),
            (
                "preset = 'merge'\nsecret = 'k'\nuser = { email = 'e' }\nsender_id = '\u{200b}'",
                "webhooks.hr: sender_id: is empty",
            ),
            (
                "preset = 'merge'\nsecret = 'k'\nuser = { email = 'e' }\n\
                 record = { url = 'https://x/{id}', authorization = ' ' }",
                "webhooks.hr: record.authorization: is empty",
            ),
        ] {
            let toml = format!(
                "[genesys]\nregion = 'eu-central-1'\nclient_id = 'i'\nclient_secret = 's'\n[[webhooks]]\n{base}{source}"
            );
            let config = Config::from_toml(&toml).unwrap();
            let fault = Sources::compile(&config.webhooks, FilterRunner::of_this_program()).unwrap_err().to_string();
            assert!(fault.contains(said), "{source}: {fault}");
        }
    }

    #[test]
    fn what_a_preset_takes_for_leavers_can_be_switched_off() {
        let leavers = |more: &str| {
            let sources = Sources::compile(&configured(more), FilterRunner::of_this_program()).unwrap();
            sources.get("hr").unwrap().leaver.is_some()
        };
        assert!(leavers("") && !leavers("leaver = false"));
        let problem = toml_fault("leaver = true");
        assert!(problem.contains("true does not say who has left"), "{problem}");
        let problem = toml_fault("leaver = { some = [] }");
        assert!(problem.contains("unknown field") && problem.contains("some"), "{problem}");
    }
}
