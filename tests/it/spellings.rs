//! Spellings of what names people: the same ones are found by single look-ups and by listings.

use genesys_simulator::{
    Access, Behaviour, Explicit, ExternalId, Generated, Population, Scenario, SimUser, Simulator, Target as SimTarget,
    UserState,
};
use skillsync::domain::entry::EntryRequest;
use skillsync::domain::job::{JobSpec, Lane, SameUser};
use skillsync::domain::{EntryState, Mode, Reason, Target, UserId, UserRef};

use crate::bed::{Bed, employee};

/// Employee ids at Genesys; the one in capitals of `e4` is active.
const IDS: [&str; 13] =
    ["E1 ", "E2", "E2\u{200b}", "E3", "e3", "E4", "e4", "E5\u{a0}", " E5", "E6", "Id8", "iD8", "007"];

fn org(behaviour: Behaviour) -> (Scenario, Vec<SimUser>) {
    let generated = Generated { users: IDS.len(), groups_per_user: 0, ..Generated::default() };
    let mut scenario = Scenario { population: Population::Generated(generated), behaviour, ..Scenario::default() };
    let org = Simulator::new(scenario.clone());
    let mut users = org.users();
    for (user, id) in users.iter_mut().zip(IDS) {
        user.employee_id = Some(id.to_owned());
        user.external_ids = vec![ExternalId { authority: "hr".to_owned(), key: format!("K{id}") }];
        if id == "e4" {
            user.state = UserState::Inactive;
        }
    }
    let (groups, skills) = (org.catalogue(SimTarget::WfmSkillGroups), org.catalogue(SimTarget::RoutingSkills));
    let population = Explicit { users: users.clone(), groups, skills, ..Explicit::default() };
    scenario.population = Population::Explicit(population);
    (scenario, users)
}

/// What becomes of entries that name these, and the messages.
async fn ends(bed: &Bed, lane: Lane, named: &[UserRef]) -> Vec<(Option<UserId>, Option<Reason>, String)> {
    let (target, mode, same_user) = (Target::WfmSkillGroups, Mode::Add, SameUser::InOrder);
    let spec = JobSpec { dry_run: true, lane, same_user, ..JobSpec::new(target, mode) };
    let rows = named.iter().map(|user| EntryRequest { user: user.clone(), ..employee(0, &["Group 1"]) }).collect();
    let job = bed.service.engine.submit(spec, rows).await.unwrap().id;
    bed.finish(job).await;
    let told = bed.entries(job).into_iter().map(|entry| {
        assert!(matches!(entry.state, EntryState::Planned | EntryState::Unchanged | EntryState::Failed));
        (entry.user, entry.result.reason, entry.result.message.unwrap_or_default().into())
    });
    told.collect()
}

#[tokio::test(start_paused = true)]
async fn an_employee_id_is_found_exactly_or_as_it_reads_or_in_another_case() {
    let cases = [
        ("E1", Ok(0)),
        (" E1\u{200b}", Ok(0)),
        ("E2", Ok(1)),
        ("E3", Ok(3)),
        ("e3", Ok(4)),
        ("E4", Ok(5)),
        ("e4", Err(Reason::UserInactive)),
        ("E5", Err(Reason::UserAmbiguous)),
        ("e6", Ok(9)),
        ("ID8", Err(Reason::UserAmbiguous)),
        ("7", Err(Reason::UserNotFound)),
        ("\u{feff}007", Ok(12)),
        ("E\u{ad}9", Err(Reason::UserNotFound)),
    ];
    let named: Vec<_> = cases.iter().map(|(id, _)| UserRef::EmployeeId((*id).into())).collect();
    for scim in [Access::Granted, Access::Refused] {
        let (scenario, users) = org(Behaviour { scim, ..Behaviour::default() });
        let together = ends(&Bed::start(&scenario, ""), Lane::Bulk, &named).await;
        let bed = Bed::start(&scenario, "");
        let mut singly = Vec::new();
        for user in &named {
            singly.extend(ends(&bed, Lane::Interactive, std::slice::from_ref(user)).await);
        }
        for told in [together, singly] {
            for ((id, expected), (user, reason, message)) in cases.iter().zip(told) {
                let found = reason.map_or_else(|| Ok(user), Err);
                let expected = expected.map(|n: usize| Some(UserId(users[n].id)));
                assert_eq!(found, expected, "{scim:?} {id:?} {message}");
                match *id {
                    "7" => assert!(message.contains("exactly this employee id, and no active one has it in another")),
                    "E\u{ad}9" => assert!(message.contains("invisible characters (\\u{ad})"), "{message}"),
                    _ => {}
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn addresses_and_external_ids_are_found_as_they_read() {
    let (scenario, users) = org(Behaviour::default());
    let bed = Bed::start(&scenario, "");
    let email = |n: usize, change: fn(&str) -> String| UserRef::Email(change(&users[n].email).into());
    let external = |key: &str| UserRef::ExternalId { authority: "hr".into(), key: key.into() };
    let cases = [
        (email(1, |email| format!("\u{feff}{} ", email.to_uppercase())), Some(1)),
        (email(2, |email| email.replace('@', "\u{200b}@")), Some(2)),
        (email(2, |email| email.replace('@', "x@")), None),
        (external("K\u{200b}E2"), Some(1)),
        // It is there as it is given, whatever nobody sees in it.
        (external("KE2\u{200b}"), Some(2)),
        (external("kE2"), None),
    ];
    for (named, expected) in cases {
        let told = ends(&bed, Lane::Interactive, std::slice::from_ref(&named)).await;
        let reason = expected.map_or(Some(Reason::UserNotFound), |_: usize| None);
        assert_eq!((told[0].0, told[0].1), (expected.map(|n| UserId(users[n].id)), reason), "{named:?}");
    }
}
