use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::*;
use crate::domain::{Target, UserId, UserKey};
use crate::journal::content::KeptUserState;
use crate::journal::database::sqlite::tests::{Folder, job};
use crate::journal::error::JournalError;
use crate::journal::port::Journal as _;
use crate::journal::reader::JournalReader;
use crate::journal::{Holdings, Memo, OrgIdentity, Recovered};

fn org(id: Option<u128>) -> OrgIdentity {
    OrgIdentity { org: id.map(Uuid::from_u128), api_host: "api.mypurecloud.de".into(), client_id: "client".into() }
}

#[tokio::test]
async fn whose_it_is_is_kept_and_what_was_remembered_for_another_goes() {
    let folder = Folder::new();
    let (journal, recovered) = folder.open();
    assert_eq!(recovered.belongs_to, None);
    let user = UserKey { target: Target::RoutingSkills, user: UserId(Uuid::from_u128(1)) };
    journal.intend(user, KeptUserState::default()).await.unwrap();
    journal.accept(job(1, 3), Vec::new()).await.unwrap();
    journal.belong_to(org(None), false).await.unwrap();
    drop(journal);
    let (journal, recovered) = folder.open();
    let memo = |space: &str| Memo { space: space.into(), key: "a".into(), value: Some("".into()) };
    let recovered = Recovered { memos: vec![memo("people"), memo("names")], ..recovered };
    let holdings = Holdings::of(&recovered, |memo| &*memo.space == "people");
    assert_eq!(holdings, Holdings { open_entries: 3, user_states: 1, people: 1 });
    assert_eq!(recovered.belongs_to, Some(org(None)));
    journal.belong_to(org(Some(2)), true).await.unwrap();
    drop(journal);
    let mut lines = Vec::new();
    JournalReader::open(&folder.0).unwrap().export(&mut lines).unwrap();
    assert!(String::from_utf8(lines).unwrap().contains(r#""record":"belongsTo","org":"00000000-"#));
    let (_journal, recovered) = folder.open();
    assert_eq!((recovered.belongs_to, recovered.user_states.len(), recovered.jobs.len()), (Some(org(Some(2))), 0, 1));
}

#[tokio::test]
async fn nothing_new_comes_in_while_it_is_in_doubt_whose_it_is() {
    let folder = Folder::new();
    let (journal, _) = folder.open();
    let memo = |value: Option<&str>| vec![Memo { space: "a".into(), key: "b".into(), value: value.map(Into::into) }];
    journal.doubt(Some(JournalError::InDoubt));
    assert!(matches!(journal.accept(job(1, 1), Vec::new()).await, Err(JournalError::InDoubt)));
    assert!(matches!(journal.remember(memo(Some("c"))).await, Err(JournalError::InDoubt)));
    journal.remember(memo(None)).await.unwrap();
    journal.doubt(None);
    journal.accept(job(1, 1), Vec::new()).await.unwrap();
}

#[tokio::test]
async fn files_of_earlier_versions_are_narrowed_and_a_lock_that_leads_elsewhere_is_not_emptied() {
    let folder = Folder::new();
    drop(folder.open());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (database, lock, other) = (folder.0.join("journal.sqlite"), folder.0.join("lock"), folder.0.join("other"));
    for (path, wide) in [(&folder.0, 0o755), (&database, 0o644)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(wide)).unwrap();
    }
    std::fs::write(&other, "precious").unwrap();
    std::fs::remove_file(&lock).unwrap();
    symlink(&other, &lock).unwrap();
    let (_journal, _) = folder.open();
    assert_eq!((mode(&folder.0), mode(&database)), (0o700, 0o600));
    assert_eq!(std::fs::read(&other).unwrap(), b"precious");
}
