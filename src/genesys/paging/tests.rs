//! Listings as a hostile or broken server might answer them.

use super::*;

const USERS: PagedListing =
    PagedListing { route: Route::Users, of: "users", none: "nobody", page_size: 4, most_pages: None };

struct Id(u128);

impl Entity for Id {
    fn id(&self) -> Uuid {
        Uuid::from_u128(self.0)
    }
}

fn ids(ids: impl IntoIterator<Item = u128>) -> Vec<Id> {
    ids.into_iter().map(Id).collect()
}

fn marks(page_count: Option<u32>, total: Option<usize>, next_uri: Option<&'static str>) -> Marks<'static> {
    Marks { page_count, total, next_uri }
}

/// Reads the pages; returns how far it got, or what stopped it.
fn read(pages: impl IntoIterator<Item = (Vec<Id>, Marks<'static>)>) -> Result<Extent, String> {
    let mut reading = ListingReading::new(USERS);
    for (entities, marks) in pages {
        if !reading.numbered(&entities, marks).map_err(|error| error.to_string())? {
            return Ok(reading.extent());
        }
    }
    panic!("more pages were asked for than there are: {:?}", reading.extent())
}

#[test]
fn a_whole_listing_is_complete() {
    let told = marks(Some(2), Some(6), Some("/2"));
    let extent = read([(ids(0..4), told), (ids(4..6), told)]).unwrap();
    assert_eq!(extent, Extent { pages: 2, shown: 6, total: Some(6), complete: true, is_cut: false });
    let nobody = read([(ids([]), marks(Some(0), Some(0), None))]).unwrap();
    assert!(nobody.complete);
}

#[test]
fn an_empty_page_in_the_middle_is_neither_the_end_nor_complete() {
    let told = marks(Some(3), Some(6), None);
    let extent = read([(ids(0..4), told), (ids([]), told), (ids(4..6), told)]).unwrap();
    assert_eq!((extent.pages, extent.shown, extent.complete), (3, 6, false));
}

#[test]
fn without_a_page_count_it_goes_on_by_next_uri_or_until_a_page_shows_nothing_new() {
    let (next, none) = (marks(None, None, Some("/2")), marks(None, None, None));
    let by_uri = read([(ids(0..1), next), (ids([]), next), (ids(1..2), none)]).unwrap();
    assert_eq!((by_uri.pages, by_uri.shown, by_uri.complete), (3, 2, false));
    let short_pages = read([(ids(0..1), none), (ids(1..2), none), (ids(2..3), none), (ids([]), none)]).unwrap();
    assert_eq!((short_pages.pages, short_pages.shown, short_pages.complete), (4, 3, true));
    let with_a_total = [0..1, 1..2, 2..3].map(|shown| (ids(shown), marks(None, Some(3), None)));
    assert!(read(with_a_total).unwrap().complete);
    // The complete listing is returned whatever page is requested.
    let repeated = read([(ids(0..2), none), (ids(0..2), none)]).unwrap();
    assert_eq!((repeated.shown, repeated.complete), (2, true));
    let just_full = read([(ids(0..4), none), (ids([]), none)]).unwrap();
    assert_eq!((just_full.pages, just_full.complete), (2, true));
    let by_total = read([(ids(0..4), marks(None, Some(4), None))]).unwrap();
    assert_eq!((by_total.pages, by_total.complete), (1, true));
}

#[test]
fn fewer_than_the_total_are_not_complete_and_neither_is_a_total_that_falls() {
    let short = read([(ids(0..2), marks(Some(1), Some(2_000), None))]).unwrap();
    assert_eq!((short.shown, short.total, short.complete), (2, Some(2_000), false));
    let twice = read([(ids([0, 0, 1, 1]), marks(Some(1), Some(4), None))]).unwrap();
    assert!(!twice.complete);
    // One user left and one was added: the total matches, yet a user may have been skipped.
    let fell = [8, 7, 8].map(|total| marks(Some(3), Some(total), None));
    let fell = read([ids(0..4), ids(5..8), ids(8..9)].into_iter().zip(fell)).unwrap();
    assert_eq!((fell.shown, fell.complete), (8, false));
    let grew = [7, 8].map(|total| marks(Some(2), Some(total), None));
    assert!(read([ids(0..4), ids(4..8)].into_iter().zip(grew)).unwrap().complete);
}

#[test]
fn counts_that_contradict_what_is_shown_tell_nothing() {
    let told = marks(Some(0), Some(0), None);
    let extent = read([(ids(0..3), told), (ids([]), told)]).unwrap();
    assert_eq!((extent.shown, extent.total, extent.complete), (3, None, true));
}

#[test]
fn a_page_that_repeats_others_ends_the_reading_with_its_number() {
    let told = marks(Some(u32::MAX), Some(2_000_000_000), None);
    let error = read((0..99).map(|_| (ids(0..4), told))).unwrap_err();
    assert_eq!(
        error,
        "unavailable: 200: the answer to GET /api/v2/users cannot be read (the listing of users does not progress: page 2 shows nobody new)"
    );
    // Not if it is the last one, which happens if all users moved by the length of a page.
    let told = marks(Some(2), Some(5), None);
    assert!(!read([(ids(0..4), told), (ids(3..4), told)]).unwrap().complete);
    // Nor if all users are known.
    let told = marks(Some(u32::MAX), Some(4), None);
    assert!(read([(ids(0..4), told), (ids(0..4), told)]).unwrap().complete);
}

#[test]
fn pages_that_stay_empty_end_the_reading() {
    let error = read((0..99).map(|n| (ids(0..u128::from(n == 0)), marks(Some(99), Some(396), None)))).unwrap_err();
    assert!(error.contains("page 5 shows nobody new"), "{error}");
}

#[test]
fn there_are_only_so_many_pages_whatever_is_on_them() {
    for (total, most) in [(Some(8), 14), (None, MAX_PAGES)] {
        let pages = (0..).map(|n| (ids(n * 4..n * 4 + 4), marks(Some(u32::MAX), total, None)));
        let error = read(pages).unwrap_err();
        assert!(error.contains(&format!("page {most} exceeds the possible number of pages")), "{error}");
    }
}

#[test]
fn a_cursor_that_repeats_ends_the_reading() {
    let mut reading =
        ListingReading::new(PagedListing { route: Route::SkillGroups, of: "skill groups", none: "nothing", ..USERS });
    assert_eq!(reading.by_cursor(&ids(0..4), marks(None, None, Some("/a"))), Ok(true));
    assert_eq!(reading.by_cursor(&ids(4..8), marks(None, None, Some("/b"))), Ok(true));
    let error = reading.by_cursor(&ids(8..9), marks(None, None, Some("/a"))).unwrap_err().to_string();
    assert!(error.contains("the listing of skill groups does not progress: page 3 leads to a page that"), "{error}");
    assert_eq!(reading.by_cursor(&ids(9..10), marks(None, None, None)), Ok(false));
}

#[test]
fn a_body_without_entities_is_no_page_unless_there_are_none() {
    assert!(entities::<Id>(USERS, None, Some(0)).unwrap().is_empty());
    for total in [None, Some(3)] {
        let Err(error) = entities::<Id>(USERS, None, total) else { panic!("taken for a page") };
        assert!(error.to_string().contains("cannot be read (a page of the listing of users has no"));
    }
}

/// Each page shows new users and announces more of them than the previous one.
#[test]
fn a_total_that_grows_with_each_page_does_not_make_a_listing_endless() {
    let mut reading = ListingReading::new(USERS);
    let mut page = 0u128;
    let stopped = loop {
        let told = marks(None, Some(usize::try_from(4 * page + 400).unwrap()), None);
        match reading.numbered(&ids(4 * page..4 * page + 4), told) {
            Ok(more) => assert!(more),
            Err(error) => break error.to_string(),
        }
        page += 1;
    };
    assert!(stopped.contains("exceeds the possible number of pages") && page < 250, "page {page}: {stopped}");
}
