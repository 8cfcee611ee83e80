use proptest::prelude::*;

use super::*;
use crate::config::{AssignConfig, ConditionConfig, WhenConfig};
use crate::hris::attributes::Attributes;

fn rules(toml: &str) -> Result<Rules, RuleError> {
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

fn shown(derived: &Derived) -> String {
    let rating = derived.proficiency.map(|rating| format!(":{rating}")).unwrap_or_default();
    let left = if derived.left_as_is { " left" } else { "" };
    format!("{}{rating}{left} because {}", derived.name, derived.because.join("+"))
}

/// A person of whom nothing else is known.
fn partial(attributes: &Attributes) -> Facts<'_> {
    Facts { attributes, omits_empty: false }
}

/// A person who has no other attributes.
fn whole(attributes: &Attributes) -> Facts<'_> {
    Facts { attributes, omits_empty: true }
}

/// Name, proficiency and rules of each derived assignment.
fn follows(rules: &Rules, pairs: &[(&str, &str)]) -> Vec<String> {
    rules.apply(whole(&person(pairs))).iter().map(shown).collect()
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
    let unnamed = rules.apply(whole(&person(&[])));
    assert!(matches!(&unnamed[..], [Derived { name: AssignmentName::Id(_), .. }]), "{unnamed:?}");
}

#[test]
fn what_is_not_known_neither_gives_nor_takes() {
    let rules = rules(SALES).unwrap();
    let follows =
        |pairs: &[(&str, &str)]| -> Vec<String> { rules.apply(partial(&person(pairs))).iter().map(shown).collect() };
    let others = [("name", "Ana"), ("languages", "")];
    let and = |more: &[(&'static str, &'static str)]| -> Vec<_> { others.iter().chain(more).copied().collect() };
    // Without country and region, the first rule is undecided; the second gives a higher proficiency than it would.
    assert_eq!(
        follows(&and(&[("department", "Sales"), ("title", "Agent")])),
        ["Billing left because sales-emea", "Sales left because sales-emea"]
    );
    assert_eq!(
        follows(&and(&[("department", "Sales"), ("title", "Senior")])),
        ["billing:4 because seniors", "Sales left because sales-emea"]
    );
    // Here the second rule might give a higher proficiency.
    assert_eq!(
        follows(&and(&[("department", "Sales"), ("region", "EMEA")])),
        ["Billing:2 because sales-emea", "billing left because seniors", "Sales because sales-emea"]
    );
    // One known condition decides, whatever the others are.
    assert_eq!(follows(&and(&[("department", "HR"), ("title", "Agent")])), [""; 0]);
    assert_eq!(follows(&and(&[("department", ""), ("title", "")])), [""; 0]);
    let known = person(&and(&[("department", "Sales")]));
    let unknown: BTreeSet<_> = rules.unknown(partial(&known)).collect();
    assert_eq!(unknown, ["country", "region", "title"].into());
}

#[test]
fn faults_name_rule_and_key() {
    for (rule, key, problem) in [
        ("id = ''\nassign = [{ skill = 'A' }]", "rules.id", "is not a rule id"),
        ("id = 'a'\nassign = []", "rules.a.assign", "does nothing"),
        ("id = '\u{200b}'\nassign = [{ skill = 'A' }]", "rules.id", "is not a rule id"),
        ("id = 'a'\nassign = [{ skill = ' ' }]", "rules.a.assign", "is neither a name nor an id"),
        (
            "id = 'a'\nassign = [{ skill = ' \u{200b}' }]",
            "rules.a.assign",
            "skill \" \\u{200b}\" is neither a name nor an id",
        ),
        ("id = 'a'\nassign = [{ skill = 'A', proficiency = 6.0 }]", "rules.a.assign", "5.0"),
        ("id = 'a'\nsplit_on = ''\nassign = [{ skill = 'A' }]", "rules.a.split_on", "is empty"),
        ("id = 'a'\nassign = [{ skill = 'A' }]\nwhen = { any = [] }", "rules.a.when.any", "no one"),
        ("id = 'a'\nassign = [{ skill = 'A' }]\nwhen = { all = [] }", "rules.a.when.all", "is empty"),
        ("id = 'a'\nassign = [{ skill = 'A' }]\nwhen = { not = [] }", "rules.a.when.not", "is empty"),
        (
            "id = 'a'\nassign = [{ skill = 'A' }]\nwhen = { all = [{ attr = '\u{200b}', eq = 'x' }] }",
            "rules.a.when.all[0]",
            "attr is empty",
        ),
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

fn some_condition() -> impl Strategy<Value = ConditionConfig> {
    let attr = prop_oneof![Just("a"), Just("b"), Just("c")];
    (attr, proptest::option::of("[xy]"), any::<bool>()).prop_map(|(attr, eq, exists)| ConditionConfig {
        attr: attr.into(),
        exists: eq.is_none().then_some(exists),
        eq,
        ..ConditionConfig::default()
    })
}

fn some_when() -> impl Strategy<Value = WhenConfig> {
    let some = || proptest::option::of(proptest::collection::vec(some_condition(), 1..3));
    (some(), some(), some()).prop_map(|(all, any, not)| WhenConfig { all, any, not })
}

proptest! {
    /// A decision about a person is the one that would be made if everything about them were known.
    #[test]
    fn nothing_that_is_decided_depends_on_what_is_not_known(
        when in some_when(), known in proptest::collection::btree_map("[abc]", "[xy]?", 0..3),
        others in proptest::collection::btree_map("[abc]", "[xy]?", 3),
    ) {
        let when = When::compile(&when).unwrap();
        let holds = |known: &BTreeMap<String, String>| {
            let pairs: Vec<_> = known.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            when.holds(partial(&person(&pairs)), None)
        };
        let all: BTreeMap<_, _> = others.into_iter().chain(known.clone()).collect();
        if let Some(decided) = holds(&known) {
            prop_assert_eq!(holds(&all), Some(decided));
        }
        let unknown: BTreeMap<_, _> = ["a", "b", "c"].map(|name| (name.to_owned(), String::new())).into();
        prop_assert!(holds(&unknown).is_some(), "what is known to be empty is known");
    }

    /// Values that differ only in case and surrounding spaces lead to the same assignments.
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
        let apply = |name: &str, value: &str| rules.apply(whole(&person(&[(name, value)])));
        let plain = apply("a", &value);
        prop_assert_eq!(&plain, &apply("A", &format!("  {} ", value.to_uppercase())));
        prop_assert_eq!(&plain, &apply("a", &value.to_lowercase()));
    }
}
