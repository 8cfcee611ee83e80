use super::*;
use crate::domain::AssignmentId;
use crate::domain::conflict::Cause;
use crate::domain::entry::SharedLists;

fn request(reference: Option<&str>, user: UserRef, names: &[&str], lists: &mut SharedLists) -> EntryRequest {
    let listed = names.iter().map(|name| ListedAssignment {
        name: lists.named(name),
        proficiency: None,
        because: Some("rule".into()),
        left_as_is: false,
    });
    let listed = listed.collect();
    EntryRequest { reference: reference.map(Into::into), user, assignments: lists.list(listed), occurred_at: None }
}

fn all_kinds() -> Vec<EntryRequest> {
    let mut lists = SharedLists::default();
    let external = UserRef::ExternalId { authority: "a:b".into(), key: "c:d".into() };
    vec![
        request(Some("ä-1"), UserRef::Email("ana@example.com".into()), &["Billing", "VIP"], &mut lists),
        request(None, UserRef::Id(UserId(Uuid::from_u128(7))), &[], &mut lists),
        request(Some(""), external, &["Billing", "VIP"], &mut lists),
        request(None, UserRef::EmployeeId("E1".into()), &["Billing"], &mut lists),
    ]
}

#[test]
fn what_was_put_in_comes_out() {
    let mut requests = all_kinds();
    let undated = Entries::from(requests.iter().cloned().map(EntryOrder::from).collect::<Vec<_>>());
    assert!(undated.dates.is_empty() && undated.plans.is_empty());
    if let Some(second) = requests.get_mut(1) {
        second.occurred_at = Some(Timestamp::UNIX_EPOCH);
    }
    let plan = Difference { removed: vec![AssignmentId(Uuid::from_u128(1))], ..Difference::default() };
    let mut orders: Vec<_> = requests.into_iter().map(EntryOrder::from).collect();
    if let Some(last) = orders.last_mut() {
        last.plan = Some(Box::new(plan));
        last.presence = Presence::Missing;
        last.repeats = Some(Place { at: Timestamp::UNIX_EPOCH, entry: (JobId(Uuid::nil()), 7) });
    }
    let entries = Entries::from(orders.clone());
    let order = |index| {
        let plan = entries.plan(index).map(|plan| Box::new(plan.clone()));
        let (request, repeats) = (entries.request(index)?, entries.repeats(index));
        Some(EntryOrder { request, plan, repeats, presence: entries.presence(index) })
    };
    let back: Vec<_> = (0..).map_while(order).collect();
    assert_eq!(back, orders);
    assert_eq!(entries.lists.len(), 3, "equal lists are one");
}

#[test]
fn a_result_comes_out_as_it_was_put_in() {
    let mut entries = Entries::from(all_kinds().into_iter().map(EntryOrder::from).collect::<Vec<_>>());
    let conflict = ConflictRecord {
        cause: Cause::Busy,
        status: Some(409),
        sent: None,
        found: None,
        correlation_id: Some("c".into()),
        at: Timestamp::UNIX_EPOCH,
    };
    let effects = Effects { preserved: vec![AssignmentId(Uuid::from_u128(1))], ..Effects::default() };
    let plain = EntryResult {
        effects: effects.clone(),
        attempts: 2,
        finished_at: "2026-11-23T07:30:00.125Z".parse().ok(),
        ..EntryResult::default()
    };
    let rich = EntryResult {
        reason: Some(Reason::Blocked),
        message: Some("m".into()),
        conflicts: vec![conflict],
        superseded_by: Some((JobId(Uuid::nil()), 3)),
        ..plain.clone()
    };
    for (index, result) in [(0, &plain), (1, &rich), (2, &plain), (3, &EntryResult::default())] {
        entries.set_result(index, result.clone());
        assert_eq!(entries.result(index), *result);
    }
    let shared = |index: usize| entries.rows.get(index).and_then(|row| row.effects.clone());
    assert!(shared(0).zip(shared(2)).is_some_and(|(one, other)| Arc::ptr_eq(&one, &other)), "equal effects are one");
    entries.clear_result(1);
    assert_eq!(entries.result(1), EntryResult::default());
}

#[test]
fn who_is_erased_leaves_the_others_as_they_were() {
    let requests = all_kinds();
    for erased in 0..16u32 {
        let gone: HashSet<u32> = (0..4).filter(|index| erased & (1 << index) != 0).collect();
        let orders = requests.iter().cloned().map(|request| EntryOrder {
            plan: Some(Box::default()),
            repeats: Some(Place { at: Timestamp::UNIX_EPOCH, entry: (JobId(Uuid::nil()), 7) }),
            request: EntryRequest { occurred_at: Some(Timestamp::UNIX_EPOCH), ..request },
            presence: Presence::NamedAgain,
        });
        let mut entries = Entries::from(orders.collect::<Vec<_>>());
        for index in 0..4 {
            entries.turn(index, EntryState::Failed);
            entries.set_user(index, UserId(Uuid::from_u128(77)));
            let (reason, message) = (Some(Reason::Blocked), Some("m".into()));
            let finished_at = Some(Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1));
            entries.set_result(index, EntryResult { reason, message, finished_at, ..EntryResult::default() });
        }
        let before: Vec<_> = (0..4).map(|index| (entries.request(index), entries.result(index))).collect();
        // Erasing a second time changes nothing.
        for _ in 0..2 {
            entries.erase(&gone);
        }
        for (index, (request, result)) in (0..4).zip(before) {
            let is_gone = gone.contains(&index);
            assert_eq!(entries.is_erased(index), is_gone);
            assert_eq!(entries.plan(index).is_some() && entries.repeats(index).is_some(), !is_gone);
            if is_gone {
                let EntryRequest { reference, user, assignments, occurred_at } = entries.request(index).unwrap();
                assert_eq!((reference, user, occurred_at), (None, UserRef::Id(UserId(Uuid::nil())), None));
                assert!(assignments.is_empty() && entries.user(index).is_none());
                assert_eq!(entries.result(index), EntryResult { message: None, ..result });
            } else {
                assert_eq!((entries.request(index), entries.result(index)), (request, result));
            }
        }
    }
}

#[test]
fn a_row_stays_small() {
    assert!(size_of::<EntryRow>() <= 72, "{}", size_of::<EntryRow>());
}
