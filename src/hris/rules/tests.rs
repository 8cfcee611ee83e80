use proptest::prelude::*;

use super::*;
use crate::config::{AssignConfig, ConditionConfig, WhenConfig};

fn rules(toml: &str) -> Result<Rules, RuleFault> {
    #[derive(serde::Deserialize)]
    struct Wrapped {
        rules: Vec<RuleConfig>,
    }
    use figment::providers::Format as _;
    let wrapped: Wrapped = figment::Figment::from(figment::providers::Toml::string(toml)).extract().unwrap();
    Rules::compile(&wrapped.rules, SourceTarget::RoutingSkills)
}

fn person(pairs: &[(&str, &str)]) -> Attributes {
    let mut attributes = Attributes::default();
    for (name, value) in pairs {
        attributes.add(name, value);
    }
    attributes
}

/// Name, proficiency and rules of what follows.
fn follows(rules: &Rules, pairs: &[(&str, &str)]) -> Vec<String> {
    let shown = |derived: Derived| {
        let rating = derived.proficiency.map(|rating| format!(":{rating}")).unwrap_or_default();
        format!("{}{rating} because {}", derived.name, derived.because.join("+"))
    };
    rules.apply(&person(pairs)).into_iter().map(shown).collect()
}

const SALES: &str = r#"
[[rules]]
id = "sales-emea"
when = { all = [{ attr = "department", eq = " sales " }], any = [{ attr = "country", in = ["DE", "fr"] }, { attr = "region", prefix = "EME" }] }
assign = [{ skill = "Billing", proficiency = 2.0 }, { skill = "Sales" }]

[[rules]]
id = "seniors"
when = { all = [{ attr = "title", regex = "^(senior|lead)\\b" }], not = [{ attr = "title", regex = "trainee" }] }
assign = [{ skill = "billing", proficiency = 4.0 }]

[[rules]]
id = "german"
split_on = ";"
when = { all = [{ attr = "languages", eq = "German" }] }
assign = [{ skill = "German" }]

[[rules]]
id = "nameless"
when = { all = [{ attr = "name", exists = false }] }
assign = [{ skill = "0199a3f2-7c55-7d2e-9d3e-1f6a5b1c2d3e" }]
"#;

#[test]
fn matches_add_up_and_the_highest_proficiency_wins() {
    let rules = rules(SALES).unwrap();
    let named = ("name", "Ana");
    assert_eq!(
        follows(&rules, &[named, ("Department", "SALES"), ("country", "FR"), ("title", "Senior Agent")]),
        ["Billing:4 because sales-emea+seniors", "Sales because sales-emea"]
    );
    assert_eq!(follows(&rules, &[named, ("department", "Sales"), ("country", "US")]), [""; 0]);
    assert_eq!(follows(&rules, &[named, ("title", "Senior trainee")]), [""; 0]);
    assert_eq!(follows(&rules, &[named, ("languages", "French; GERMAN ;")]), ["German because german"]);
    assert_eq!(follows(&rules, &[named, ("languages", "Germanic")]), [""; 0]);
    let unnamed = rules.apply(&person(&[]));
    assert!(matches!(&unnamed[..], [Derived { name: AssignmentName::Id(_), .. }]), "{unnamed:?}");
}

#[test]
fn faults_name_rule_and_key() {
    for (rule, key, problem) in [
        ("id = ''\nassign = [{ skill = 'A' }]", "rules.id", "names no rule"),
        ("id = 'a'\nassign = []", "rules.a.assign", "does nothing"),
        ("id = 'a'\nassign = [{ skill = ' ' }]", "rules.a.assign", "names nothing"),
        ("id = 'a'\nassign = [{ skill = 'A', proficiency = 6.0 }]", "rules.a.assign", "5.0"),
        ("id = 'a'\nsplit_on = ''\nassign = [{ skill = 'A' }]", "rules.a.split_on", "is empty"),
        ("id = 'a'\nassign = [{ skill = 'A' }]\nwhen = { any = [] }", "rules.a.when.any", "nobody"),
        (
            "id = 'a'\nassign = [{ skill = 'A' }]\nwhen = { all = [{ attr = 't' }] }",
            "rules.a.when.all[0]",
            "exactly one",
        ),
        (
            "id = 'a'\nassign = [{ skill = 'A' }]\nwhen = { not = [{ attr = 't', regex = '(' }] }",
            "rules.a.when.not[0]",
            "regex",
        ),
    ] {
        let fault = rules(&format!("[[rules]]\n{rule}")).expect_err(rule);
        assert_eq!(fault.key, key);
        assert!(fault.problem.contains(problem), "{fault:?}");
    }
    let twice = "[[rules]]\nid = 'a'\nassign = [{ skill = 'A' }]\n";
    assert_eq!(rules(&twice.repeat(2)).expect_err("twice").key, "rules.a.id");
}

proptest! {
    /// Whatever the values are, the same ones with other case and spaces around them lead to the same.
    #[test]
    fn case_and_spaces_make_no_difference(value in "[a-zA-Z ;]{0,12}", constant in "[a-zA-Z]{1,4}") {
        let condition = ConditionConfig { attr: "a".into(), eq: Some(constant), ..ConditionConfig::default() };
        let rule = RuleConfig {
            id: "r".into(),
            when: WhenConfig { all: Some(vec![condition]), ..WhenConfig::default() },
            assign: vec![AssignConfig { skill: "S".into(), proficiency: None }],
            split_on: Some(";".into()),
        };
        let rules = Rules::compile(&[rule], SourceTarget::RoutingSkills).unwrap();
        let plain = rules.apply(&person(&[("a", &value)]));
        prop_assert_eq!(&plain, &rules.apply(&person(&[("A", &format!("  {} ", value.to_uppercase()))])));
        prop_assert_eq!(&plain, &rules.apply(&person(&[("a", &value.to_lowercase())])));
    }
}
