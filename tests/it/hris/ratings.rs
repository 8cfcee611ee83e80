//! The rating of skills for which no rule gives one; on the paused clock.

use genesys_simulator::Target;

use super::imports::CSV;
use super::{Office, by_title, employees};

/// The first employee's rating of a skill.
fn rating(office: &Office, skill: &str) -> Option<f64> {
    let simulator = &office.bed.simulator;
    let user = simulator.users().into_iter().find(|user| user.employee_id.as_deref() == Some("E1001")).unwrap();
    let skill = simulator.catalogue(Target::RoutingSkills).into_iter().find(|known| known.name == skill).unwrap();
    let assigned = simulator.assignments_of(user.id, Target::RoutingSkills).unwrap();
    assigned.into_iter().find(|assigned| assigned.id == skill.id).unwrap().proficiency
}

#[tokio::test(start_paused = true)]
async fn a_new_skill_has_the_rating_of_its_rule_its_source_or_of_all_jobs() {
    for (source, rule, all, expected) in [
        ("", "", "", 0.0),
        ("", "", "default_proficiency = 2.5", 2.5),
        ("default_proficiency = 4.0", "", "default_proficiency = 2.5", 4.0),
        ("default_proficiency = 4.0", ", proficiency = 1.0", "default_proficiency = 2.5", 1.0),
    ] {
        let rules = format!(
            "rules = [{{ id = 'a', when = {{ all = [{{ attr = 'jobTitle', eq = 'Agent' }}] }}, assign = [{{ skill = 'Skill 1'{rule} }}] }}]"
        );
        let (head, _) =
            by_title("hr", "").split_once("[[webhooks.rules]]").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let head = head.replace("wfmSkillGroups", "routingSkills");
        let office = Office::open(&employees(3), &format!("{head}{source}\n{rules}\n[sync]\n{all}\n"));
        let rows = "id,employeeNumber,jobTitle\n7,E1001,Agent\n";
        let export = office.post("/v1/imports/hr?scope=delta", &CSV, rows).await;
        office.finish(&export).await;
        assert_eq!(rating(&office, "Skill 1"), Some(expected), "{source} {rule} {all}");
    }
}
